"""People over HTTP and on the pages: each role gets as far as it goes, and what is changed holds at the next request."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
import pytest_asyncio
from doors_fixtures import PASSWORD, House, open_house
from people_fixtures import GOOD, add, link_in, one_of_each, role_of, signed_in

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        await one_of_each(opened)
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as opened:
        yield opened


async def fresh(house: House, stack: AsyncExitStack, name: str, role: str = "member") -> httpx.AsyncClient:
    """Add a person of this test's own, and sign them in."""
    await add(house, name, role)
    return (await signed_in(house, stack, name))[0]


async def test_an_invitation_over_http_lets_somebody_in_once(house: House, stack: AsyncExitStack) -> None:
    [admin] = await signed_in(house, stack, "admin")
    made = await admin.post("/api/people/invitations", json={"role": "viewer", "name": "Frida"})
    assert made.status_code == 201
    path = httpx.URL(made.json()["url"]).path
    assert made.json()["url"].startswith(house.url + "/join/")
    listed = (await admin.get("/api/people")).json()
    assert made.json()["id"] in {i["id"] for i in listed["invitations"]}
    assert path.rpartition("/")[2] not in (await admin.get("/api/people")).text
    async with httpx.AsyncClient(timeout=60, base_url=house.url, headers={"origin": house.url}) as frida:
        page = await frida.get(path)
        assert (page.status_code, page.headers["referrer-policy"]) == (200, "same-origin")
        assert "<strong>viewer</strong>" in page.text
        assert 'value="Frida"' in page.text
        wrong = await frida.post(path, data={"name": "<b>Frida", "password": GOOD, "repeated": "other"})
        assert (wrong.status_code, "&lt;b&gt;Frida" in wrong.text, "not the same" in wrong.text) == (400, True, True)
        taken = await frida.post(path, data={"name": "Ada", "password": GOOD, "repeated": GOOD})
        assert taken.status_code == 409
        joined = await frida.post(path, data={"name": "Frida", "password": GOOD, "repeated": GOOD})
        assert (joined.status_code, joined.headers["location"]) == (303, "/")
        me = (await frida.get("/api/me")).json()
        assert (me["name"], me["role"], me["rights"]) == ("frida", "viewer", ["read"])
        assert (await frida.get(path)).status_code == (await frida.post(path, data={})).status_code == 404
    assert (await admin.delete(f"/api/people/invitations/{made.json()['id']}")).status_code == 404


async def test_another_site_cannot_post_the_forms(house: House, stack: AsyncExitStack) -> None:
    [owner] = await signed_in(house, stack, "owner")
    for path in ("/people", "/people/user-member", "/me", "/join/x", "/reset/x"):
        answer = await owner.post(path, data={"kind": "others"}, headers={"origin": "https://evil.example"})
        assert answer.status_code == 403
    assert (await owner.get("/me")).status_code == 200


async def test_a_role_changed_on_the_page_holds_at_the_next_request(house: House, stack: AsyncExitStack) -> None:
    gina = await fresh(house, stack, "gina")
    [admin] = await signed_in(house, stack, "admin")
    assert (await gina.get("/api/me")).json()["role"] == "member"
    done = await admin.post("/people/user-gina", data={"kind": "role", "role": "viewer"})
    assert (done.status_code, done.headers["location"]) == (303, "/people/user-gina?did=role")
    assert (await gina.get("/api/me")).status_code == 401
    [gina] = await signed_in(house, stack, "gina")
    assert (await gina.get("/api/me")).json()["role"] == "viewer"
    assert (await gina.post("/api/missions", json={"goal": "x"})).status_code == 403
    refused = await admin.post("/people/user-gina", data={"kind": "role", "role": "owner"})
    assert (refused.status_code, "needs owner" in refused.text) == (403, True)
    assert await role_of(house.office.database, "gina") == ("viewer", True)


async def test_who_is_deactivated_is_out_and_comes_back_only_with_a_new_login(
    house: House, stack: AsyncExitStack
) -> None:
    hana = await fresh(house, stack, "hana")
    [admin] = await signed_in(house, stack, "admin")
    assert (await admin.patch("/api/people/user-hana", json={"active": False})).json()["active"] is False
    assert (await hana.get("/user")).status_code == 401
    async with house.visitor() as nobody:
        wrong = await nobody.post("/login", data={"username": "hana", "password": PASSWORD})
    assert (wrong.status_code, wrong.json()["detail"]) == (401, "The name or the password is not right.")
    await admin.patch("/api/people/user-hana", json={"active": True})
    assert (await hana.get("/user")).status_code == 401  # the old session does not come back
    [hana] = await signed_in(house, stack, "hana")
    assert (await hana.get("/user")).status_code == 200
    themselves = await admin.patch("/api/people/user-admin", json={"active": False})
    assert (themselves.status_code, "yourself" in themselves.json()["detail"]) == (409, True)


