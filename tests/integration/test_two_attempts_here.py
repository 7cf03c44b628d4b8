"""Two attempts at one mission in one process: the answer to the first one's last commit came late, and an order came first."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from sqlalchemy import update
from steering_fixtures import RULES, eventually
from store_fixtures import mission, store

from core.missions import Status
from core.steering import Order, OrderKind
from graphs.dispatch_durable import DurableDispatcher
from graphs.running import Runner
from memory import tables
from memory.claims import Queue
from memory.missions import MissionRow, Missions
from memory.orders import Orders


@dataclass
class SlowRunner:
    """Attempts that end when the test says so: the first is at rest in the database and does not know it yet."""

    queue: Queue
    begun: list[int] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    ends: dict[int, asyncio.Future[Status]] = field(default_factory=dict)

    async def work(self, row: MissionRow, _gave_up: str = "") -> Status:
        self.ends[row.attempt] = asyncio.get_running_loop().create_future()
        if row.attempt == 1:
            rests = {"status": Status.WAITING_ANSWER.value, "owner": None}
            await self.queue.database.write((update(tables.missions).values(**rests), None))
        self.begun.append(row.attempt)
        try:
            return await asyncio.shield(self.ends[row.attempt])
        except asyncio.CancelledError:
            if row.attempt == 1:  # still busy with its last commit
                await self.ends[1]
            raise
        finally:
            self.ended.append(row.attempt)

    async def look(self, _mission_id: str) -> bool:
        return False

    def drain(self) -> None:
        for end in self.ends.values():
            if not end.done():
                end.set_result(Status.IN_PROGRESS)


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[tuple[DurableDispatcher, SlowRunner]]:
    """A dispatcher that has taken a mission up again before the attempt before it has ended."""
    async with store(tmp_path / "staffwork.db") as database:
        queue = Queue(database, RULES)
        runner = SlowRunner(queue)
        dispatcher = DurableDispatcher(queue, cast(Runner, runner), 4, 5)
        await Missions(database).accept(mission("m"), "message", "m")
        await dispatcher.start()
        await eventually(lambda: runner.begun == [1])
        await Orders(database).give(Order(id="o", mission_id="m", kind=OrderKind.PAUSE, by="ada"))
        await dispatcher.order_came("m", OrderKind.PAUSE)
        await eventually(lambda: attempt_of(queue, 2))
        yield dispatcher, runner
        runner.drain()
        await dispatcher.stop()


async def attempt_of(queue: Queue, number: int) -> bool:
    return (await Missions(queue.database).get("m")).attempt == number


async def test_the_end_of_the_first_does_not_hide_the_second(two: tuple[DurableDispatcher, SlowRunner]) -> None:
    dispatcher, runner = two
    runner.ends[1].set_result(Status.WAITING_ANSWER)
    await eventually(lambda: runner.begun == [1, 2] and runner.ended == [1])
    assert dispatcher.running("c") == "m"
    resting: asyncio.Task[Any] = asyncio.create_task(dispatcher.cancel("m"))
    runner.ends[2].set_result(Status.CANCELLED)
    assert await resting is True, "it is at work here"


async def test_what_the_second_leaves_is_put_down_though_the_first_ends_after_it(
    two: tuple[DurableDispatcher, SlowRunner],
) -> None:
    _, runner = two
    await asyncio.sleep(0)
    if 2 in runner.ends:
        runner.ends[2].set_result(Status.IN_PROGRESS)
    runner.ends[1].set_result(Status.IN_PROGRESS)
    await eventually(lambda: 2 in runner.begun)
    if not runner.ends[2].done():
        runner.ends[2].set_result(Status.IN_PROGRESS)
    await eventually(lambda: attempt_of(runner.queue, 3), lambda: "nobody takes it up again")


async def test_a_later_attempt_that_ends_while_an_earlier_one_is_put_down_is_put_down_too() -> None:
    class Slow:
        downs: ClassVar[list[int]] = []

        async def put_down(self, name: str, attempt: int, **how: Any) -> None:
            self.downs.append(attempt)
            if attempt == 1:
                dispatcher._left[name] = (2, 0.0, False)

    slow = Slow()
    dispatcher = DurableDispatcher(cast(Queue, slow), cast(Runner, None), 1, 1)
    dispatcher._left["m"] = (1, 0.0, False)
    await dispatcher._put_down_left()
    await dispatcher._put_down_left()
    assert slow.downs == [1, 2]
