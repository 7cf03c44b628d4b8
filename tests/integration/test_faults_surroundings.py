"""Hostile surroundings: the clock jumps, the disk is full, another program holds the database, texts are monstrous."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from mission_fixtures import calls, plans, says
from soak_checks import violations
from soak_drive import Soak, opened
from soak_following import Follower
from soak_house import USER, House, mission, open_house
from soak_outside import Outside, outside
from soak_person import orders
from soak_play import Actor
from soak_terms import Terms
from store_fixtures import open_at

from core import missions as clocked
from core.errors import BadInput, StoreUnavailable
from core.events import TaskEnded, ToolReturned
from core.missions import ENDED, RESTING, Status
from core.ports import ToolContext
from core.steering import Order, OrderKind
from graphs.standing import Standing
from memory.database import Database
from tools.define import define

TWO_DAYS = timedelta(days=2)
NAME = "soak-0013"  # it asks, hands down, and has a call of which nobody knows


@asynccontextmanager
async def house_in(folder: Path, *, busy_seconds: float = 15.0) -> AsyncIterator[tuple[House, Outside]]:
    async def opener(place: Path | str) -> Database:
        return await open_at(place, busy_seconds)

    async with outside() as world:
        actor = Actor(world.port, 0.005, random.Random(1))
        async with open_house(folder / "staffwork.db", folder, actor.script, actor.tools(), opener=opener) as house:
            yield house, world


async def rest(house: House, name: str, wanted: Callable[[Status], bool] = lambda s: s in RESTING) -> Status:
    async with asyncio.timeout(30):
        while not wanted(status := (await house.reception.missions.get(name)).status):
            await asyncio.sleep(0.02)
    return status


async def to_the_end(house: House, world: Outside, name: str) -> list[str]:
    """Decide and answer until the mission has ended; returns what is wrong with it."""
    follower = Follower(house.reception.missions, house.reception.journal, name)
    while (await rest(house, name)) not in ENDED:
        for order in orders(world, name, Standing(await house.reception.journal.read(name))):
            await house.give(order)
        await asyncio.sleep(0.05)
    return await violations(house.reception, world, name, await follower.finish())


class Clock:
    """The clock on the wall, which can be moved; time that passes is measured by another one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ahead = timedelta()
        real, clock = time.time_ns, self

        class Moved(datetime):
            @classmethod
            def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + clock.ahead

        def time_ns() -> int:
            return real() + int(clock.ahead.total_seconds() * 1e9)

        monkeypatch.setattr(clocked, "datetime", Moved)
        monkeypatch.setattr(time, "time_ns", time_ns)
        monkeypatch.setattr(time, "time", lambda: time_ns() / 1e9)


@pytest.mark.parametrize("first", [1, -1])
async def test_a_clock_that_jumps_two_days_and_back_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: int
) -> None:
    clock = Clock(monkeypatch)
    async with house_in(tmp_path) as (house, world):
        await house.submit(mission(NAME))
        await asyncio.sleep(0.05)
        clock.ahead = first * TWO_DAYS
        await rest(house, NAME, lambda s: s is Status.WAITING_ANSWER)
        clock.ahead = timedelta()
        assert await to_the_end(house, world, NAME) == []
        clock.ahead = -first * TWO_DAYS
        await house.submit(mission("soak-0002", conversation_id=f"talk-{NAME}"))
        assert await to_the_end(house, world, "soak-0002") == []


async def test_a_mission_put_down_by_a_clock_that_was_ahead_is_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    async with house_in(tmp_path) as (house, world):
        await house.dispatcher.stop()
        await house.reception.submit(mission("soak-0002"))
        claim = (await house.queue.claim_this("soak-0002")) or pytest.fail("it could not be taken")
        clock.ahead = TWO_DAYS
        await house.queue.put_down("soak-0002", claim.row.attempt, pause=1.0)
    clock.ahead = timedelta()
    async with house_in(tmp_path) as (house, world):
        assert await to_the_end(house, world, "soak-0002") == []


async def test_a_full_disk_loses_nothing_and_needs_no_restart(tmp_path: Path) -> None:
    async with opened(Terms(pace=0.02), tmp_path / "staffwork.db", tmp_path) as soak:
        worker = await soak.start_worker()
        assert await soak.submit(NAME)
        await asyncio.sleep(0.1)
        assert await worker.ask("disk 4096", "4096")
        said = ""
        while not said.startswith("refused"):
            said = await worker.ask("submit soak-0002", "soak-0002") or "it is dead"
            assert not said.startswith("accepted"), "what cannot be written must not be acknowledged"
        assert "Nothing was changed" in said, "it is said in plain words"
        assert await worker.ask("disk -1", "-1")
        await finished(soak, NAME, "soak-0002")
        assert await worker.stop() == 0


