"""Whom an identity provider brings: who is who, with what role, and who is not let in."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from doors_fixtures import House, open_house
from identity_provider import IdentityProvider, identity_provider
from oidc_fixtures import Browser, change, opened, people
from sqlalchemy import insert, select

from core.missions import now
from memory import tables
from memory.identities import Claimed
from memory.people import User


@pytest.fixture
def idp() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        yield provider


@pytest.fixture
async def house(tmp_path: Path, idp: IdentityProvider) -> AsyncIterator[House]:
    async with opened(tmp_path, idp) as found:
        yield found


async def test_the_same_identity_is_the_same_person_whatever_they_are_called_now(
    house: House, idp: IdentityProvider
) -> None:
    await Browser(house).log_in()
    idp.who |= {"name": "bob", "email": "other@example.org"}
    browser = Browser(house)
    await browser.log_in()
    assert (await browser.user())["identifier"] == "ada idp"
    assert sorted(await people(house)) == ["ada", "ada idp", "bob"]


async def test_a_name_or_address_that_somebody_has_makes_nobody_that_person(
    house: House, idp: IdentityProvider
) -> None:
    await change(house, "bob", name="bob@example.org")
    for number, name in enumerate(("ada", "bob@example.org")):
        idp.who = {"sub": f"evil-{number}", "name": name, "email": "bob@example.org", "email_verified": True}
        browser = Browser(house)
        await browser.log_in()
        assert (await browser.user())["identifier"] == f"{name} 2"


@pytest.mark.parametrize("verified", [True, False])
async def test_a_verified_address_is_a_person_only_where_that_is_allowed(
    tmp_path: Path, idp: IdentityProvider, verified: bool
) -> None:
    async with opened(tmp_path, idp, oidc_link_by_email=True, oidc_newcomers=False) as house:
        await change(house, "bob", name="ada@example.org")
        idp.who |= {"email_verified": verified}
        browser = Browser(house)
        answer = await browser.log_in()
        if verified:
            assert (await browser.user())["identifier"] == "ada@example.org"
        else:
            await browser.refused(answer, "not verified")


async def test_groups_give_roles_anew_at_each_login_and_never_touch_an_owner(
    tmp_path: Path, idp: IdentityProvider
) -> None:
    async with opened(tmp_path, idp, oidc_groups="it=admin, staff=member,guests=viewer", oidc_role="none") as house:
        roles = []
        for groups in (["staff"], ["guests", "it"], ["guests"], "staff", ["elsewhere", 7, {"it": 1}]):
            idp.claims = {"groups": groups}
            answer = await Browser(house).log_in()
            roles.append((answer.status_code, (await people(house)).get("ada idp")))
        assert roles == [(302, "member"), (302, "admin"), (302, "viewer"), (302, "member"), (403, "member")]
        changes = await house.office.audit.read(kind="role_changed", person="ada idp")
        assert [c.details["new"] for c in changes] == ["member", "viewer", "admin"]
        await change(house, "ada idp", role="owner")
        idp.claims = {"groups": ["guests"]}
        assert (await Browser(house).log_in()).status_code == 302
        assert (await people(house))["ada idp"] == "owner"


async def test_a_lower_role_by_groups_ends_sessions_and_takes_back_what_it_does_not_allow(
    tmp_path: Path, idp: IdentityProvider
) -> None:
    async with opened(tmp_path, idp, oidc_groups="it=admin,staff=member,guests=viewer") as house:
        idp.claims = {"groups": ["it"]}
        first, database = Browser(house), house.office.database
        await first.log_in()
        user_id = (await first.user())["id"]
        talk = {"id": "talk", "user_id": user_id, "title": "x", "created_at": now(), "updated_at": now()}
        link = {
            "user_id": user_id,
            "conversation_id": "talk",
            "title": "x",
            "include": "answers",
            "snapshot": "{}",
            "created_at": now(),
        }
        await database.write((insert(tables.conversations), talk))
        await database.write((insert(tables.shares), link | {"id": "l", "token_hash": "l", "audience": "public"}))
        links = select(tables.shares.c.audience, tables.shares.c.revoked_at)
        for groups, audience, live in (
            (["it"], "public", True),
            (["staff"], "people", True),
            (["guests"], "people", False),
        ):
            idp.claims = {"groups": groups}
            second = Browser(house)
            await second.log_in()
            assert ((await first.user()) == {}) == (
                groups != ["it"]
            )  # their other sessions, as with any change of role
            assert (await second.user())["id"] == user_id
            [row] = await database.rows(links)
            assert (row.audience, row.revoked_at is None) == (audience, live)
            first = second


async def test_whoever_has_no_password_keeps_their_last_identity(house: House, idp: IdentityProvider) -> None:
    browser = Browser(house)
    await browser.log_in()
    page = await browser.client.post(
        "/auth/oidc/unlink", data={"issuer": idp.issuer, "subject": "s-1"}, headers={"origin": house.url}
    )
    assert (page.status_code, "only way to log in" in page.text) == (409, True)
    assert (await Browser(house).log_in()).status_code == 302
    who, identities = (await browser.user())["id"], house.office.doors.identities
    second = Claimed(issuer=idp.issuer, subject="s-9", name="x")
    await identities.link(User(id=who, name="ada idp", role="member"), second)
    both = (identities.unlink(who, idp.issuer, subject, passwords=True) for subject in ("s-1", "s-9"))
    ended = await asyncio.gather(*both, return_exceptions=True)
    assert sorted(type(e).__name__ for e in ended) == ["Conflict", "NoneType"]
    assert len(await identities.of_user(who)) == 1


async def test_groups_and_address_may_stand_in_the_userinfo_of_the_same_person(
    tmp_path: Path, idp: IdentityProvider
) -> None:
    async with opened(tmp_path, idp, oidc_groups="it=admin") as house:
        idp.userinfo = {"sub": "s-1", "groups": ["it"], "iss": "https://evil.example"}
        assert (await Browser(house).log_in()).status_code == 302
        assert (await people(house))["ada idp"] == "admin"
        idp.userinfo = {"sub": "s-2", "groups": ["it"]}
        browser = Browser(house)
        await browser.refused(await browser.log_in(), "two different people")


async def test_only_who_has_an_account_comes_in_unless_newcomers_are_welcome(
    tmp_path: Path, idp: IdentityProvider
) -> None:
    async with opened(tmp_path, idp, oidc_newcomers=False) as house:
        browser = Browser(house)
        await browser.refused(await browser.log_in(), "Nobody here has this identity")
        async with house.visitor("bob") as bob:  # connects it to his account, logged in
            onward = await bob.post("/auth/oidc/link", headers={"accept": "text/html"})
            way = onward.text.split('class="button" href="')[1].split('"')[0].replace("&amp;", "&")
            own = {"cookie": f"{bob.headers['cookie']}; {onward.headers['set-cookie'].split(';')[0]}"}
            back = (await bob.get(way)).headers["location"]
            done = await bob.get(back, headers=own)
            assert (done.status_code, done.headers["location"]) == (302, "/me/identities?did=link")
            assert idp.issuer in (await bob.get("/me/identities")).text
            assert (await bob.post("/auth/oidc/link", headers={"origin": "https://evil.example"})).status_code == 403
        assert (await browser.log_in()).status_code == 302
        assert (await browser.user())["identifier"] == "bob"
        async with house.visitor("ada") as ada:  # the same identity is not hers as well
            onward = await ada.post("/auth/oidc/link", headers={"accept": "text/html"})
            way = onward.text.split('class="button" href="')[1].split('"')[0].replace("&amp;", "&")
            own = {"cookie": f"{ada.headers['cookie']}; {onward.headers['set-cookie'].split(';')[0]}"}
            done = await ada.get((await ada.get(way)).headers["location"], headers=own)
            assert (done.status_code, "another account" in done.text) == (403, True)
        async with house.visitor("bob") as bob:
            form = {"issuer": idp.issuer, "subject": "s-1"}
            assert (await bob.post("/auth/oidc/unlink", data=form)).status_code == 303
        fresh = Browser(house)
        await fresh.refused(await fresh.log_in(), "Nobody here has this identity")
        kinds = {row.kind for row in await house.office.audit.read(person="bob", limit=50)}
        assert {"identity_linked", "identity_unlinked", "signed_in"} <= kinds


async def test_somebody_deactivated_does_not_come_in(house: House, idp: IdentityProvider) -> None:
    await Browser(house).log_in()
    await change(house, "ada idp", active=False)
    browser = Browser(house)
    await browser.refused(await browser.log_in(), "deactivated")


async def test_passwords_can_be_turned_off_and_the_login_offers_what_there_is(
    tmp_path: Path, idp: IdentityProvider
) -> None:
    async with opened(tmp_path, idp, password_login=False, oidc_label="Example Corp") as house:
        async with house.visitor() as nobody:
            config = (await nobody.get("/auth/config")).json()
            assert (config["passwordAuth"], config["oauthProviders"], config["requireLogin"]) == (
                False, ["Example Corp"], True,
            )  # fmt: skip
            login = await nobody.post("/login", data={"username": "ada", "password": "a long password"})
            assert login.status_code == 400
            button = await nobody.get("/auth/oauth/Example Corp")
            assert (button.status_code, button.headers["location"]) == (302, "/auth/oidc/start")
            for path in ("/auth/oauth/github", "/auth/oauth/Example Corp/callback", "/auth/oauth/"):
                assert (await nobody.get(path)).status_code == 404
            assert (await nobody.post("/auth/oauth/azure-ad-hybrid/callback")).status_code == 404
        browser = Browser(house)
        await browser.log_in()
        assert (await browser.user())["identifier"] == "ada idp"
        own = {"issuer": idp.issuer, "subject": "s-1"}
        last = await browser.client.post("/auth/oidc/unlink", data=own, headers={"origin": house.url})
        assert (last.status_code, "only way to log in" in last.text) == (409, True)


async def test_without_a_provider_there_is_no_such_door(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.visitor() as nobody:
        assert (await nobody.get("/auth/oidc/start")).status_code == 404
        assert (await nobody.get("/auth/oidc/callback?state=x&code=y")).status_code in (403, 404)
        assert (await nobody.get("/auth/config")).json()["oauthProviders"] == []
