"""Logging in through an identity provider: the good way, and every bad one, against a real one on loopback."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from doors_fixtures import House
from identity_provider import CLIENT, IdentityProvider, identity_provider
from oidc_fixtures import Browser, opened, people

from api import oidc_fetch, oidc_provider


@pytest.fixture
def idp() -> Iterator[IdentityProvider]:
    with identity_provider() as provider:
        yield provider


@pytest.fixture
async def house(tmp_path: Path, idp: IdentityProvider) -> AsyncIterator[House]:
    async with opened(tmp_path, idp) as found:
        yield found


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


async def test_it_leads_back_to_where_somebody_wanted_to_go(house: House) -> None:
    for page, where in (("/login?", "/keys"), ("/login?for=another&", "/"), ("/elsewhere?", "/")):
        browser = Browser(house)
        until = int(time.time()) + 600
        browser.client.headers["referer"] = f"{house.url}{page}to=%2Fkeys&until={until}"
        answer = await browser.log_in()
        assert (answer.status_code, answer.headers["location"]) == (302, where)


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
    monkeypatch.setattr(oidc_fetch, "MOST_BYTES", 100)
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
