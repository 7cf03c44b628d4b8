"""What is written soon, in order: many small writes become one statement in one commit, and nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Generic, TypeVar

from sqlalchemy import Connection

from core.errors import StoreUnavailable
from memory.database import Database

T = TypeVar("T")
AGAIN_SECONDS = 0.5


class Outbox(Generic[T]):
    """Keeps items in order until they are committed; a failed commit loses none of them.

    `store` writes a batch on the writing thread; `stored` hears of it on the event loop after the commit. A failure is
    raised by the next `flush`, and the batch is tried again by then, with the next item, or (where nothing can be stored
    just now) by itself: all outboxes of a database together, so that none is ahead of what another was given before.
    """

    def __init__(
        self,
        database: Database,
        store: Callable[[Connection, Sequence[T]], None],
        stored: Callable[[Sequence[T]], None] | None = None,
    ) -> None:
        self._database = database
        self._store = store
        self._stored = stored
        self._items: list[T] = []
        self._batch: list[T] = []  # what is being written
        self._committed = 0  # how many, since the beginning
        self._under_way: asyncio.Future[int] | None = None
        self.problem: BaseException | None = None

    def put(self, item: T) -> None:
        """Take an item; the first is committed at once, what follows is gathered for a few milliseconds."""
        self._items.append(item)
        if self._under_way is None:
            self._begin()

    def hurry(self) -> None:
        """Commit what is here without waiting for company."""
        if self._items:
            self._under_way = self._under_way or self._begin()
            self._database.hurry()

    async def flush(self) -> None:
        """Return when everything put so far is committed; raises what stopped it."""
        wanted = self._committed + len(self._items)
        while self._committed < wanted:
            commit = self._under_way or self._begin()
            self._database.hurry()
            if commit.done():
                await asyncio.sleep(0)  # it is about to be counted
            await asyncio.shield(commit)

    def _begin(self) -> asyncio.Future[int]:
        self._database.go_on()
        if self._under_way is not None:  # it was among those that were held back
            return self._under_way
        commit = self._database.submit(self._drain, soon=True, first=self._pick)
        self._under_way = commit
        commit.add_done_callback(self._finish)
        return commit

    def _try_again(self) -> None:
        if self._items and self._under_way is None:
            with suppress(StoreUnavailable):  # closed meanwhile
                self._begin()

    def _pick(self) -> None:
        # When its turn comes, and not on the writing thread: what several outboxes were given is then written up to one
        # and the same moment, so that a crash cannot keep an event and lose the ledger's row that was there before it.
        self._batch = self._items[:]

    def _drain(self, connection: Connection) -> int:
        self._store(connection, self._batch)
        return len(self._batch)

    def _finish(self, commit: asyncio.Future[int]) -> None:
        self._under_way = None
        if commit.cancelled():
            return
        self.problem = commit.exception()
        if self.problem is not None:
            if isinstance(self.problem, StoreUnavailable):  # it passes; and whoever follows may be waited for
                self._database.held_back.append(self._try_again)
                commit.get_loop().call_later(AGAIN_SECONDS, self._database.go_on)
            return
        batch, self._items = self._items[: commit.result()], self._items[commit.result() :]
        self._committed += len(batch)
        if self._stored is not None:
            self._stored(batch)
        if self._items:
            self._begin()
