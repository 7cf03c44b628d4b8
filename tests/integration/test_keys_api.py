"""API keys at the door: what they open, what they do not, and what becomes of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
import socketio
from doors_fixtures import House, open_house
from fake_office import HOLD, direct
from keys_fixtures import made, program, role
from sqlalchemy import update

from api.scopes import SCOPE_ROUTES, needed
from memory import tables
from memory.key_terms import SCOPES


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_key_works_without_origin_cookie_and_login(house: House) -> None:
    key = await made(house, "ada", "read", "missions")
    async with program(house, key["key"]) as client:
        given = await client.post("/api/missions", json={"goal": "Say hello"})
        assert given.status_code == 202
        assert (await client.get(f"/api/missions/{given.json()['mission_id']}")).json()["goal"] == "Say hello"
        this = (await client.get("/api/keys/this")).json()
        assert (this["person"], this["good_for"], "key" in this) == ("ada", ["read", "missions"], False)
    async with house.visitor("ada") as ada:
        (listed,) = (k for k in (await ada.get("/api/keys")).json()["keys"] if k["id"] == key["id"])
    assert (listed["state"], listed["prefix"], "key" in listed) == ("live", key["key"][:11], False)
    assert listed["last_used_at"] is not None


async def test_each_scope_opens_its_routes_and_no_other(house: House) -> None:
    await role(house, "ada", "admin")
    try:
        for scope in SCOPES:
            key = await made(house, "ada", scope)
            async with program(house, key["key"]) as client:
                for owner, routes in SCOPE_ROUTES.items():
                    for route in routes:
                        method, _, path = route.partition(" ")
                        answer = await client.request(method, re.sub(r"\{[\w:]+\}", "none", path), json={})
                        closed = answer.status_code == 403 and "not good for this" in answer.text
                        assert closed == (owner != scope), (scope, route, answer.status_code, answer.text)
    finally:
        await role(house, "ada", "member")


async def test_every_route_that_no_scope_names_is_closed_to_keys(house: House) -> None:
    await role(house, "ada", "admin")
    try:
        key = await made(house, "ada", *SCOPES)
        async with program(house, key["key"]) as client:
            for method, path in sorted(routes(house)):
                if needed(method, path) is None:
                    answer = await client.request(method, path)
                    assert (answer.status_code, "API keys do not open this" in answer.text) == (403, True), (
                        method,
                        path,
                    )
    finally:
        await role(house, "ada", "member")


def routes(house: House) -> set[tuple[str, str]]:
    """Every method and path that is served here, Chainlit's own included, with something in place of ids."""
    from chainlit.server import app as chainlit_app

    found = {
        (method, re.sub(r"\{[^}]+\}", "x", route.path))
        for route in [*each(house.app.routes), *each(chainlit_app.routes)]
        for method in getattr(route, "methods", None) or ()
        if method not in ("HEAD", "OPTIONS")
    }
    assert len(found) > 60
    return found


def each(listed: Any) -> Iterator[Any]:
    """Walk through routes, those of included routers as well (FastAPI keeps these as they were)."""
    for route in listed:
        inner = getattr(route, "original_router", None)
        yield from each(inner.routes) if inner is not None else [route]


async def test_what_the_scopes_name_is_really_there(house: House) -> None:
    served = routes(house)
    missing = [
        r for of in SCOPE_ROUTES.values() for r in of if tuple(re.sub(r"\{[\w:]+\}", "x", r).split(" ")) not in served
    ]
    assert missing == []


async def test_keys_do_not_open_the_socket_the_pages_or_more_keys(house: House) -> None:
    key = await made(house, "ada", "read", "missions", "approvals", "shares")
    async with program(house, key["key"], accept="text/html") as client:
        for path in ("/", "/keys", "/inbox", "/shares", "/user", "/me/second-factor", "/thread/x"):
            assert (await client.get(path)).status_code == 403, path
        assert (await client.post("/api/keys", json={"name": "more", "scopes": ["read"]})).status_code == 403
        assert (await client.delete(f"/api/keys/{key['id']}")).status_code == 403
    socket = socketio.AsyncClient(reconnection=False)
    with pytest.raises(socketio.exceptions.ConnectionError):
        await socket.connect(
            house.url,
            socketio_path="/ws/socket.io",
            transports=["websocket"],
            headers={"authorization": f"Bearer {key['key']}"},
            auth={"sessionId": "x", "clientType": "webapp"},
        )


async def test_a_key_beside_a_cookie_does_not_gain_what_the_cookie_may(house: House) -> None:
    key = await made(house, "ada", "read")
    async with house.visitor("bob") as bob:
        answer = await bob.get("/api/keys/this", headers={"authorization": f"Bearer {key['key']}"})
        assert answer.json()["person"] == "ada"
        answer = await bob.post("/api/missions", json={"goal": "x"}, headers={"authorization": f"Bearer {key['key']}"})
        assert answer.status_code == 403


