"""After a deletion: what a full-text index of SQLite still holds of the deleted words is merged away, in short steps.

A deleted text stays in the older parts of such an index, marked as gone, until they are merged; on a quiet house that may
never happen. (FTS5's own `secure-delete` needs SQLite 3.42, which not everybody has.)
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, text

from core.errors import StoreUnavailable

if TYPE_CHECKING:
    from memory.database import Database

INDEXES = ("passages_fts", "search_fts")
STEP_PAGES = 200
"""Pages merged in one step: some 20 ms, so that what is written meanwhile waits no longer."""
SOON_SECONDS = 3.0
"""Time in which further deletions are waited for: many conversations deleted at once are merged away once."""


async def merge_away(database: Database) -> None:
    """Merge all parts of both indexes into one each; costs next to nothing where they are one already."""
    for index in INDEXES:
        pages = -STEP_PAGES  # all parts are to become one; then on, until there is nothing left to do
        while await database.apply(_step(index, pages)):
            pages = STEP_PAGES


def _step(index: str, pages: int) -> Callable[[Connection], bool]:
    merge = text(f"INSERT INTO {index}({index}, rank) VALUES ('merge', {pages})")  # noqa: S608 (names and numbers of ours)

    def work(connection: Connection) -> bool:
        before = connection.execute(_CHANGES).scalar_one()
        connection.execute(merge)
        return bool(connection.execute(_CHANGES).scalar_one() - before > 1)  # the statement itself counts as one

    return work


_CHANGES = text("SELECT total_changes()")


class Soon:
    """Does something once, a little after it was last asked for; at the end at once, if it is still due."""

    def __init__(self, work: Callable[[], Awaitable[None]]) -> None:
        self._work = work
        self._due, self._closing = False, asyncio.Event()
        self._task: asyncio.Task[Any] | None = None

    def ask(self) -> None:
        """Have it done soon."""
        self._due = True
        if self._task is None or self._task.done():
            self._task = asyncio.get_running_loop().create_task(self._later())

    async def end(self) -> None:
        """Do now what is still due."""
        self._closing.set()
        if self._task is not None:
            await self._task

    async def _later(self) -> None:
        while self._due:
            with suppress(TimeoutError):
                async with asyncio.timeout(SOON_SECONDS):
                    await self._closing.wait()
            self._due = False
            with suppress(StoreUnavailable):  # a full disk, another program: the next deletion tries again
                await self._work()
