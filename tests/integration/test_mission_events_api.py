"""A mission followed over HTTP: replayed, live, cut and taken up again, and left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from doors_fixtures import House
from served_fixtures import given, order, serve, so_far, told, until_at_rest

from api.mission_events import lines

pytestmark = pytest.mark.asyncio(loop_scope="module")
RESTING = ("completed", "failed", "cancelled", "paused", "waiting_answer", "needs_attention")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with serve(tmp_path_factory.mktemp("house")) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="module")
async def ada(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.visitor("ada") as client:
        yield client


async def test_events_are_replayed_and_then_told_live(house: House, ada: httpx.AsyncClient) -> None:
    mission = await given(ada, step_mode=True)
    shown = await until_at_rest(ada, mission, "paused")
    async with ada.stream("GET", f"/api/missions/{mission}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        first = [e async for e in told(stream)]  # the mission rests: what there is, and the end
    assert [e["seq"] for e in first] == list(range(1, shown["last_seq"] + 1))
    assert first[-1]["kind"] == "mission_ended"
    await order(ada, mission, "step_mode", choice="off")
    rest: list[dict[str, Any]] = []
    async with asyncio.timeout(20):
        while not rest or rest[-1]["kind"] != "mission_ended":
            came = {"last-event-id": str((first + rest)[-1]["seq"])}
            async with ada.stream("GET", f"/api/missions/{mission}/events", headers=came) as stream:
                rest += [e async for e in told(stream)]
    assert first + rest == await so_far(ada, mission)
    done = await ada.get(f"/api/missions/{mission}/events", headers={"last-event-id": str(rest[-1]["seq"])})
    assert (done.status_code, done.content) == (204, b"")


async def test_whoever_comes_again_gets_every_event_exactly_once(house: House, ada: httpx.AsyncClient) -> None:
    mission = await given(ada, "Say hello")
    seen: list[dict[str, Any]] = []
    cuts = 0
    async with asyncio.timeout(30):
        while not seen or seen[-1]["kind"] != "mission_ended":
            came = {"last-event-id": str(seen[-1]["seq"])} if seen else {}
            async with ada.stream("GET", f"/api/missions/{mission}/events?after=0", headers=came) as stream:
                number = 0
                async for event in told(stream):
                    seen.append(event)
                    number += 1
                    if number == 2:
                        cuts += 1
                        break
    assert cuts >= 4, "the line was hardly ever cut"
    assert seen == await so_far(ada, mission)
    async with asyncio.timeout(30):
        while mission in house.office.database.signals._callbacks:  # who went away is forgotten
            await asyncio.sleep(0.02)


async def test_while_nothing_happens_the_line_is_kept_alive_and_who_goes_away_is_forgotten(
    house: House, ada: httpx.AsyncClient
) -> None:
    mission = await given(ada, "Wait for ever")
    topics = house.office.database.signals._callbacks
    async with asyncio.timeout(20):
        beats = 0
        reading: Any = lines(house.office, mission, 0, heartbeat=0.02)
        async for chunk in reading:
            beats += chunk.startswith(b": ")
            if beats == 3:
                break
        await reading.aclose()
        assert mission not in topics
        async with ada.stream("GET", f"/api/missions/{mission}/events") as stream:
            async for event in told(stream):
                if event["kind"] == "model_asked":
                    break
            assert mission in topics
        while mission in topics:
            await asyncio.sleep(0.02)
    assert (await ada.get(f"/api/missions/{mission}")).json()["status"] == "in_progress"
    await order(ada, mission, "stop")
    assert (await until_at_rest(ada, mission, *RESTING))["problem"] == "You stopped this mission."
