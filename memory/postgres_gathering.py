"""What may wait on PostgreSQL: written in order, in groups that share a transaction, and overtaken by nothing after it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from core.errors import StoreUnavailable
from memory.postgres_errors import in_plain_words, in_the_way, server_gone
from memory.writer import PAUSE_SECONDS

Work = Callable[[Connection], Any]


@dataclass(slots=True)
class _Write:
    work: Work
    first: Callable[[], None] | None
    done: asyncio.Future[Any]


class Gatherer:
    """Takes work that may wait; `store` runs work in one transaction, tried again while the server is away.

    A group is stored as one, all of it or nothing: a crash cannot keep the later of two things alone. If a work fails, the
    group is run again with a savepoint for each, so that a bad one fails alone and the others are still stored together.
    """

    def __init__(self, store: Callable[[Work], Awaitable[Any]]) -> None:
        self._store = store
        self._waiting: list[_Write] = []
        self._group: list[_Write] = []  # what is being stored
        self._urgent = asyncio.Event()
        self._last = 0.0  # when a group was last stored
        self._writing: asyncio.Task[None] | None = None

    def submit(self, work: Work, first: Callable[[], None] | None) -> asyncio.Future[Any]:
        """Queue work; `first` is called on the event loop when its group is formed. The future resolves after the commit."""
        write = _Write(work, first, asyncio.get_running_loop().create_future())
        self._waiting.append(write)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="database gatherer")
        return write.done

    def hurry(self) -> None:
        """Store what waits without waiting for company."""
        if self._waiting:
            self._urgent.set()

    async def settled(self) -> None:
        """Return when everything that waits now is stored, or has failed; also what an outbox keeps until its turn comes."""
        if self._group and not self._waiting:
            await asyncio.wait([self._group[-1].done])
        if self._waiting:
            self.hurry()
            await asyncio.wait([self._waiting[-1].done])

    async def _write(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._waiting:
            rest = self._last + PAUSE_SECONDS - clock()
            if rest > 0:
                with suppress(TimeoutError):
                    async with asyncio.timeout(rest):
                        await self._urgent.wait()
            self._urgent.clear()
            self._group, self._waiting = self._waiting, []
            for write in self._group:
                if write.first is not None:
                    write.first()
            await self._store_group(self._group)
            self._group, self._last = [], clock()
            await asyncio.sleep(0)  # whoever was told of the commit may have more to write: it is not overtaken

    async def _store_group(self, group: Sequence[_Write]) -> None:
        outcomes = await self._outcomes(lambda connection: [write.work(connection) for write in group])
        if isinstance(outcomes, Exception) and not isinstance(outcomes, StoreUnavailable):
            outcomes = await self._outcomes(lambda connection: [_alone(connection, write) for write in group])
        for number, write in enumerate(group):
            outcome = outcomes if isinstance(outcomes, BaseException) else outcomes[number]
            if write.done.done():  # its caller was cancelled meanwhile
                continue
            if isinstance(outcome, BaseException):
                write.done.set_exception(outcome)
            else:
                write.done.set_result(outcome)

    async def _outcomes(self, work: Work) -> Any:
        """Return what came of each work, or the error for which nothing was stored."""
        return (await asyncio.gather(self._store(work), return_exceptions=True))[0]


def _alone(connection: Connection, write: _Write) -> Any:
    """Run one work of several; returns its result, or what was wrong with it. What stops all of them is raised."""
    try:
        with connection.begin_nested():
            return write.work(connection)
    except Exception as problem:  # it goes to whoever wrote
        if server_gone(problem) or in_the_way(problem):
            raise
        return in_plain_words(problem)
