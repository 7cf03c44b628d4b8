"""A request whose body is still on its way when its session or key ends: nothing is done with it, however late the rest comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from doors_fixtures import House, open_house
from people_fixtures import GOOD

from memory.members import Members

pytestmark = pytest.mark.asyncio(loop_scope="module")
WISH = json.dumps({"name": "Late", "scopes": ["read", "missions"]}).encode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


async def begun(
    house: House, headers: dict[str, str], sent: bytes
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Begin to ask for a new key, or a mission, and leave the rest of the body away."""
    host = house.url.removeprefix("http://")
    path = "/api/missions" if "authorization" in headers else "/api/keys"
    lines = {"host": host, "content-type": "application/json", "content-length": str(len(WISH)), **headers}
    reader, writer = await asyncio.open_connection(*host.split(":"))
    writer.write(
        f"POST {path} HTTP/1.1\r\n".encode()
        + "".join(f"{k}: {v}\r\n" for k, v in lines.items()).encode()
        + b"\r\n"
        + sent
    )
    await writer.drain()
    return reader, writer


async def status(reader: asyncio.StreamReader) -> bytes:
    async with asyncio.timeout(30):
        return (await reader.readline()).split(b" ")[1]


@pytest.mark.parametrize("sent", [b"", WISH[:9]])
@pytest.mark.parametrize("end", ["session", "password", "deactivated"])
async def test_a_session_that_ended_makes_no_key_with_the_rest_of_a_body(house: House, end: str, sent: bytes) -> None:
    office = house.office
    async with house.visitor("bob") as bob:
        [session, *_] = await office.sessions.of_user("user-bob")
        reader, writer = await begun(house, {"cookie": bob.headers["cookie"], "origin": house.url}, sent)
        assert (await bob.get("/api/me")).status_code == 200  # what was sent before has arrived
        if end == "session":
            await office.sessions.end(session.id, "user-bob")
        elif end == "password":
            await office.people.change_password("user-bob", "a long password", GOOD, "")
        else:
            await Members(office.database).set_active("user-bob", False, "")
        assert await status(reader) == b"401"
        writer.write(WISH[len(sent) :])
        writer.close()
        assert await office.doors.keys.list("user-bob") == []
    if end == "deactivated":
        await Members(office.database).set_active("user-bob", True, "")
    if end == "password":
        await office.people.change_password("user-bob", GOOD, "a long password", "")


async def test_a_key_that_was_revoked_gives_no_mission_with_the_rest_of_a_body(house: House) -> None:
    async with house.visitor("ada") as ada:
        made = (await ada.post("/api/keys", json={"name": "k", "scopes": ["missions"]})).json()
        reader, writer = await begun(house, {"authorization": f"Bearer {made['key']}"}, b"")
        assert (await ada.get("/api/me")).status_code == 200
        await ada.delete(f"/api/keys/{made['id']}")
        assert await status(reader) == b"401"
        writer.close()


async def test_whoever_ends_their_own_session_gets_the_answer(house: House) -> None:
    async with house.visitor("ada") as ada:
        mine = next(s for s in (await ada.get("/api/sessions")).json()["sessions"] if s["current"])
        assert (await ada.delete(f"/api/sessions/{mine['id']}")).status_code == 204
    async with house.visitor("ada") as ada:
        assert (await ada.post("/me", data={"kind": "sign_out"})).headers["location"] == "/login"
