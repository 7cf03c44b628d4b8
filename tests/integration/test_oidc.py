"""Logging in through an identity provider: the good way, and every bad one, against a real one on loopback."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest
from doors_fixtures import House, open_house
from identity_provider import CLIENT, SECRET, IdentityProvider, identity_provider
from sqlalchemy import select, update

from api import oidc_provider
from memory import tables


@pytest.fixture
def idp() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        yield provider


@asynccontextmanager
async def opened(folder: Path, idp: IdentityProvider, **chosen: Any) -> AsyncIterator[House]:
    settings = {"oidc_issuer": idp.issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    async with open_house(folder, **(settings | {"oidc_newcomers": True} | chosen)) as house:
        yield house


@pytest.fixture
async def house(tmp_path: Path, idp: IdentityProvider) -> AsyncIterator[House]:
    async with opened(tmp_path, idp) as found:
        yield found


class Browser:
    """A browser without scripts that goes to the provider and back, and keeps cookies as a browser does."""

    def __init__(self, house: House) -> None:
        self.client = httpx.AsyncClient(base_url=house.url, headers={"accept": "text/html"})

    async def to_provider(self) -> httpx.Response:
        """Set out, and come back as far as our callback, which is not opened yet: returns the way there."""
        out = await self.client.get("/auth/oidc/start")
        assert out.status_code == 302, out.text
        return await self.client.get(out.headers["location"])

    async def log_in(self) -> httpx.Response:
        return await self.client.get((await self.to_provider()).headers["location"])

    async def user(self) -> dict[str, Any]:
        answer = await self.client.get("/user", headers={"accept": "application/json"})
        return answer.json() if answer.status_code == 200 else {}

    async def refused(self, answer: httpx.Response, words: str = "") -> None:
        assert answer.status_code == 403, answer.text
        assert words in answer.text
        assert "access_token" not in answer.headers.get("set-cookie", "")
        assert await self.user() == {}


async def people(house: House) -> dict[str, str]:
    rows = await house.office.database.rows(select(tables.users.c.name, tables.users.c.role))
    return {row.name: row.role for row in rows}


async def change(house: House, who: str, /, **values: Any) -> None:
    which = tables.users.c.name == who
    await house.office.database.write((update(tables.users).where(which).values(**values), None))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
async def test_the_good_way(house: House, idp: IdentityProvider, algorithm: str) -> None:
    idp.algorithm = algorithm
    idp.rotate()
    browser = Browser(house)
    out = await browser.client.get("/auth/oidc/start")
    asked = {k: v[0] for k, v in parse_qs(urlsplit(out.headers["location"]).query).items()}
    assert asked["code_challenge_method"] == "S256"
    assert (asked["client_id"], asked["redirect_uri"]) == (CLIENT, f"{house.url}/auth/oidc/callback")
    assert {len(asked[n]) for n in ("state", "nonce", "code_challenge")} == {43}
    cookie = out.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=lax", "path=/auth/oidc"))
    answer = await browser.log_in()
    assert (answer.status_code, answer.headers["location"]) == (302, "/")
    assert (await browser.user())["identifier"] == "ada idp"
    assert (await people(house))["ada idp"] == "member"
    (signed_in,) = await house.office.audit.read(kind="signed_in", person="ada idp")
    assert signed_in.details["how"] == "oidc"


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


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"claims": {"iss": "https://evil.example"}}, "iss"),
        ({"claims": {"aud": "another program"}}, "aud"),
        ({"claims": {"aud": [CLIENT, "another"], "azp": "another"}}, "azp"),
        ({"claims": {"aud": [CLIENT, "another"]}}, "azp"),
        ({"claims": {"nonce": "another"}}, "nonce"),
        ({"without": {"nonce"}}, "nonce"),
        ({"claims": {"exp": time.time() - 3600}}, "expired"),
        ({"without": {"exp"}}, "exp"),
        ({"claims": {"iat": time.time() + 3600}}, "iat"),
        ({"claims": {"nbf": time.time() + 3600}}, "nbf"),
        ({"without": {"sub"}}, "sub"),
        ({"claims": {"sub": ""}}, "sub"),
        ({"claims": {"sub": "x" * 300}}, "sub"),
        ({"claims": {"email_verified": False}}, "not verified"),
        ({"claims": {"email_verified": "true"}}, "not verified"),
        ({"without": {"email_verified"}}, "not verified"),
        ({"forge": "none"}, "could not be checked"),
        ({"forge": "hmac"}, "could not be checked"),
        ({"forge": "other key"}, "bad signature"),
        ({"published": {"keys": []}}, "could not be checked"),
        ({"published": {"nothing": 1}}, "could not be checked"),
    ],
)
async def test_what_is_not_right_lets_nobody_in(
    house: House, idp: IdentityProvider, wrong: dict[str, Any], words: str
) -> None:
    for name, value in wrong.items():
        setattr(idp, name, value)
    browser = Browser(house)
    await browser.refused(await browser.log_in(), words)
    assert sorted(await people(house)) == ["ada", "bob"]
    (noted,) = await house.office.audit.read(kind="sign_in_failed")
    assert noted.details["how"] == "oidc"


@pytest.mark.parametrize(
    ("described", "words"),
    [
        ({"issuer": "https://evil.example"}, "by another name"),
        ({"code_challenge_methods_supported": ["plain"]}, "PKCE"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "authorization_endpoint"),
        ({"authorization_endpoint": None}, "authorization_endpoint"),
    ],
)
async def test_a_provider_that_describes_itself_wrongly_is_not_used(
    house: House, idp: IdentityProvider, described: dict[str, Any], words: str
) -> None:
    idp.description = described
    answer = await Browser(house).client.get("/auth/oidc/start")
    assert (answer.status_code, words in answer.text) == (502, True)


async def test_a_provider_that_is_away_or_endless_is_said_in_words(
    house: House, idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc_provider, "MOST_BYTES", 100)
    answer = await Browser(house).client.get("/auth/oidc/start")
    assert (answer.status_code, "more than can be read" in answer.text) == (502, True)
    house.app.state.oidc_provider._settings = house.office.settings.model_copy(
        update={"oidc_issuer": "http://127.0.0.1:9"}
    )
    answer = await Browser(house).client.get("/auth/oidc/start")
    assert (answer.status_code, "cannot be reached" in answer.text) == (502, True)


async def test_what_comes_back_counts_once_and_in_the_browser_that_set_out(house: House, idp: IdentityProvider) -> None:
    mine, thiefs = Browser(house), Browser(house)
    way = (await mine.to_provider()).headers["location"]
    await thiefs.refused(await thiefs.client.get(way))  # no cookie of ours; and the state is used up
    await mine.refused(await mine.client.get(way))
    way = (await mine.to_provider()).headers["location"]
    thief = (await thiefs.to_provider()).headers["location"]
    mixed = way.split("code=")[0] + "code=" + thief.split("code=")[1].split("&")[0] + "&" + way.split("&", 1)[1]
    await mine.refused(await mine.client.get(mixed))  # another attempt's code: its verifier and nonce do not fit
    way = (await mine.to_provider()).headers["location"]
    assert (await mine.client.get(way)).status_code == 302
    replayed = Browser(house)
    replayed.client.cookies.update(mine.client.cookies)
    assert (await replayed.client.get(way)).status_code == 403


@pytest.mark.parametrize("query", ["", "?state=x", "?state=x&code=y", "?code=y", "?error=access_denied&state={state}"])
async def test_a_callback_without_what_belongs_to_it_is_refused(house: House, query: str) -> None:
    browser = Browser(house)
    out = await browser.client.get("/auth/oidc/start")
    state = parse_qs(urlsplit(out.headers["location"]).query)["state"][0]
    await browser.refused(await browser.client.get("/auth/oidc/callback" + query.format(state=state)))


async def test_a_code_without_its_verifier_is_refused_by_the_provider(
    house: House, idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc_provider, "create_s256_code_challenge", lambda _: "A" * 43)
    browser = Browser(house)
    await browser.refused(await browser.log_in(), "did not accept")


async def test_an_answer_of_another_provider_is_refused(house: House, idp: IdentityProvider) -> None:
    browser = Browser(house)
    way = (await browser.to_provider()).headers["location"]
    assert quote(idp.issuer, safe="") in way
    await browser.refused(await browser.client.get(way.replace(quote(idp.issuer, safe=""), "https%3A%2F%2Fevil")))


async def test_new_keys_of_the_provider_are_found(
    house: House, idp: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await Browser(house).log_in()).status_code == 302
    idp.rotate()
    browser = Browser(house)
    await browser.refused(await browser.log_in(), "could not be checked")  # fetched a moment ago
    monkeypatch.setattr(oidc_provider, "LEAST_SECONDS_BETWEEN_KEYS", 0.0)
    assert (await Browser(house).log_in()).status_code == 302
    before = idp.asked.count("/jwks")
    assert (await Browser(house).log_in()).status_code == 302
    assert idp.asked.count("/jwks") == before


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
