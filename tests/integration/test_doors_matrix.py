"""Every route of the running house, and everybody who has no business behind it: nothing is seen, nothing is changed.

The routes are found by looking, so a new one is in here by itself; who may go through it is declared in doors_table.py.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
import pytest_asyncio
from doors_belongings import NONE_OF_ADAS, QUERY, WORD, attach, belongings, endow, ids_for
from doors_bodies import body_of
from doors_fixtures import House, Tab
from doors_table import DECLARED
from doors_walk import Door, doors, mounts
from keys_fixtures import made, program
from people_fixtures import ROLES, one_of_each
from served_fixtures import serve

from api import rights, scopes
from core.steering import may
from memory.key_terms import SCOPES

pytestmark = pytest.mark.asyncio(loop_scope="module")
LEAVING = {"POST /logout", "DELETE /api/sessions"}
"""They end the session of whoever tries; tests/integration/test_people_doors.py has them."""
STRANGERS = [*ROLES, *(f"key {scope}" for scope in SCOPES), "service account"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with serve(tmp_path_factory.mktemp("house")) as opened:
        await one_of_each(opened)
        await endow(opened)
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(house: House) -> AsyncIterator[Tab]:
    """Ada at her desk, with a file in her browser that she has not sent yet."""
    async with house.visitor("ada") as client, house.tab(client) as tab:
        await tab.until(lambda tab: tab.events)
        await attach(tab)
        yield tab


@dataclass
class Stranger:
    """Somebody who is not ada: a client, what their role is, and the scopes of their key (None for a person)."""

    client: httpx.AsyncClient
    role: str
    scopes: tuple[str, ...] | None = None

    def may(self, door: Door) -> bool:
        """Say whether the door is theirs to try: their role has the right, and their key a scope for it."""
        path = door.filled(ids_for(door.path))
        if self.scopes is not None and scopes.needed(door.method, path) not in self.scopes:
            return False
        return may(self.role, rights.needed(door.method, path))


@asynccontextmanager
async def stranger(house: House, who: str) -> AsyncIterator[Stranger]:
    async with AsyncExitStack() as stack:
        if who in ROLES:
            yield Stranger(await stack.enter_async_context(house.visitor(who)), who)
        elif who == "service account":
            owner = await stack.enter_async_context(house.visitor("owner"))
            robot = (await owner.post("/api/service-accounts", json={"name": "robot", "role": "member"})).json()
            wish = {"name": "k", "scopes": [s for s in SCOPES if s != "admin"]}
            key = (await owner.post(f"/api/service-accounts/{robot['id']}/keys", json=wish)).json()["key"]
            yield Stranger(await stack.enter_async_context(program(house, key)), "member", tuple(wish["scopes"]))
        else:
            scope = who.removeprefix("key ")
            key = (await made(house, "admin", scope))["key"]
            yield Stranger(await stack.enter_async_context(program(house, key)), "admin", (scope,))


def request_for(door: Door, **headers: str) -> dict[str, Any]:
    """Write the request that gets ada what is hers."""
    query = urlencode({name: QUERY[name] for name in door.query if name in QUERY})
    ids = ids_for(door.path)
    if door.path.startswith("/project/file/"):
        ids = ids | {"file_id": ids["file"]}
    sent: dict[str, Any] = {"method": door.method, "url": door.filled(ids) + (f"?{query}" if query else "")}
    if not door.safe:
        sent["content"], headers["content-type"] = body_of(door.name)
    return sent | {"headers": headers}


async def answered(client: httpx.AsyncClient, door: Door, **headers: str) -> httpx.Response:
    """Send it; of a stream that goes on, what comes at once is enough."""
    async with client.stream(**request_for(door, **headers)) as answer:
        if answer.headers.get("content-type", "").startswith("text/event-stream") and answer.is_success:
            answer._content = (await anext(answer.aiter_bytes(), b"")) or b""
        else:
            await answer.aread()
    return answer


def tried(house: House) -> Iterable[Door]:
    return [door for door in doors(house.app) if door.name not in LEAVING]


def holds(answer: httpx.Response) -> bool:
    """Say whether anything of ada's is in an answer, also if it is packed."""
    if answer.content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(answer.content)) as packed:
            return any(WORD in name or WORD.encode() in packed.read(name) for name in packed.namelist())
    return WORD in answer.text or WORD in str(answer.headers)