async def test_another_password_ends_the_other_sessions_and_keeps_this_one(house: House, stack: AsyncExitStack) -> None:
    here = await fresh(house, stack, "ivan")
    [there] = await signed_in(house, stack, "ivan")
    for wrong, code in (
        ({"old": "wrong", "new": GOOD}, 403), ({"old": PASSWORD, "new": "short"}, 400), ({"old": PASSWORD}, 422),
    ):  # fmt: skip
        assert (await here.post("/api/me/password", json=wrong)).status_code == code
    form = {"kind": "password", "old": PASSWORD, "new": GOOD, "again": GOOD + "x"}
    assert "not the same" in (await here.post("/me", data=form)).text
    done = await here.post("/me", data=form | {"again": GOOD})
    assert (done.status_code, done.headers["location"]) == (303, "/me?did=password")
    assert ((await here.get("/user")).status_code, (await there.get("/user")).status_code) == (200, 401)
    async with house.visitor() as nobody:
        assert (await nobody.post("/login", data={"username": "ivan", "password": PASSWORD})).status_code == 401
        assert (await nobody.post("/login", data={"username": "ivan", "password": GOOD})).status_code == 200


async def test_sessions_are_listed_and_ended_by_their_person(house: House, stack: AsyncExitStack) -> None:
    jana = await fresh(house, stack, "jana")
    other, third = await signed_in(house, stack, "jana", "jana")
    [member] = await signed_in(house, stack, "member")
    listed = (await jana.get("/api/sessions")).json()["sessions"]
    assert (len(listed), sum(s["current"] for s in listed)) == (3, 1)
    theirs = next(s["id"] for s in (await other.get("/api/sessions")).json()["sessions"] if s["current"])
    assert (await member.delete(f"/api/sessions/{theirs}")).status_code == 404
    assert (await other.get("/user")).status_code == 200
    page = (await jana.get("/me")).text
    assert page.count("End this one") == 2
    assert "this one</span>" in page
    assert (await jana.post("/me", data={"kind": "end", "session": theirs})).status_code == 303
    assert ((await other.get("/user")).status_code, (await third.get("/user")).status_code) == (401, 200)
    assert (await jana.delete("/api/sessions")).status_code == 204
    assert ((await third.get("/user")).status_code, (await jana.get("/user")).status_code) == (401, 200)
    out = await jana.post("/me", data={"kind": "sign_out"})
    assert (out.status_code, out.headers["location"]) == (303, "/login")
    assert (await jana.get("/user")).status_code == 401


async def test_signing_out_ends_the_session_not_only_the_cookie(house: House, stack: AsyncExitStack) -> None:
    kim = await fresh(house, stack, "kim")
    assert (await kim.post("/logout")).json() == {"success": True}
    assert (await kim.get("/user")).status_code == 401  # this client sends its cookie for ever


async def test_an_admin_signs_somebody_out_everywhere_but_not_an_owner(house: House, stack: AsyncExitStack) -> None:
    lara = await fresh(house, stack, "lara")
    owner, admin = await signed_in(house, stack, "owner", "admin")
    person = (await admin.get("/people/user-lara")).text
    assert "Sign out everywhere" in person
    assert "Signed in" in person
    assert (await admin.post("/people/user-lara", data={"kind": "sessions"})).status_code == 303
    assert (await lara.get("/user")).status_code == 401
    assert (await admin.delete("/api/people/user-owner/sessions")).status_code == 403
    assert (await owner.get("/user")).status_code == 200
    assert "Only an owner can change an owner" in (await admin.get("/people/user-owner")).text


async def test_a_link_for_a_new_password_is_shown_once_and_works_once(house: House, stack: AsyncExitStack) -> None:
    mona = await fresh(house, stack, "mona")
    [admin] = await signed_in(house, stack, "admin")
    path = link_in((await admin.post("/people/user-mona", data={"kind": "reset"})).text)
    assert path.rpartition("/")[2] not in (await admin.get("/people/user-mona")).text
    async with house.visitor() as nobody:
        assert "<strong>mona</strong>" in (await nobody.get(path)).text
        assert (await nobody.post(path, data={"password": "short", "repeated": "short"})).status_code == 400
        done = await nobody.post(path, data={"password": GOOD, "repeated": GOOD})
        assert (done.status_code, "set-cookie" in done.headers) == (200, False)  # it signs nobody in
        assert (await nobody.post(path, data={"password": GOOD, "repeated": GOOD})).status_code == 404
        assert (await nobody.get(path)).status_code == 404
        assert (await nobody.post("/login", data={"username": "mona", "password": GOOD})).status_code == 200
    assert (await mona.get("/user")).status_code == 401
    assert (await admin.post("/api/people/user-owner/reset")).status_code == 403


