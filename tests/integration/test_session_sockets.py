"""Those who stay connected: a socket or a stream ends with the session it was let in with, within seconds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta

import aiohttp
import httpx
import pytest
import pytest_asyncio
import socketio
from doors_fixtures import House, Tab, open_house
from fake_office import HOLD
from people_fixtures import PASSWORD, add, one_of_each, session_of, signed_in
from share_fixtures import opened, shared, talk, worked
from sqlalchemy import delete, select, update

from core.events import MissionEnded
from core.missions import Mission, Status, new_id, now
from graphs import leaving
from memory import tables
from memory.members import Members

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house"), public_links=True) as served:
        await one_of_each(served)
        yield opened(served)


@pytest_asyncio.fixture(loop_scope="module")
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as closing:
        yield closing


async def disconnected(tab: Tab) -> None:
    """Wait until the server has shown a tab out."""
    async with asyncio.timeout(30):
        while tab.socket.connected:
            await asyncio.sleep(0.02)


async def deactivate(house: House, name: str) -> None:
    await leaving.set_active(house.office, f"user-{name}", False, "user-owner")


async def demote(house: House, name: str) -> None:
    await leaving.set_role(house.office, f"user-{name}", "viewer", "user-owner")


async def end_session(house: House, name: str) -> None:
    await house.office.sessions.end(await session_of(house, name), f"user-{name}")


async def change_password(house: House, name: str) -> None:
    await house.office.people.change_password(f"user-{name}", PASSWORD, "another long password", "")


async def time_passes(house: House, name: str) -> None:
    """Nobody says so: the row alone changes, as by another process or by time."""
    mine = tables.sessions.c.user_id == f"user-{name}"
    past = update(tables.sessions).where(mine).values(expires_at=now() - timedelta(seconds=1))
    await house.office.database.write((past, None))


async def delete_person(house: House, name: str) -> None:
    await Members(house.office.database).begin_leaving(f"user-{name}", "user-owner")


ENDS: list[Callable[[House, str], Awaitable[None]]] = [
    deactivate,
    demote,
    end_session,
    change_password,
    time_passes,
    delete_person,
]


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_a_socket_ends_with_its_session(
    house: House, stack: AsyncExitStack, end: Callable[[House, str], Awaitable[None]]
) -> None:
    name = f"s-{end.__name__}".replace("_", "-")
    await add(house, name, "member")
    [client] = await signed_in(house, stack, name)
    tab = await stack.enter_async_context(house.tab(client))
    await end(house, name)
    await disconnected(tab)
    assert (await client.get("/user")).status_code == 401
    with pytest.raises(socketio.exceptions.ConnectionError):
        await Tab(client).open(house.url)


async def test_other_people_stay_connected_and_so_does_another_session(house: House, stack: AsyncExitStack) -> None:
    await add(house, "stays", "member")
    gone, here, bob = await signed_in(house, stack, "stays", "stays", "bob")
    tabs = [await stack.enter_async_context(house.tab(client)) for client in (gone, here, bob)]
    current = next(s for s in (await gone.get("/api/sessions")).json()["sessions"] if s["current"])
    await house.office.sessions.end(current["id"], "user-stays")
    await disconnected(tabs[0])
    assert [tab.socket.connected for tab in tabs] == [False, True, True]
    await tabs[1].say("Are you there?")
    async with asyncio.timeout(30):
        while not tabs[1].answer["end"]:
            await asyncio.sleep(0.02)


async def test_long_polling_ends_too(house: House, stack: AsyncExitStack) -> None:
    await add(house, "polls", "member")
    [client] = await signed_in(house, stack, "polls")
    headers = {"cookie": client.headers["cookie"], "origin": house.url}
    http = await stack.enter_async_context(
        aiohttp.ClientSession(headers=headers)
    )  # else only the first request has them
    socket = socketio.AsyncClient(reconnection=False, http_session=http)
    await socket.connect(
        house.url,
        socketio_path="/ws/socket.io",
        transports=["polling"],
        auth={"sessionId": "poll-1", "clientType": "webapp"},
    )
    await deactivate(house, "polls")
    async with asyncio.timeout(30):
        while socket.connected:
            await asyncio.sleep(0.02)


async def test_an_event_stream_ends_too(house: House, stack: AsyncExitStack) -> None:
    await add(house, "streams", "member")
    [client] = await signed_in(house, stack, "streams")
    house.office.go.clear()
    house.office.course = [HOLD]
    mission = Mission(id=new_id(), conversation_id=new_id(), user_id="user-streams", goal="Wait", created_at=now())
    await house.office.submit(mission)
    began, lines = asyncio.Event(), []

    async def follow() -> None:
        async with client.stream("GET", f"/api/missions/{mission.id}/events", timeout=60) as answer:
            async for line in answer.aiter_lines():
                lines.append(line)
                began.set()

    following = asyncio.create_task(follow())
    async with asyncio.timeout(30):
        await began.wait()
        await end_session(house, "streams")
        await following  # it ends, instead of telling on and on
    assert (await client.get(f"/api/missions/{mission.id}")).status_code == 401
    house.office.go.set()


async def test_who_becomes_a_viewer_or_is_put_out_has_no_mission_at_work(house: House, stack: AsyncExitStack) -> None:
    for name, change in (("busy-1", demote), ("busy-2", deactivate)):
        await add(house, name, "member")
        house.office.go.clear()
        house.office.course = [HOLD]
        mission = Mission(id=new_id(), conversation_id=new_id(), user_id=f"user-{name}", goal="Wait", created_at=now())
        await house.office.submit(mission)
        await change(house, name)
        async with asyncio.timeout(30):
            events = [event async for event in house.office.follow(mission.id)]
        assert isinstance(events[-1], MissionEnded)
        assert events[-1].status is Status.CANCELLED
    house.office.go.set()


async def test_a_viewer_says_nothing_over_the_socket(house: House, stack: AsyncExitStack) -> None:
    [viewer] = await signed_in(house, stack, "viewer")
    tab = await stack.enter_async_context(house.tab(viewer))
    await tab.say("Start something")
    async with asyncio.timeout(30):
        while not tab.answer["output"]:
            await asyncio.sleep(0.02)
    assert "Your role here is viewer" in tab.answer["output"]
    missions = await house.office.database.rows(
        select(tables.missions).where(tables.missions.c.user_id == "user-viewer")
    )
    assert missions == []


async def test_a_viewer_reads_a_link_and_a_copy_of_their_own(house: House, stack: AsyncExitStack) -> None:
    ada, viewer = await signed_in(house, stack, "ada", "viewer")
    link = await shared(ada, await worked(house), audience="people")
    assert (await viewer.get(link["path"])).status_code == 200
    copied = await viewer.post(f"{link['path']}/copy", data={"client_id": "1"})
    assert copied.status_code == 303
    talk_id = copied.headers["location"].rpartition("/")[2]
    assert (await viewer.get(f"/project/thread/{talk_id}")).status_code == 200
    assert (await viewer.post(f"/api/conversations/{talk_id}/shares", json={})).status_code == 403


async def test_public_links_need_a_role_that_allows_them(house: House, stack: AsyncExitStack) -> None:
    [ada] = await signed_in(house, stack, "ada")  # a member
    talked = await worked(house)
    refused = await ada.post(f"/api/conversations/{talked}/shares", json={"audience": "public"})
    assert (refused.status_code, "needs owner or admin" in refused.json()["detail"]) == (403, True)


async def test_links_of_somebody_deleted_are_answered_404_at_once(house: House, stack: AsyncExitStack) -> None:
    await add(house, "sharer", "admin")
    sharer, bob = await signed_in(house, stack, "sharer", "bob")
    house.office.course = [e async for e in _answer()]
    conversation = await talk(house, house.office.course)
    owned = update(tables.conversations).where(tables.conversations.c.id == conversation).values(user_id="user-sharer")
    mine = update(tables.missions).where(tables.missions.c.conversation_id == conversation)
    await house.office.database.write((owned, None), (mine.values(user_id="user-sharer"), None))
    link = await shared(sharer, conversation, audience="people")
    assert (await bob.get(link["path"])).status_code == 200
    await delete_person(house, "sharer")
    assert (await bob.get(link["path"])).status_code == 404


async def _answer() -> AsyncIterator[object]:
    from fake_office import direct

    for event in direct("There are three."):
        yield event


async def test_nobody_forges_a_session(house: House, stack: AsyncExitStack) -> None:
    import jwt

    from chat.login import session_key

    await add(house, "forge", "member")
    [client] = await signed_in(house, stack, "forge")
    name, _, good = client.headers["cookie"].partition("=")
    assert name == "access_token"
    key = session_key(house.office.settings.data_dir)
    claims = jwt.decode(good, key, algorithms=["HS256"])
    forged = {
        "alg none": jwt.encode(claims, "", "none"),
        "another key": jwt.encode(claims, "k" * 64, "HS256"),
        "another algorithm": jwt.encode(claims, key, "HS512"),
        "expired": jwt.encode(claims | {"exp": now() - timedelta(minutes=1)}, key, "HS256"),
        "without an end": jwt.encode({k: v for k, v in claims.items() if k != "exp"}, key, "HS256"),
        "huge": jwt.encode(claims | {"display_name": "x" * 20_000}, key, "HS256"),
        "of nobody": jwt.encode(claims | {"metadata": {"sid": "guess"}}, key, "HS256"),
        "without a session": jwt.encode(claims | {"metadata": {"user_id": "user-forge"}}, key, "HS256"),
        "metadata that are none": jwt.encode(claims | {"metadata": None}, key, "HS256"),
        "no token": "x.y.z",
        "cut": good[:-3],
    }
    async with httpx.AsyncClient(timeout=60, base_url=house.url) as program:
        for what, token in forged.items():
            for headers in ({"cookie": f"access_token={token}"}, {"authorization": f"Bearer {token}"}):
                assert (await program.get("/user", headers=headers)).status_code == 401, what
        half = len(good) // 2
        pieces = {"cookie": f"access_token_0={good[:half]}; access_token_1={good[half:]}"}
        assert (await program.get("/user", headers=pieces)).status_code == 401
        assert (await program.get("/user", headers={"cookie": f"access_token={good}"})).status_code == 200
        await house.office.database.write(
            (delete(tables.sessions).where(tables.sessions.c.user_id == "user-forge"), None)
        )
        assert (await program.get("/user", headers={"cookie": f"access_token={good}"})).status_code == 401
