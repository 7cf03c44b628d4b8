"""The dispatcher for one process: order, one at a time in a conversation, cancelling and stopping."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from core.missions import Mission, Priority, Status
from graphs.dispatch import STOPPED, InProcessDispatcher
from memory.missions import MissionRow


def row(name: str, conversation: str = "", priority: Priority = Priority.MEDIUM) -> MissionRow:
    mission = Mission(
        id=name,
        conversation_id=conversation or name,
        user_id="ada",
        goal=name,
        priority=priority,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return MissionRow(mission=mission, status=Status.PENDING)


def dispatcher(
    run: Callable[[MissionRow], Awaitable[Status]], at_once: int = 8, unfinished: list[MissionRow] | None = None
):
    discarded: list[str] = []

    async def discard(mission_id: str) -> None:
        discarded.append(mission_id)

    async def left() -> list[MissionRow]:
        return unfinished or []

    return InProcessDispatcher(run, left, discard, at_once), discarded


async def test_one_mission_of_a_conversation_at_a_time_and_others_beside_it() -> None:
    going, most, done = set(), 0, []

    async def run(r: MissionRow) -> Status:
        nonlocal most
        assert r.mission.conversation_id not in going
        going.add(r.mission.conversation_id)
        most = max(most, len(going))
        await asyncio.sleep(0.01)
        going.discard(r.mission.conversation_id)
        done.append(r.mission.id)
        return Status.COMPLETED

    office, _ = dispatcher(run)
    for r in (row("a1", "a"), row("a2", "a"), row("b1", "b"), row("a1", "a")):
        await office.submit(r)
    assert office.running("a") == "a1"
    while len(done) < 3:
        await asyncio.sleep(0.005)
    assert most == 2
    assert sorted(done) == ["a1", "a2", "b1"], "the same mission twice is run once"
    assert done.index("a1") < done.index("a2")


async def test_with_one_place_the_urgent_come_first() -> None:
    order: list[str] = []
    first = asyncio.Event()

    async def run(r: MissionRow) -> Status:
        if r.mission.id == "first":
            await first.wait()
        order.append(r.mission.id)
        return Status.COMPLETED

    office, _ = dispatcher(run, at_once=1)
    await office.submit(row("first"))
    for name in ("low", "high", "urgent", "medium"):
        await office.submit(row(name, priority=Priority(name)))
    first.set()
    while len(order) < 5:
        await asyncio.sleep(0.005)
    assert order == ["first", "urgent", "high", "medium", "low"]


async def test_cancelling_discards_what_waits_and_stops_what_runs_with_the_reason() -> None:
    reasons: list[tuple[object, ...]] = []

    async def run(_: MissionRow) -> Status:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as stop:
            reasons.append(stop.args)
        return Status.CANCELLED

    office, discarded = dispatcher(run, at_once=1)
    await office.submit(row("runs"))
    await office.submit(row("waits"))
    await asyncio.sleep(0)
    assert await office.cancel("waits")
    assert discarded == ["waits"]
    assert await office.cancel("runs")
    assert reasons == [(STOPPED,)]
    assert not await office.cancel("unknown")


async def test_stopping_leaves_work_to_be_continued_and_starting_takes_it_up() -> None:
    seen: list[tuple[str, tuple[object, ...]]] = []

    async def run(r: MissionRow) -> Status:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError as stop:
            seen.append((r.mission.id, stop.args))
            raise
        return Status.COMPLETED

    office, _ = dispatcher(run, unfinished=[row("left over")])
    await office.start()
    await asyncio.sleep(0)
    await office.stop()
    assert [name for name, _ in seen] == ["left over"]
    assert STOPPED not in seen[0][1]
    await office.submit(row("late"))
    assert office.running("late") is None, "nothing new begins while the process stops"


async def test_a_mission_that_cannot_be_run_does_not_block_the_next(caplog) -> None:
    done: list[str] = []

    async def run(r: MissionRow) -> Status:
        if r.mission.id == "broken":
            raise OSError("the disk is gone")
        done.append(r.mission.id)
        return Status.COMPLETED

    office, _ = dispatcher(run, at_once=1)
    await office.submit(row("broken"))
    await office.submit(row("next"))
    while not done:
        await asyncio.sleep(0.005)
    assert "could not be run" in caplog.text