async def test_a_form_sent_again_makes_no_other_link_and_says_so(house: House, stack: AsyncExitStack) -> None:
    await add(house, "tess", "member")
    [admin] = await signed_in(house, stack, "admin")
    for path, form in (
        ("/people", {"kind": "invite", "role": "member", "name": "Twice"}),
        ("/people/user-tess", {"kind": "reset"}),
    ):
        part = (await admin.get(path)).text.partition(f'name="kind" value="{form["kind"]}"')[2].partition("</form>")[0]
        once = re.search(r'name="once" value="([0-9a-f-]{36})"', part)
        assert once
        answers = [await admin.post(path, data=form | {"once": once[1]}) for _ in range(2)]
        assert [a.status_code for a in answers] == [200, 409]
        assert "shown only once" in answers[1].text
        link = link_in(answers[0].text)
        assert link.rpartition("/")[2] not in answers[1].text
        async with house.visitor() as nobody:
            assert (await nobody.get(link)).status_code == 200
    assert (await admin.get("/people")).text.count("Twice") == 1


async def test_the_page_says_what_is_wrong_and_changes_nothing(house: House, stack: AsyncExitStack) -> None:
    await add(house, "nora", "member")
    [admin] = await signed_in(house, stack, "admin")
    for path, form, code in (
        ("/people", {"kind": "x"}, 400), ("/people", {"kind": "invite", "role": "king"}, 400),
        ("/people", {"kind": "invite", "role": "member", "days": "many"}, 400), ("/people", {"kind": "revoke"}, 404),
        ("/people/user-nora", {"kind": "x"}, 400), ("/people/user-nora", {"kind": "delete", "name": "someone"}, 400),
        ("/people/user-nora", {"kind": "role", "role": "king"}, 400), ("/people/nobody", {"kind": "role"}, 404),
        ("/me", {"kind": "x"}, 400), ("/me", {"kind": "end", "session": "x"}, 404),
    ):  # fmt: skip
        answer = await admin.post(path, data=form)
        assert answer.status_code == code, (path, form, answer.text)
        assert path == "/people/nobody" or re.search(r'class="problem" role="alert" >[^<]{10,}', answer.text)
    assert await role_of(house.office.database, "nora") == ("member", True)


async def test_what_people_call_themselves_cannot_run_on_the_pages(house: House, stack: AsyncExitStack) -> None:
    [owner] = await signed_in(house, stack, "owner")
    bad = '"><script>alert(1)</script>'
    async with house.visitor() as nobody:
        made = await owner.post("/api/people/invitations", json={"name": bad, "email": bad})
        path = httpx.URL(made.json()["url"]).path
        assert bad not in (await nobody.get(path)).text
        await nobody.post("/login", data={"username": bad, "password": bad}, headers={"user-agent": bad})
        await nobody.post(path, data={"name": bad, "password": GOOD, "repeated": GOOD}, headers={"user-agent": bad})
    pages = ["/people", "/audit", "/me", f"/audit?kind={bad}&person={bad}&before={bad}"]
    people = (await owner.get("/api/people")).json()["people"]
    pages += [f"/people/{p['id']}" for p in people if p["name"] == bad]
    assert len(pages) == 5
    for path in pages:
        text = (await owner.get(path)).text
        assert "<script>" not in text, path


async def test_the_audit_log_shows_who_did_what(house: House, stack: AsyncExitStack) -> None:
    await add(house, "olga", "member")
    [admin] = await signed_in(house, stack, "admin")
    await admin.patch("/api/people/user-olga", json={"role": "viewer"})
    found = (await admin.get("/api/audit?kind=role_changed&person=Olga")).json()
    assert [(e["actor"], e["subject"], e["address"], e["details"]) for e in found["entries"]] == [
        ("admin", "olga", "127.0.0.1", {"before": "member", "after": "viewer"})
    ]
    page = (await admin.get("/audit?kind=role_changed&person=olga")).text
    assert "Role changed" in page
    assert "before: member, after: viewer" in page
    assert "Nothing here" in (await admin.get("/audit?person=nobody-at-all")).text
    first = (await admin.get("/api/audit?limit=1")).json()
    assert first["more"] is True
    older = (await admin.get(f"/api/audit?limit=1&before={first['entries'][0]['number']}")).json()
    assert older["entries"][0]["number"] < first["entries"][0]["number"]
    assert (
        (await admin.get("/api/audit?limit=0")).status_code
        == (await admin.get("/api/audit?before=x")).status_code
        == 422
    )
