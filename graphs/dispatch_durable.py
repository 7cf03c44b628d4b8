"""The dispatcher that survives its process: missions wait in the database; a worker has one for as long as it lives."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from typing import TypeVar

from core.errors import Conflict, NotFound, StoreUnavailable
from core.missions import Status
from core.steering import OrderKind
from graphs.running import Runner
from memory.claims import Claim, Queue
from memory.missions import MissionRow
from memory.signals import WORK

T = TypeVar("T")
log = logging.getLogger(__name__)

POLL_SECONDS = 5.0
"""How long an idle worker sleeps at most: questions that expire and missions left behind are found by then."""
BEAT_SECONDS = 1.0
"""How often a worker among several says that it lives, and looks whether others do."""
AGAIN_SECONDS = 1.0
"""Pause before a mission is taken up again that could not be worked on, because nothing could be written for one."""


class DurableDispatcher:
    """Takes missions from the queue while there are places, and puts down what it cannot finish."""

    def __init__(self, queue: Queue, runner: Runner, at_once: int, drain_seconds: float) -> None:
        self._queue, self._runner, self._at_once, self._drain_seconds = queue, runner, at_once, drain_seconds
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._conversations: dict[str, str] = {}  # conversation -> mission
        self._left: dict[str, tuple[int, float, bool]] = {}  # to put down: attempt, pause, whether it is to blame
        self._wake = asyncio.Event()
        self._heard = False  # another process accepted a mission or gave an order
        self._stopping = False
        self._serving: asyncio.Task[None] | None = None
        self._beating: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self._queue.join()
        self._serving = asyncio.create_task(self._serve(), name="dispatcher")
        if self._queue.shared:
            self._beating = asyncio.create_task(self._beat(), name="heartbeat")

    async def submit(self, row: MissionRow) -> None:
        """See that somebody looks at the queue; the mission stands there already."""
        self._wake.set()

    async def order_came(self, mission_id: str, kind: OrderKind) -> None:
        """See that an order is taken up: by the attempt at work, or by a new one."""
        if await self._runner.look(mission_id) or self._serving is None:
            pass  # taken up here, or nobody works here: the workers hear of it by way of the database
        elif kind is OrderKind.STOP and not self._stopping:
            claim = await self._queue.claim_this(mission_id)
            if claim is not None:  # stopping needs no place: it takes a moment, and the user waits for it
                await asyncio.wait([self._begin(claim)])
        self._wake.set()

    async def cancel(self, mission_id: str) -> bool:
        """Wait until a mission that was ordered to stop is at rest here; False if it is not at work here."""
        if task := self._tasks.get(mission_id):
            await asyncio.wait([task])
            return True
        return False

    def running(self, conversation_id: str) -> str | None:
        return self._conversations.get(conversation_id)

    async def stop(self) -> None:
        """Let calls under way finish for `drain_seconds`, put everything down, and leave."""
        self._stopping = True
        self._wake.set()
        if self._serving is not None:
            await self._serving
        tasks = set(self._tasks.values())
        if tasks:
            self._runner.drain()
            _, tasks = await asyncio.wait(tasks, timeout=self._drain_seconds)
        for task in tasks:
            task.cancel("the process stops")
        if tasks:
            await asyncio.wait(tasks)
        if self._beating is not None:
            self._beating.cancel()
        await _tried(self._leave(), None, "not everything could be put down")

    async def _leave(self) -> None:
        await self._put_down_left()
        if self._serving is not None:
            await self._queue.leave()

    async def _serve(self) -> None:
        """Begin what may begin, whenever something has changed, and look again from time to time."""
        with self._queue.database.signals.calling(WORK, self._hear):
            while not self._stopping:
                self._wake.clear()
                pause = await _tried(self._look(), AGAIN_SECONDS, "no mission could be taken up")
                with suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wake.wait()

    async def _beat(self) -> None:
        """Say once a second that this worker lives; if nobody can hear it, it counts as lost, so it puts its work down."""
        clock = asyncio.get_running_loop().time
        heard = clock()
        while True:
            if clock() - heard > self._queue.rules.lease_seconds:  # also if this process was frozen until now
                for task in self._tasks.values():
                    task.cancel("the lease is over")
            if await _tried(self._beaten(), False, "no heartbeat"):
                heard = clock()
            await asyncio.sleep(BEAT_SECONDS)

    async def _beaten(self) -> bool:
        await self._queue.beat()
        return True

    def _hear(self) -> None:
        self._heard = True
        self._wake.set()

    async def _take_up_heard(self) -> None:
        """Take up the orders that came by way of the database alone."""
        if not self._heard:
            return
        self._heard, missed = False, True
        try:
            for mission_id, kind in await self._queue.ordered():
                with suppress(Conflict):  # another attempt has the mission by now, and takes its orders up
                    await self.order_came(mission_id, kind)
            missed = False
        finally:
            self._heard = self._heard or missed

    async def _look(self) -> float:
        """Begin what may begin; returns for how long nothing more is to be expected, in seconds."""
        await self._put_down_left()
        await self._take_up_heard()
        found: Claim | float | None = None
        while len(self._tasks) < self._at_once and not self._stopping:
            found = await self._queue.look(busy=len(self._tasks))
            if not isinstance(found, Claim):
                break
            self._begin(found)
        if self._left:
            return AGAIN_SECONDS
        longest = BEAT_SECONDS if self._queue.shared else POLL_SECONDS
        return min(max(found, 0.01), longest) if isinstance(found, float) else longest

    def _begin(self, claim: Claim) -> asyncio.Task[None]:
        mission = claim.row.mission
        before = self._tasks.get(mission.id)
        task = asyncio.create_task(self._work(claim, before), name=f"mission {mission.id}")
        self._tasks[mission.id] = task
        self._conversations[mission.conversation_id] = mission.id
        return task

    async def _work(self, claim: Claim, before: asyncio.Task[None] | None) -> None:
        """The border of an attempt: what stops it from coming to an end leaves the mission to be taken up again.

        `before` is the attempt before it, if that has not ended here yet: the answer to its last commit came late.
        """
        row = claim.row
        name = row.mission.id
        try:
            if before is not None:
                before.cancel("another attempt has the mission")
                await asyncio.wait([before])
            if await self._runner.work(row, claim.gave_up) is Status.IN_PROGRESS:
                self._left[name] = (row.attempt, 0.0, False)
        except asyncio.CancelledError:
            self._left[name] = (row.attempt, 0.0, False)
        except (Conflict, NotFound) as reason:  # putting it down changes nothing if somebody else has it by now
            log.warning("mission %s was put down: %s", name, reason)
            self._left[name] = (row.attempt, AGAIN_SECONDS, True)
        except StoreUnavailable as problem:
            log.warning("mission %s was put down: %s", name, problem)
            self._left[name] = (row.attempt, AGAIN_SECONDS, False)
        except Exception:
            log.exception("mission %s could not be run", name)
            self._left[name] = (row.attempt, AGAIN_SECONDS, True)
        finally:
            if self._tasks.get(name) is asyncio.current_task():
                self._tasks.pop(name)
                self._conversations.pop(row.mission.conversation_id, None)
            self._wake.set()

    async def _put_down_left(self) -> None:
        for name, left in list(self._left.items()):
            attempt, pause, to_blame = left
            await self._queue.put_down(name, attempt, pause=pause, lost=to_blame)
            if to_blame:
                await self._runner.clear(name)
            if self._left.get(name) is left:  # or a later attempt at it came to be put down meanwhile
                self._left.pop(name)


async def _tried(work: Awaitable[T], otherwise: T, words: str) -> T:
    """The border of one look at the queue, and of one heartbeat: whatever goes wrong in it, the next one comes."""
    try:
        return await work
    except StoreUnavailable as problem:
        log.warning("%s: %s", words, problem)
    except Exception:
        log.exception(words)
    return otherwise
