"""The one writing connection: concurrent writes share a transaction, and none can spoil another's."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import aiosqlite
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.pool import StaticPool

from core.errors import StoreUnavailable
from memory.signals import take_topics

T = TypeVar("T")
Work = Callable[[Connection], Any]

PAUSE_SECONDS = 0.05
"""Writes that may wait are committed this long after the ones before them, at the latest; the first one at once."""


@dataclass(slots=True)
class _Write:
    work: Work
    durable: bool
    soon: bool
    first: Callable[[], None] | None
    done: asyncio.Future[Any]


class Writer:
    """Runs writes one group at a time: each in its own savepoint, all in one transaction and one hop to the writing thread."""

    def __init__(self, engine: AsyncEngine, connection: AsyncConnection, driver: aiosqlite.Connection) -> None:
        self._engine = engine
        self._connection = connection
        self._driver = driver
        self._turn = asyncio.Lock()  # held while a transaction is open, by a group or by `transact`
        self._waiting: list[_Write] = []
        self._some, self._urgent = asyncio.Event(), asyncio.Event()
        self._last_gathered = 0.0  # when writes that may wait were last committed
        self._closing = False
        self.wake: Callable[[str], None] = lambda _: None  # called for each topic that was notified, after the commit
        self._sync: Connection | None = None
        self._level = ""
        self._serving = asyncio.create_task(self._serve(), name="database writer")

    @classmethod
    async def open(cls, engine: AsyncEngine) -> Writer:
        """Take the engine's one connection; its driver must leave transactions to us (isolation_level None)."""
        connection = await engine.connect()
        driver = (await connection.get_raw_connection()).driver_connection
        assert isinstance(driver, aiosqlite.Connection)
        return cls(engine, connection, driver)

    def submit(
        self,
        work: Callable[[Connection], T],
        *,
        durable: bool = False,
        soon: bool = False,
        first: Callable[[], None] | None = None,
    ) -> asyncio.Future[T]:
        """Queue a write: `work` runs on the writing thread with a synchronous connection, atomically.

        The future resolves after the commit. `durable` syncs the commit to disk; `soon` lets it wait for company
        (PAUSE_SECONDS at most). `first` is called on the event loop, for all of a group at one moment.
        """
        if self._closing:
            raise StoreUnavailable("The database is closed.")
        write = _Write(work, durable, soon, first, asyncio.get_running_loop().create_future())
        self._waiting.append(write)
        self._some.set()
        if not soon:
            self._urgent.set()
        return write.done

    def hurry(self) -> None:
        """Commit what is queued without waiting for company."""
        self._urgent.set()

    async def transact(self, work: Callable[[AsyncConnection], Awaitable[T]], *, durable: bool) -> T:
        """Run async read-then-write work in one transaction of its own."""
        async with self._turn:
            await self._hop(lambda: self._set_level(durable))
            try:
                await self._connection.exec_driver_sql("BEGIN IMMEDIATE")
                result = await work(self._connection)
                await self._connection.commit()
            except OperationalError as error:
                await asyncio.shield(self._connection.rollback())
                raise in_plain_words(error) from error
            except BaseException:  # also a cancelled caller: leave nothing open behind it
                await asyncio.shield(self._connection.rollback())
                raise
            for topic in await self._connection.run_sync(take_topics):
                self.wake(topic)
            return result

    async def data_version(self) -> int:
        """Return a number that changes when another connection than the writer's has committed."""
        return await self._hop(lambda: int(self._driver._conn.execute("PRAGMA data_version").fetchone()[0]))

    async def carry_over(self) -> None:
        """Carry the log over into the file and cut it to nothing; where a reader is in the way, at the next commit that may."""
        async with self._turn:
            try:
                await self._hop(lambda: self._driver._conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone())
            except sqlite3.Error as error:
                raise in_plain_words(error) from error

    async def close(self) -> None:
        """Commit what is queued, then let go of the file."""
        self._closing = True
        self._some.set()
        self._urgent.set()
        await self._serving
        async with self._turn:
            if self._sync is not None:
                await self._hop(self._sync.close)
            await self._connection.close()
            await self._engine.dispose()

    async def _serve(self) -> None:
        while self._waiting or not self._closing:
            await self._some.wait()
            await self._pause()
            async with self._turn:
                self._some.clear()
                self._urgent.clear()
                group, self._waiting = self._waiting, []
                for write in group:
                    if write.first is not None:
                        write.first()
                if group:
                    await self._commit(group)
                    await asyncio.sleep(0)  # whoever was told of the commit may have more to write: it is not overtaken
                    if any(write.soon for write in group):
                        self._last_gathered = asyncio.get_running_loop().time()

    async def _pause(self) -> None:
        rest = self._last_gathered + PAUSE_SECONDS - asyncio.get_running_loop().time()
        if rest <= 0 or self._urgent.is_set():
            return
        wake = asyncio.get_running_loop().call_later(rest, self._urgent.set)
        await self._urgent.wait()
        wake.cancel()

    async def _commit(self, group: Sequence[_Write]) -> None:
        durable = any(write.durable for write in group)
        topics: set[str] = set()
        try:
            outcomes, topics = await self._hop(lambda: self._run(group, durable))
        except (sqlite3.Error, OperationalError) as error:
            outcomes = [(None, in_plain_words(error))] * len(group)
        for write, (result, problem) in zip(group, outcomes, strict=True):
            if write.done.done():  # its caller was cancelled meanwhile
                continue
            if problem is None:
                write.done.set_result(result)
            else:
                write.done.set_exception(problem)
        for topic in topics:
            self.wake(topic)

    async def _hop(self, function: Callable[[], T]) -> T:
        # aiosqlite has no public way to run a function on its thread, and one hop per statement costs more than SQLite.
        return await self._driver._execute(function)  # type: ignore[no-any-return,no-untyped-call]

    def _run(self, group: Sequence[_Write], durable: bool) -> tuple[list[tuple[Any, BaseException | None]], set[str]]:
        """Run a group on the writing thread; returns (result, problem) of each, and the topics it notified."""
        raw = self._driver._conn
        connection = self._on_thread()
        self._set_level(durable)
        raw.execute("BEGIN IMMEDIATE")
        try:
            outcomes: list[tuple[Any, BaseException | None]] = []
            topics: set[str] = set()
            for write in group:
                outcomes.append(_attempt(raw, connection, write.work))
                noted = take_topics(connection)
                if outcomes[-1][1] is None:
                    topics |= noted
            raw.execute("COMMIT")
        except BaseException:
            if raw.in_transaction:
                raw.execute("ROLLBACK")
            raise
        return outcomes, topics

    def _on_thread(self) -> Connection:
        """Return SQLAlchemy's synchronous view of the same connection, made on first use."""
        if self._sync is None:
            raw = self._driver._conn
            engine = create_engine("sqlite://", creator=lambda: raw, poolclass=StaticPool, pool_reset_on_return=None)
            self._sync = engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        return self._sync

    def _set_level(self, durable: bool) -> None:
        level = "FULL" if durable else "NORMAL"
        if level != self._level:
            self._driver._conn.execute(f"PRAGMA synchronous={level}")
            self._level = level


def _attempt(raw: sqlite3.Connection, connection: Connection, work: Work) -> tuple[Any, BaseException | None]:
    raw.execute("SAVEPOINT one_write")
    try:
        result = work(connection)
    except BaseException as problem:  # it goes to the caller of this write; the others of the group stand
        if not raw.in_transaction:  # SQLite gave the whole transaction up (disk full, for one)
            raise
        raw.execute("ROLLBACK TO one_write")
        raw.execute("RELEASE one_write")
        return None, in_plain_words(problem) if isinstance(problem, OperationalError) else problem
    raw.execute("RELEASE one_write")
    return result, None


def in_plain_words(error: sqlite3.Error | OperationalError) -> Exception:
    """Say what a storage failure means; what has no plain meaning comes back unchanged."""
    words = str(error).lower()
    if "locked" in words or "busy" in words:
        return StoreUnavailable(
            "Another program holds the database. Nothing was changed; please try again in a moment."
        )
    if "full" in words:
        return StoreUnavailable("The disk is full. Nothing was changed; free some space and try again.")
    if "readonly" in words or "unable to open" in words or "disk i/o" in words:
        return StoreUnavailable(
            "The database cannot be written. Nothing was changed; check the disk and its permissions."
        )
    return error
