"""Led to the login, and from there to where one wanted to go: this house only, for a while, and nobody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
import pytest_asyncio
from doors_fixtures import PASSWORD, House, open_house
from sqlalchemy import update

from api import returning
from api.guard import NOT_DONE
from api.masthead import PLACES
from api.returning import KNOWN_SECONDS, UNKNOWN_SECONDS, is_page, login_address, wanted
from core.missions import now
from memory import tables

pytestmark = pytest.mark.asyncio(loop_scope="module")
THREAD = "/thread/01a1ff23-ac11-74b1-a23c-9785175d59dc"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@asynccontextmanager
async def browser(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that keeps its cookies and asks for pages."""
    headers = {"origin": house.url, "accept": "text/html"}
    async with httpx.AsyncClient(timeout=60, base_url=house.url, headers=headers) as client:
        yield client


async def log_in(client: httpx.AsyncClient, name: str) -> None:
    form = {"username": name, "password": PASSWORD}
    assert (await client.post("/login", data=form, headers={"accept": "*/*"})).status_code == 200


async def led(client: httpx.AsyncClient, login: str) -> str:
    """Go on as the login page does once somebody is logged in; returns where to."""
    answer = await client.get(login.replace("/login", "/login/back", 1))
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


@pytest.mark.parametrize(
    "page", ["/memories", "/inbox", "/keys", THREAD, "/audit?person=ada%20b&kind=x", "/shares/new?conversation=c"]
)
async def test_whoever_is_led_to_the_login_comes_back(house: House, page: str) -> None:
    async with browser(house) as client:
        answer = await client.get(page)
        assert (answer.status_code, urlsplit(answer.headers["location"]).path) == (302, "/login")
        assert "set-cookie" not in answer.headers
        await log_in(client, "ada")
        assert await led(client, answer.headers["location"]) == page


WRONG = [
    "https://evil.example/", "//evil.example", "//evil.example/keys", "/\\evil.example", "\\\\evil.example", "/keys\\..",
    "/%2fevil.example", "/keys//evil", "/keys/../logout", "/keys/%2e%2e/logout", "/keys\r\nlocation: https://evil.example",
    "/keys\t", "/keys\0", " /keys", "/keys#x", "/keys?a#b", "/keys?\n", "/keys?<b>", "javascript:alert(1)", "keys", "", "/",
    "/login", "/login?to=/keys", "/login/back", "/logout", "/setup", "/join/x", "/reset/x", "/auth/oidc/start", "/api/me",
    "/api/shares/x/preview", "/project/thread/x", "/files/artifact/x", "/steer/x", "/second-factor", "/thread/x/y", "/thread/",
    "/kéys", "/keys?" + "a" * 600,
]  # fmt: skip


@pytest.mark.parametrize("to", WRONG)
async def test_nobody_is_led_anywhere_else(house: House, to: str) -> None:
    assert not is_page(to)
    assert login_address(to) == "/login"
    async with browser(house) as client:
        await log_in(client, "ada")
        until = int(now().timestamp()) + 60
        answer = await client.get("/login/back", params={"to": to, "until": str(until)})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_every_page_that_is_offered_can_be_come_back_to() -> None:
    assert [place.path for place in PLACES if place.path != "/" and not is_page(place.path)] == []


async def test_it_is_soon_over(monkeypatch: pytest.MonkeyPatch) -> None:
    at = now()
    for user_id, seconds in (("", UNKNOWN_SECONDS), ("user-ada", KNOWN_SECONDS)):
        monkeypatch.setattr(returning, "now", lambda: at)
        asked = dict(parse_qsl(urlsplit(login_address("/keys", user_id)).query))
        for later, where in ((seconds - 2, "/keys"), (seconds + 1, "/")):
            monkeypatch.setattr(returning, "now", lambda later=later: at + timedelta(seconds=later))
            assert wanted(asked, "user-ada") == where
    for until in ("", "x", "-1", "9" * 400, "１７"):
        assert wanted({"to": "/keys", "until": until}, "user-ada") == "/"


async def test_the_page_of_a_session_that_ended_is_for_its_person_only(house: House) -> None:
    async with browser(house) as client:
        await log_in(client, "ada")
        [session, *_] = await house.office.sessions.of_user("user-ada")
        await house.office.sessions.end(session.id, "user-ada")
        login = (await client.get(THREAD)).headers["location"]
        assert set(parse_qs(urlsplit(login).query)) == {"to", "until", "for"}
        assert "user-ada" not in login
        await log_in(client, "bob")
        assert await led(client, login) == "/"
        await log_in(client, "ada")
        assert await led(client, login) == THREAD


@pytest.mark.parametrize("door", ["/logout", "/me"])
async def test_open_pages_of_somebody_who_signed_out_lead_the_next_one_nowhere(house: House, door: str) -> None:
    async with browser(house) as client:
        await log_in(client, "ada")
        assert (await client.post(door, data={"kind": "sign_out"})).status_code in (200, 303)
        assert (await client.get(THREAD)).headers["location"] == "/login"
        cookie = next(c for c in client.cookies.jar if c.name == returning.LEFT)
        assert cookie.expires is not None
        assert cookie.expires <= now().timestamp() + 601


async def test_a_form_sent_after_the_session_ended_is_not_done_and_leads_back(house: House) -> None:
    async with browser(house) as client:
        await log_in(client, "ada")
        [session, *_] = await house.office.sessions.of_user("user-ada")
        await house.office.sessions.end(session.id, "user-ada")
        before = await house.office.doors.keys.list("user-ada")
        answer = await client.post("/keys", data={"kind": "make", "name": "x", "scopes": "read"})
        asked = parse_qs(urlsplit(answer.headers["location"]).query)
        assert (answer.status_code, asked["to"]) == (303, ["/keys"])
        assert asked["error"] == [NOT_DONE]  # the page has words for it
        assert await house.office.doors.keys.list("user-ada") == before
        program = await client.post("/keys", data={"kind": "make"}, headers={"accept": "*/*"})
        assert (program.status_code, program.json()) == (401, {"detail": "Please log in."})


async def test_it_goes_over_the_second_step_too(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def right(*_: object) -> str:
        return "app"

    factors = house.office.doors.second_factors
    await factors.begin("user-bob")
    confirmed = update(tables.second_factors).where(tables.second_factors.c.user_id == "user-bob")
    await house.office.database.write((confirmed.values(confirmed_at=now()), None))
    monkeypatch.setattr(type(factors), "check", right)
    for extra, where in (("", "/keys"), ("&for=somebodyelse", "/"), ('&x="><script>', "/keys")):
        async with browser(house) as client:
            login = (await client.get("/keys")).headers["location"] + extra
            answer = await client.post(
                "/login", data={"username": "bob", "password": PASSWORD}, headers={"accept": "*/*"}
            )
            assert answer.json()["next"] == "/second-factor"
            page = (await client.get(login.replace("/login", "/second-factor", 1))).text
            assert "<script>" not in page
            action = page.partition('action="')[2].partition('"')[0].replace("&amp;", "&")
            done = await client.post(action, data={"code": "123456"})
            assert (done.status_code, done.headers["location"]) == (303, where)
