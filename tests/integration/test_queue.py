"""Claims in the real database: one worker has a mission, lost workers are noticed, poison is given up, nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mission_fixtures import calls, plans, says
from sqlalchemy import update
from steering_fixtures import RULES, House, eventually, open_house
from store_fixtures import store

from core.events import MissionEnded, MissionStarted, ModelReplied
from core.missions import Mission, Priority, Status, new_id, now
from core.steering import Order, OrderKind
from memory import tables
from memory.claims import Queue
from memory.database import Database
from memory.journal import Journal
from memory.missions import Missions
from memory.orders import Orders


async def accepted(database: Database, name: str, **more: object) -> Mission:
    mission = Mission.model_validate(
        {"id": name, "conversation_id": f"talk-{name}", "user_id": "ada", "goal": name, "created_at": now(), **more}
    )
    await Missions(database).accept(mission, new_id(), title=name)
    return mission


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as database:
        yield database


async def joined(database: Database, *, shared: bool = False) -> Queue:
    queue = Queue(database, RULES, shared=shared)
    await queue.join()
    return queue


async def test_a_mission_is_claimed_once(database: Database) -> None:
    queue = await joined(database)
    await accepted(database, "m")
    first, second = await asyncio.gather(queue.claim(), queue.claim())
    [claim] = [c for c in (first, second) if c is not None]
    assert (claim.row.mission.id, claim.row.attempt, claim.row.status) == ("m", 1, Status.IN_PROGRESS)
    assert await queue.owner("m") == queue.worker


async def test_a_worker_that_comes_back_finds_what_the_lost_one_had(database: Database) -> None:
    await accepted(database, "m")
    assert await (await joined(database)).claim() is not None
    again = await joined(database)
    claim = await again.claim()
    assert claim is not None
    assert claim.row.attempt == 2
    assert await again.claim() is None


async def test_with_several_workers_only_silence_makes_one_lost(database: Database) -> None:
    await accepted(database, "m")
    lively, other = await joined(database, shared=True), await joined(database, shared=True)
    assert await lively.claim() is not None
    assert await other.claim() is None, "the first one lives"
    silent = tables.workers.c.id == lively.worker
    await database.write((update(tables.workers).where(silent).values(beat_at=0.0), None))
    claim = await other.claim()
    assert claim is not None
    assert claim.row.attempt == 2
    await lively.beat()
    await lively.put_down("m", 1)
    assert await other.owner("m") == other.worker, "who was overtaken changes nothing"


async def lose(database: Database, times: int, *, reply: bool = False) -> list[str]:
    """Lose a worker over the mission again and again; returns what each claim said."""
    said = []
    for number in range(times):
        claim = await (await joined(database)).claim()
        assert claim is not None
        said.append(claim.gave_up)
        writer = await Journal(database).writer("m", claim.row.attempt)
        writer.add(MissionStarted(mission_id="m"))
        if reply:
            usage = {"model_calls": 1}
            step = f"t1/{number}"
            writer.add(
                ModelReplied.model_validate(
                    {"mission_id": "m", "step": step, "role": "r", "model": "m", "usage": usage}
                )
            )
        await writer.close()
    return said


async def test_a_mission_that_takes_its_process_down_is_given_up_with_the_reason(database: Database) -> None:
    await accepted(database, "m")
    *fine, last = await lose(database, 4)
    assert fine == ["", "", ""]
    assert last == "The work on this mission broke off 3 times in a row without getting further, so it was given up."


async def test_a_mission_that_gets_on_is_never_given_up(database: Database) -> None:
    await accepted(database, "m")
    assert set(await lose(database, 8, reply=True)) == {""}


async def test_what_is_put_down_on_purpose_counts_as_no_loss(database: Database) -> None:
    await accepted(database, "m")
    queue = await joined(database)
    for _ in range(6):
        claim = await queue.claim()
        assert claim is not None
        assert not claim.gave_up
        await queue.put_down("m", claim.row.attempt)


async def test_an_order_to_a_resting_mission_makes_it_claimable_until_it_is_taken_up(database: Database) -> None:
    await accepted(database, "m")
    queue, journal = await joined(database), Journal(database)
    claim = await queue.claim()
    assert claim is not None
    writer = await journal.writer("m", 1)
    writer.add(MissionEnded(mission_id="m", status=Status.PAUSED))
    await writer.close()
    assert await queue.owner("m") is None, "who rests has no owner"
    assert await queue.claim() is None
    await Orders(database).give(Order(id="o", mission_id="m", kind=OrderKind.RESUME, by="ada"))
    claim = await queue.claim()
    assert claim is not None
    assert claim.row.attempt == 2


async def test_a_mission_is_taken_out_of_turn_only_if_nobody_has_it(database: Database) -> None:
    queue = await joined(database)
    await accepted(database, "m", priority=Priority.LOW)
    await accepted(database, "n", priority=Priority.URGENT)
    claim = await queue.claim_this("m")
    assert claim is not None
    assert await queue.claim_this("m") is None
    assert await queue.claim_this("nothing") is None


class Slow:
    """Answers at once when told to; knows the order in which missions were asked about."""

    def __init__(self) -> None:
        self.go, self.order = asyncio.Event(), list[str]()

    async def __call__(self, request: object, site: object) -> object:
        goal = str(request.messages[-1].content)  # type: ignore[attr-defined]
        self.order.append(next(w for w in ("first", "urgent", "high", "medium", "low") if w in goal))
        await self.go.wait()
        return says("Done.")


async def test_one_place_is_given_by_priority(tmp_path: Path) -> None:
    slow = Slow()
    async with open_house(tmp_path, slow, at_once=1) as house:  # type: ignore[arg-type]
        await house.submit("first")
        await eventually(lambda: slow.order)
        queued = [
            await house.submit(p.value, priority=p)
            for p in (Priority.LOW, Priority.HIGH, Priority.URGENT, Priority.MEDIUM)
        ]
        slow.go.set()
        for mission in queued:
            await house.until(mission, Status.COMPLETED)
    assert slow.order == ["first", "urgent", "high", "medium", "low"]


async def test_an_attempt_that_breaks_is_taken_up_again_and_given_up_in_the_end(tmp_path: Path) -> None:
    async with open_house(tmp_path, lambda *_: says("Never asked.")) as house:
        broken = 0

        async def work(*_: object) -> Status:
            nonlocal broken
            broken += 1
            raise RuntimeError("broken")

        real, house.desk.runner.work = house.desk.runner.work, work  # type: ignore[method-assign]
        mission = await house.submit()
        await eventually(lambda: broken == 3)
        house.desk.runner.work = real  # type: ignore[method-assign]
        events = await house.until(mission, Status.FAILED)
    assert "broke off 3 times" in events[-1].problem


async def test_a_second_message_waits_for_the_first_but_not_for_one_that_rests(tmp_path: Path) -> None:
    def script(request: object, site: object) -> object:
        if site.step == "plan" and "ask" in str(request.messages[-1].content):  # type: ignore[attr-defined]
            return plans({"operator": "analyst", "goal": "Ask."})
        if site.step == "t1/1":  # type: ignore[attr-defined]
            return calls(("ask_user", {"question": "Which?"}))
        return says("Done.")

    async with open_house(tmp_path, script) as house:  # type: ignore[arg-type]
        asking = await house.submit("ask me")
        await house.until(asking, Status.WAITING_ANSWER)
        second = await house.submit("hello", conversation_id=asking.conversation_id)
        await house.until(second, Status.COMPLETED)
        await answered(house, asking)


async def answered(house: House, mission: Mission) -> None:
    await house.give(mission, OrderKind.ANSWER, text="This one.")
    await house.until(mission, Status.COMPLETED)
