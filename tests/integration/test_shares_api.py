"""Links over the real server: made, looked at, changed, revoked; and what the other person gets, which is nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio
from doors_fixtures import House, open_house
from fake_office import direct
from share_fixtures import as_admin, shared, talk, worked
from sqlalchemy import delete, update

from core.missions import now
from memory import tables

pytestmark = pytest.mark.asyncio(loop_scope="module")
HOUSE_SECRET = "sk-house-0123456789abcdef"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("house")
    async with open_house(folder, public_links=True, compatible_api_key=HOUSE_SECRET) as opened:
        await as_admin(opened, "ada")  # members make no public links
        yield opened


async def test_from_making_a_link_to_its_end(house: House) -> None:
    conversation = await worked(house)
    async with house.visitor("ada") as ada, house.visitor("bob") as bob, house.visitor() as nobody:
        offer = (await ada.get(f"/api/conversations/{conversation}/shares")).json()
        assert (offer["messages"], [f["name"] for f in offer["files"]], offer["public"]) == (2, ["risks.md"], True)
        made = await shared(ada, conversation)
        assert (made["state"], made["audience"], made["include"], made["protected"]) == (
            "live",
            "people",
            "answers",
            False,
        )
        assert made["url"] == house.url + made["path"]
        days = (await house.office.shares.get(made["id"], "user-ada"))[0]
        assert days.expires_at is not None
        assert days.expires_at - days.created_at == pytest.approx(timedelta(days=7), abs=timedelta(seconds=5))
        page = await bob.get(made["path"])
        assert (page.status_code, "There are <strong>three</strong> risks." in page.text) == (200, True)
        turned_away = await nobody.get(made["path"])
        assert (turned_away.status_code, "three" in turned_away.text) == (401, False)
        looked = (await ada.get(f"/api/shares/{made['id']}")).json()
        assert (looked["views"], [(v["what"], v["who"]) for v in looked["log"]]) == (1, [("page", "bob")])
        assert (await ada.get("/api/shares")).json()["shares"][0]["id"] == made["id"]
        assert (await ada.delete(f"/api/shares/{made['id']}")).status_code == 204
        assert (await bob.get(made["path"])).status_code == 404
        ended = (await ada.get(f"/api/shares/{made['id']}")).json()
        assert (ended["state"], ended["url"], ended["files"]) == ("revoked", None, [])
        assert (await ada.patch(f"/api/shares/{made['id']}", json={"days": 3})).status_code == 409


async def test_what_has_expired_is_erased_when_somebody_looks(house: House) -> None:
    conversation = await worked(house)
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        made = await shared(ada, conversation, title="a\0b \u202e c")
        assert made["title"] == "ab \u202e c"
        which = tables.shares.c.id == made["id"]
        await house.office.database.write((update(tables.shares).where(which).values(expires_at=now()), None))
        assert (await house.office.shares.get(made["id"], "user-ada"))[1].messages
        await bob.get("/api/shares")
        assert (await house.office.shares.get(made["id"], "user-ada"))[1].messages == ()
        assert "expired" in (await ada.get("/shares")).text


async def test_the_other_person_gets_nothing(house: House) -> None:
    conversation = await worked(house)
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        made = await shared(ada, conversation)
        for method, path, body in (
            ("GET", f"/api/conversations/{conversation}/shares", None),
            ("POST", f"/api/conversations/{conversation}/shares", {}),
            ("GET", f"/api/conversations/{conversation}/shares/preview", None),
            ("GET", f"/api/shares/{made['id']}", None),
            ("GET", f"/api/shares/{made['id']}/preview", None),
            ("PATCH", f"/api/shares/{made['id']}", {"title": "Mine"}),
            ("DELETE", f"/api/shares/{made['id']}", None),
        ):
            answer = await bob.request(method, path, json=body)
            assert (answer.status_code, "three" in answer.text, made["path"] in answer.text) == (404, False, False)
        assert (await bob.get("/api/shares")).json()["shares"] == []
        assert (await ada.get(f"/api/shares/{made['id']}")).json()["title"] == made["title"]
        assert (await bob.get(made["path"])).status_code == 200


async def test_nobody_without_login_reaches_the_doors_of_owners(house: House) -> None:
    async with house.visitor() as nobody:
        for method, path in (("GET", "/api/shares"), ("GET", "/api/shares/x"), ("PATCH", "/api/shares/x"),
                             ("DELETE", "/api/shares/x"), ("GET", "/api/shares/x/preview"), ("POST", "/api/conversations/x/shares"),
                             ("GET", "/api/conversations/x/shares"), ("GET", "/shares")):  # fmt: skip
            assert (await nobody.request(method, path)).status_code == 401


async def test_public_links_need_the_setting_at_every_look(house: House) -> None:
    conversation = await talk(house, direct("For all."))
    settings = house.office.settings
    async with house.visitor("ada") as ada, house.visitor() as nobody:
        made = await shared(ada, conversation, audience="public")
        assert "For all." in (await nobody.get(made["path"])).text
        log = (await ada.get(f"/api/shares/{made['id']}")).json()["log"]
        assert [v["who"] for v in log] == ["127.0.0.x"]
        house.office.settings = settings.model_copy(update={"public_links": False})
        try:
            assert (await nobody.get(made["path"])).status_code == 401
            refused = await ada.post(f"/api/conversations/{conversation}/shares", json={"audience": "public"})
            assert (refused.status_code, "STAFFWORK_PUBLIC_LINKS" in refused.json()["detail"]) == (403, True)
            other = await shared(ada, conversation)
            assert (await ada.patch(f"/api/shares/{other['id']}", json={"audience": "public"})).status_code == 403
        finally:
            house.office.settings = settings
        assert (await nobody.get(made["path"])).status_code == 200


async def test_unknown_expired_and_revoked_are_answered_alike(house: House) -> None:
    conversation = await talk(house, direct("Gone soon."))
    async with house.visitor("ada") as ada, house.visitor() as nobody:
        expired, revoked = [await shared(ada, conversation, audience="public", days=days) for days in (1, None)]
        which = tables.shares.c.id == expired["id"]
        await house.office.database.write((update(tables.shares).where(which).values(expires_at=now()), None))
        assert revoked["expires_at"] is None
        await ada.delete(f"/api/shares/{revoked['id']}")
        answers = [
            await visitor.get(path)
            for visitor in (nobody, ada)
            for path in (
                "/s/" + "A" * 43,
                expired["path"],
                revoked["path"],
                "/s/x",
                "/s/a/b/c",
                "/s/",
                f"{expired['path']}/f/1",
                f"{revoked['path']}/copy",
                "/s/%2e%2e%2fuser",
            )
        ]
        assert {a.status_code for a in answers} == {404}
        assert len({a.text for a in answers}) == 1
        assert len({tuple(sorted((k, v) for k, v in a.headers.items() if k != "date")) for a in answers}) == 1
        for method in ("POST", "PUT", "DELETE"):
            assert (await nobody.request(method, expired["path"])).status_code == 404


async def test_a_password_stands_before_page_files_and_copy(house: House) -> None:
    conversation = await worked(house)
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        offered = (await ada.get(f"/api/conversations/{conversation}/shares")).json()["files"]
        too_short = await ada.post(f"/api/conversations/{conversation}/shares", json={"password": "short"})
        assert (too_short.status_code, "at least 8" in too_short.json()["detail"]) == (400, True)
        made = await shared(ada, conversation, password="open sesame", files=[offered[0]["id"]])
        assert "open sesame" not in str(made)
        for path in ("", "/f/1", "/copy"):
            asked = await bob.get(made["path"] + path)
            assert (asked.status_code, "has a password" in asked.text, "three" in asked.text) == (401, True, False)
            assert asked.headers["referrer-policy"] == "same-origin"
        wrong = await bob.post(made["path"], data={"password": "wrong one"})
        assert (wrong.status_code, "not the password" in wrong.text, "set-cookie" in wrong.headers) == (
            403,
            True,
            False,
        )
        assert (await bob.post(made["path"] + "/copy", data={})).status_code == 401
        right = await bob.post(made["path"], data={"password": "open sesame"})
        assert (right.status_code, right.headers["location"]) == (303, made["path"])
        cookie = right.headers["set-cookie"]
        assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", f"Path={made['path']}"))
        bob.headers["cookie"] += "; " + cookie.split(";")[0]
        assert "three" in (await bob.get(made["path"])).text
        assert (await bob.get(made["path"] + "/f/1")).content == b"# Risks\n"
        assert (await ada.patch(f"/api/shares/{made['id']}", json={"password": "another one"})).status_code == 200
        assert (await bob.get(made["path"])).status_code == 401
        await ada.patch(f"/api/shares/{made['id']}", json={"password": ""})
        assert (await bob.get(made["path"])).status_code == 200


async def test_the_preview_is_what_others_see(house: House) -> None:
    conversation = await worked(house)
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        made = await shared(ada, conversation, include="steps")
        preview = await ada.get(f"/api/shares/{made['id']}/preview")
        assert preview.text == (await bob.get(made["path"])).text
        assert (
            preview.headers["content-security-policy"]
            == (await bob.get(made["path"])).headers["content-security-policy"]
        )
        assert (await ada.get(f"/api/shares/{made['id']}")).json()["views"] == 2  # bob's
        draft = await ada.get(f"/api/conversations/{conversation}/shares/preview?include=steps&title=Mine")
        body = draft.text.split("<section", 1)[1]
        assert (body == preview.text.split("<section", 1)[1], "<h1>Mine</h1>" in draft.text) == (True, True)
        wrong = await ada.get(f"/api/conversations/{conversation}/shares/preview?include=everything")
        assert (wrong.status_code, "include" in wrong.json()["detail"]) == (422, True)


async def test_going_on_with_a_copy_of_ones_own(house: House) -> None:
    conversation = await worked(house)
    async with house.visitor("ada") as ada, house.visitor("bob") as bob, house.visitor() as nobody:
        made = await shared(ada, conversation, audience="public")
        for method in ("GET", "POST"):
            assert (await nobody.request(method, made["path"] + "/copy")).status_code == 401
        page = await bob.get(made["path"] + "/copy")
        assert (page.status_code, page.headers["referrer-policy"]) == (200, "same-origin")
        copies = [await bob.post(made["path"] + "/copy", data={"client_id": key}) for key in ("one", "one", "two")]
        assert [c.status_code for c in copies] == [303] * 3
        places = [c.headers["location"] for c in copies]
        assert (places[0] == places[1], places[0] != places[2]) == (True, True)
        copy_id = places[0].removeprefix("/thread/")
        thread = (await bob.get(f"/project/thread/{copy_id}")).json()
        said = {s["output"].partition("\n")[0] for s in thread["steps"] if s["type"].endswith("_message")}
        assert said == {"What is 6 * 7?", "There are **three** risks."}
        assert ("Rex" in str(thread), conversation in str(thread), thread["elements"]) == (False, False, [])
        assert (await ada.get(f"/project/thread/{copy_id}")).status_code in (401, 404)
        foreign = await bob.post(made["path"] + "/copy", headers={"origin": "https://evil.example"})
        assert foreign.status_code == 403
        await ada.delete(f"/api/shares/{made['id']}")
        assert (await bob.get(f"/project/thread/{copy_id}")).status_code == 200  # it is bob's own


async def test_links_end_with_conversation_and_owner(house: House) -> None:
    conversation = await worked(house)
    row = {"id": "user-eve", "name": "eve", "password_hash": "", "role": "member", "created_at": now()}
    await house.office.database.write((tables.users.insert(), row))
    async with house.visitor("ada") as ada, house.visitor("bob") as bob:
        made = await shared(ada, conversation)
        await ada.request("DELETE", "/project/thread", json={"threadId": conversation})
        assert (await bob.get(made["path"])).status_code == 404
        other = await shared(ada, await talk(house, direct("Eve's.")))
        which = tables.shares.c.id == other["id"]
        await house.office.database.write((update(tables.shares).where(which).values(user_id="user-eve"), None))
        assert (await bob.get(other["path"])).status_code == 200
        await house.office.database.write((delete(tables.users).where(tables.users.c.id == "user-eve"), None))
        assert (await bob.get(other["path"])).status_code == 404


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ({"days": 0}, "days"), ({"days": "soon"}, "days"), ({"audience": "all"}, "audience"), ({"x": 1}, "no such field"),
        ({"include": "all"}, "include"), ({"title": "x" * 2000}, "title"), ({"secrets": "no"}, "secrets"),
        ({"files": "a"}, "files"),
    ],
)  # fmt: skip
async def test_what_cannot_be_used_is_named(house: House, body: dict[str, Any], word: str) -> None:
    conversation = await talk(house, direct("x"))
    async with house.visitor("ada") as ada:
        answer = await ada.post(f"/api/conversations/{conversation}/shares", json=body)
        assert (answer.status_code, word in answer.json()["detail"]) == (422, True)


async def test_chainlits_own_sharing_is_not_there(house: House) -> None:
    conversation = await talk(house, direct("Private."))
    async with house.visitor("ada") as ada, house.visitor("bob") as bob, house.visitor() as nobody:
        for visitor in (ada, bob, nobody):
            for method, path in (
                ("GET", f"/project/share/{conversation}"), ("GET", f"/project/share/{conversation}/element/x"),
                ("PUT", "/project/thread/share"), ("POST", "/project/thread/share"), ("GET", f"/share/{conversation}"),
            ):  # fmt: skip
                answer = await visitor.request(method, path, json={"threadId": conversation, "isShared": True})
                assert (answer.status_code, "Private" in answer.text) == (404, False)
            for path in (f"//project/share/{conversation}", f"/project/./share/{conversation}", f"/PROJECT/share/{conversation}",
                         f"/project/share%2f{conversation}", f"/x/../project/share/{conversation}"):  # fmt: skip
                answer = await visitor.get(path)
                assert "Private" not in answer.text
        settings = await ada.get("/project/settings?language=en-US")
        assert settings.json()["threadSharing"] is False