@pytest.mark.parametrize("how", ["wrong", "revoked", "expired", "deactivated"])
async def test_a_key_that_does_not_hold_is_401_with_words(house: House, how: str) -> None:
    key = await made(house, "bob", "read")
    secret, people, keys = key["key"], tables.users.c, tables.api_keys.c
    write = house.office.database.write
    if how == "wrong":
        secret = secret[:-2] + ("aa" if secret[-2:] != "aa" else "bb")
    elif how == "revoked":
        async with house.visitor("bob") as bob:
            assert (await bob.delete(f"/api/keys/{key['id']}")).status_code == 204
    elif how == "expired":
        at_once = update(tables.api_keys).where(keys.id == key["id"])
        await write((at_once.values(expires_at=keys.created_at), None))
    else:
        await write((update(tables.users).where(people.name == "bob").values(active=False), None))
    try:
        async with program(house, secret) as client:
            answer = await client.get("/api/missions")
    finally:
        await write((update(tables.users).where(people.name == "bob").values(active=True), None))
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert {"wrong": "not known", "revoked": "revoked", "expired": "expired"}.get(how, "administrator") in answer.text


async def test_guessing_keys_is_held_back(house: House) -> None:
    right = await made(house, "ada", "read")
    codes = []
    for n in range(10):
        async with program(house, f"sw_{n:043}") as client:
            codes.append((await client.get("/api/missions")).status_code)
    assert codes[0] == 401
    assert codes[-1] == 429
    async with program(house, right["key"]) as client:
        assert (await client.get("/api/missions")).status_code == 200


async def test_deciding_by_an_order_needs_the_scope_for_approvals(house: House) -> None:
    house.office.course, house.office.go = [HOLD, *direct("Done.")], asyncio.Event()
    key = await made(house, "ada", "missions")
    try:
        async with program(house, key["key"]) as client:
            mission = (await client.post("/api/missions", json={"goal": "x"})).json()["mission_id"]
            order = {"kind": "decide", "approval": "a", "choice": "once"}
            answer = await client.post(f"/api/missions/{mission}/orders", json=order)
        assert (answer.status_code, "scope approvals" in answer.text) == (403, True)
    finally:
        house.office.go.set()
        house.office.course = direct("Hello.")


async def test_a_stream_ends_when_its_key_is_revoked(house: House) -> None:
    house.office.course, house.office.go = [HOLD, *direct("Done.")], asyncio.Event()
    key = await made(house, "ada", "read", "missions")
    try:
        async with program(house, key["key"]) as client, house.visitor("ada") as ada:
            mission = (await client.post("/api/missions", json={"goal": "x"})).json()["mission_id"]
            async with asyncio.timeout(20), client.stream("GET", f"/api/missions/{mission}/events") as stream:
                lines = stream.aiter_lines()
                await anext(lines)
                assert (await ada.delete(f"/api/keys/{key['id']}")).status_code == 204
                try:
                    async for _ in lines:
                        pass
                except httpx.RemoteProtocolError:
                    pass  # cut in the middle is an end, too
    finally:
        house.office.go.set()
        house.office.course = direct("Hello.")


async def test_what_cannot_be_a_key_is_refused_in_words(house: House) -> None:
    async with house.visitor("ada") as ada:
        for body, code, words in (
            ({"name": "x", "scopes": ["everything"]}, 400, "there is no"),
            ({"name": "x", "scopes": ["admin"]}, 400, "more than your role"),
            ({"name": "x", "scopes": ["read"], "days": 0}, 400, "days"),
            ({"name": "", "scopes": ["read"]}, 422, "name"),
            ({"scopes": ["read"]}, 422, "name"),
        ):
            answer = await ada.post("/api/keys", json=body)
            assert (answer.status_code, words in answer.json()["detail"]) == (code, True), answer.text
        assert (await ada.delete("/api/keys/none")).status_code == 404
        assert (await ada.get("/api/keys/this")).status_code == 404


async def test_nobody_sees_or_revokes_anothers_key(house: House) -> None:
    key = await made(house, "ada", "read")
    async with house.visitor("bob") as bob:
        assert key["id"] not in (await bob.get("/api/keys")).text
        assert (await bob.delete(f"/api/keys/{key['id']}")).status_code == 404
        answer = await bob.post("/keys", data={"kind": "revoke", "key": key["id"]})
        assert (answer.status_code, "not yours" in answer.text) == (404, True)
    async with program(house, key["key"]) as client:
        assert (await client.get("/api/missions")).status_code == 200


async def test_every_event_of_a_key_is_on_record(house: House) -> None:
    key = await made(house, "ada", "read")
    async with house.visitor("ada") as ada:
        await ada.delete(f"/api/keys/{key['id']}")
    rows = await house.office.audit.read(person="ada", limit=10)
    told = {row.kind: row.details for row in rows if row.details.get("prefix") == key["prefix"]}
    assert set(told) == {"key_made", "key_revoked"}
    assert key["key"] not in str(rows)