def says(door: Door, answer: httpx.Response) -> str:
    return f"{door.name}: {answer.status_code} {answer.text[:200]!r}"


async def test_every_route_is_declared_and_every_declared_one_is_there(house: House) -> None:
    there = {door.name for door in doors(house.app)}
    assert len(there) > 150
    assert sorted(there - DECLARED.keys()) == [], "say in doors_table.py who may go through these"
    assert sorted(DECLARED.keys() - there) == [], "these are gone; take them out of doors_table.py"
    assert mounts(house.app) == {"/assets", "/ws/socket.io"}  # see test_assets.py and test_doors_sockets.py
    unknown = {hole: door.name for door in doors(house.app) for hole in door.holes if hole not in ids_for(door.path)}
    assert unknown == {}, "give ada one of these in doors_belongings.py"


async def test_ada_has_one_of_everything(house: House) -> None:
    empty = {name for name, digest in (await belongings(house)).items() if digest.startswith("0 ")}
    assert empty == NONE_OF_ADAS


@pytest.mark.parametrize("who", STRANGERS)
async def test_with_anothers_ids_nobody_sees_or_changes_anything(house: House, ada: Tab, who: str) -> None:
    before, wrong = await belongings(house), []
    async with stranger(house, who) as other:
        for door in tried(house):
            kind, theirs = DECLARED.get(door.name, "own"), other.may(door)
            if kind == "house" and theirs and not door.safe:
                continue  # theirs to change: see test_people_doors.py, test_models_api.py
            answer = await answered(other.client, door)
            fine = set(range(200, 500)) - (set() if kind in ("open", "link") else {401})
            refused = {"own": {404}, "closed": {403, 404}}.get(kind, fine)
            if kind not in ("open", "link", "closed") and not theirs:
                refused = {403}
            if other.scopes is not None and not theirs:
                refused = {403, 404}
            if answer.status_code not in refused or holds(answer):
                wrong.append(says(door, answer))
    assert not wrong, "\n".join(wrong)
    after = await belongings(house)
    assert {name for name in before if before[name] != after[name]} == set()


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
async def test_without_a_login_everything_that_is_not_open_is_closed(house: House, ada: Tab, accept: str) -> None:
    before, wrong = await belongings(house), []
    async with house.visitor() as nobody:
        for door in tried(house):
            kind = DECLARED.get(door.name, "own")
            answer = await answered(nobody, door, accept=accept)
            right = answer.status_code == 401
            if kind in ("open", "link"):
                right = answer.status_code < 500
            elif kind == "closed":
                right = answer.status_code == 404
            elif accept == "text/html" and (
                door.method == "GET" or answer.status_code == 303
            ):  # pages, and their forms
                code = 302 if door.method == "GET" else 303
                right = (answer.status_code, answer.headers["location"].partition("?")[0]) == (code, "/login")
            if not right or holds(answer):
                wrong.append(says(door, answer))
    assert not wrong, "\n".join(wrong)
    assert await belongings(house) == before


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
async def test_another_site_with_adas_own_cookie_changes_nothing(house: House, ada: Tab, origin: str) -> None:
    before, wrong = await belongings(house), []
    for door in tried(house):
        if not door.safe:
            answer = await answered(ada.client, door, origin=origin)
            allowed = {404} if DECLARED.get(door.name) == "closed" else {403}
            wrong += [says(door, answer)] if answer.status_code not in allowed else []
    assert not wrong, "\n".join(wrong)
    assert await belongings(house) == before


async def test_the_same_requests_open_the_doors_for_ada(house: House, ada: Tab) -> None:
    """The last one, for it changes and deletes: what others were refused is really there, and was asked for rightly."""
    order = {"GET": 0, "PUT": 1, "PATCH": 1, "POST": 2, "DELETE": 3}
    last = ("DELETE /api/conversations/{conversation_id}",)
    own = [door for door in tried(house) if DECLARED.get(door.name) == "own"]
    wrong = []
    for door in sorted(own, key=lambda d: (d.name in last, order[d.method], d.path)):
        answer = await answered(ada.client, door)
        if answer.status_code in (401, 403, 404, 405, 422) or answer.status_code >= 500:
            wrong.append(says(door, answer))
    assert not wrong, "\n".join(wrong)
