"""Who runs a mission, and when: the seam, and the dispatcher for one process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from core.missions import RANK, Status
from core.steering import OrderKind
from memory.missions import MissionRow

log = logging.getLogger(__name__)
STOPPED = "cancelled by the user"
"""The reason a mission is cancelled with when it is to end; any other cancellation leaves it to be continued."""


class Dispatcher(Protocol):
    """Takes missions that are safely stored and sees that each is run, one at a time in a conversation."""

    async def start(self) -> None:
        """Begin work, first with what an earlier process left unfinished."""
        ...

    async def submit(self, row: MissionRow) -> None:
        """Take a stored mission; the same one twice is taken once."""
        ...

    async def order_came(self, mission_id: str, kind: OrderKind) -> None:
        """See that a stored order is taken up."""
        ...

    async def cancel(self, mission_id: str) -> bool:
        """Return when a mission that is to stop is at rest here; False if it neither waits nor runs here."""
        ...

    def running(self, conversation_id: str) -> str | None:
        """Name the mission at work in a conversation."""
        ...

    async def stop(self) -> None:
        """Put work down; what is unfinished is continued at the next start."""
        ...


class InProcessDispatcher:
    """Runs missions as tasks of this process; they belong to it, never to a browser's connection."""

    def __init__(
        self,
        run: Callable[[MissionRow], Awaitable[Status]],
        unfinished: Callable[[], Awaitable[list[MissionRow]]],
        discard: Callable[[str], Awaitable[None]],
        at_once: int,
    ) -> None:
        self._run, self._unfinished, self._discard, self._at_once = run, unfinished, discard, at_once
        self._waiting: list[MissionRow] = []
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._busy: dict[str, str] = {}  # conversation -> mission
        self._stopping = False

    async def start(self) -> None:
        for row in await self._unfinished():
            await self.submit(row)

    async def submit(self, row: MissionRow) -> None:
        known = {r.mission.id for r in self._waiting} | set(self._tasks)
        if row.mission.id not in known:
            self._waiting.append(row)
            self._begin()

    def _begin(self) -> None:
        """Start what may start: urgent first, then the oldest, one per conversation."""
        for row in sorted(self._waiting, key=lambda r: (RANK[r.mission.priority], r.mission.created_at)):
            if self._stopping or len(self._tasks) >= self._at_once:
                return
            if row.mission.conversation_id in self._busy:
                continue
            self._waiting.remove(row)
            self._busy[row.mission.conversation_id] = row.mission.id
            task = asyncio.create_task(self._work(row), name=f"mission {row.mission.id}")
            task.add_done_callback(_notice)
            self._tasks[row.mission.id] = task

    async def _work(self, row: MissionRow) -> None:
        try:
            await self._run(row)
        finally:
            self._tasks.pop(row.mission.id, None)
            self._busy.pop(row.mission.conversation_id, None)
            self._begin()

    async def cancel(self, mission_id: str) -> bool:
        for row in self._waiting:
            if row.mission.id == mission_id:
                self._waiting.remove(row)
                await self._discard(mission_id)
                return True
        if task := self._tasks.get(mission_id):
            task.cancel(STOPPED)
            await asyncio.wait([task])
            return True
        return False

    async def order_came(self, mission_id: str, kind: OrderKind) -> None:
        if kind is OrderKind.STOP:
            await self.cancel(mission_id)

    def running(self, conversation_id: str) -> str | None:
        return self._busy.get(conversation_id)

    async def stop(self) -> None:
        self._stopping = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel("the process stops")
        if tasks:
            await asyncio.wait(tasks)


def _notice(task: asyncio.Task[None]) -> None:
    """Log what stopped a mission from being run at all; it is taken up again at the next start."""
    if not task.cancelled() and (error := task.exception()):
        log.error("%s could not be run", task.get_name(), exc_info=error)