async def finished(soak: Soak, *names: str) -> None:
    """See that every mission is taken and comes to its end as it should."""
    for name in names:
        while not await soak.submit(name):
            await asyncio.sleep(0.05)
    await soak.settle(list(names))
    for name in names:
        followed = await soak.followers[name].finish()
        assert await violations(soak.reception, soak.world, name, followed) == []


async def test_a_database_that_another_program_holds_is_waited_for(tmp_path: Path) -> None:
    async with house_in(tmp_path, busy_seconds=0.3) as (house, world):
        await house.submit(mission(NAME))
        await asyncio.sleep(0.05)
        other = await asyncio.to_thread(sqlite3.connect, tmp_path / "staffwork.db", check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="Another program holds the database"):
            await house.submit(mission("soak-0002"))
        await asyncio.sleep(1.5)
        other.rollback()
        other.close()
        assert await to_the_end(house, world, NAME) == []
        await house.submit(mission("soak-0002"))
        assert await to_the_end(house, world, "soak-0002") == []


MONSTERS: dict[str, Any] = {
    "surrogate": "half \ud83d a pair",
    "nul": "a\x00b",
    "ten megabytes": "x" * 10_000_000,
    "beyond 64 bits": 2**70,
    "deep": [[[[[[[[2**64]]]]]]]],
}


@pytest.mark.parametrize("name", MONSTERS)
async def test_whatever_is_said_the_mission_comes_to_its_end(tmp_path: Path, name: str) -> None:
    """A monster as goal, reply, argument, tool output, question, answer, instruction and result."""
    monster = MONSTERS[name]
    text = monster if isinstance(monster, str) else str(monster)

    async def script(request: Any, site: Any) -> Any:
        match site.step:
            case "plan" if site.mission_id == "m-0002":
                return says("Fine.")
            case "plan":
                return plans({"id": "t1", "operator": "courier", "goal": f"Go. {text[:100]}"})
            case "report":
                return says(f"Done. {text}")
            case "t1/1":
                return calls(("ask_user", {"question": f"Well? {text}", "form": "text"}), text=text)
            case "t1/2":
                return calls(
                    ("send_blind", {"number": monster}), ("echo", {"text": text}), ("send_blind", {"number": 3})
                )
        return calls(("finish", {"status": "completed", "summary": text, "result": text}))

    async with outside() as world:
        actor = Actor(world.port, 0.001, random.Random(1))
        async with open_house(tmp_path / "staffwork.db", tmp_path, script, [*actor.tools(), *echoing()]) as house:
            try:
                await house.submit(mission("m-0001", goal=text))
            except BadInput:  # in plain words; so it is said in short
                await house.submit(mission("m-0001"))
            await order(house, OrderKind.INSTRUCT, text)
            while (await rest(house, "m-0001")) not in ENDED:
                for asked in Standing(await house.reception.journal.read("m-0001")).open_questions:
                    await order(house, OrderKind.ANSWER, text, step=asked.step)
                await asyncio.sleep(0.02)
            events = await house.reception.journal.read("m-0001")
            row = await house.reception.missions.get("m-0001")
            assert (row.status, row.problem) == (Status.COMPLETED, "")
            assert [e.status for e in events if isinstance(e, TaskEnded)] == [Status.COMPLETED]
            assert all(len(e.output) <= 20_000 for e in events if isinstance(e, ToolReturned))
            await house.submit(mission("m-0002", conversation_id="talk-m-0001", goal="Next."))
            assert await rest(house, "m-0002") is Status.COMPLETED, "the conversation takes the next message"


async def order(house: House, kind: OrderKind, text: str, **more: Any) -> None:
    """Give an order; one that is refused in plain words is given again in short."""
    about = {"mission_id": "m-0001", "kind": kind, "by": USER} | more
    try:
        await house.give(Order(id=f"{kind.value}-{more}", text=text, **about))
    except BadInput:
        await house.give(Order(id=f"{kind.value}-{more}-short", text="Short.", **about))


def echoing() -> list[Any]:
    async def echo(context: ToolContext, text: str) -> str:
        """Say it again."""
        return text

    return [define(echo, "Echo")]
