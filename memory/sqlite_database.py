"""One SQLite file: pooled readers, one writer, brought to the newest schema when it is opened."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import DatabaseError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, StaticPool

from core.errors import StoreUnavailable
from memory.database import Database
from memory.migrate import PAGE_SIZE, prepare
from memory.overwriting import Soon, merge_away
from memory.signals import Signals
from memory.sqlite_reading import Readers
from memory.writer import Writer, in_plain_words

T = TypeVar("T")
log = logging.getLogger(__name__)

READERS = 4
CHECK_EVERY_SECONDS = 600.0
LISTEN_SECONDS = 0.25
"""How often the file is asked whether another process has written, while somebody waits for that."""

LOG_BYTES = 16 * 1024 * 1024
"""Size of the log at which it is carried over into the file: what changes often is then written there once, not each time."""

_PRAGMAS = (
    "PRAGMA foreign_keys=ON; PRAGMA temp_store=MEMORY; PRAGMA synchronous=NORMAL; "
    "PRAGMA cache_size=-16000; PRAGMA journal_size_limit=67108864;"
)
_READ_ONLY = "PRAGMA query_only=ON;"


class SqliteDatabase(Database):
    """The open file."""

    def __init__(self, path: Path, readers: AsyncEngine, threads: Readers, writer: Writer, version: int) -> None:
        super().__init__(Signals(self._listen))
        self.path = path
        self._readers, self._threads = readers, threads
        self._writer = writer
        writer.wake = self.signals.wake
        self._version = version  # of the file, when other processes were last looked for
        self._checked_at, self._damage = time.monotonic(), ""
        self._settling = Soon(self.settle)

    @classmethod
    async def at(cls, path: Path, busy_seconds: float) -> SqliteDatabase:
        """Open or create the file (see Database.open)."""
        await asyncio.to_thread(prepare, path, busy_seconds)
        carry_over = f"PRAGMA wal_autocheckpoint={LOG_BYTES // PAGE_SIZE}; PRAGMA secure_delete=ON;"
        writer = await Writer.open(_engine(path, busy_seconds, carry_over, poolclass=StaticPool))
        readers = _engine(
            path,
            busy_seconds,
            _READ_ONLY,
            pool_size=READERS,
            max_overflow=READERS,
            pool_reset_on_return=None,
            isolation_level="AUTOCOMMIT",
            skip_autocommit_rollback=True,
        )
        threads = Readers(_reading_engine(path, busy_seconds), READERS)
        return cls(path, readers, threads, writer, await writer.data_version())

    async def close(self) -> None:
        """Commit what is queued and let go of the file."""
        await self._settling.end()
        await self.signals.stop()
        await self._readers.dispose()
        await self._threads.close()
        await self._writer.close()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection that can only read; each statement sees everything committed before it."""
        try:
            async with self._readers.connect() as connection:
                yield connection
        except OperationalError as error:
            raise in_plain_words(error) from error

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run synchronous work that only reads, and reads what it finds to its end."""
        try:
            return await self._threads.run(work)
        except OperationalError as error:
            raise in_plain_words(error) from error

    def submit(
        self,
        work: Callable[[Connection], T],
        *,
        durable: bool = False,
        soon: bool = False,
        first: Callable[[], None] | None = None,
    ) -> asyncio.Future[T]:
        """Queue synchronous work for the writing thread (see Writer.submit) and return its future."""
        return self._writer.submit(work, durable=durable, soon=soon, first=first)

    def hurry(self) -> None:
        """Commit what is queued without waiting for company."""
        self._writer.hurry()

    async def transact(self, work: Callable[[AsyncConnection], Awaitable[T]], durable: bool = False) -> T:
        """Run async read-then-write work in one transaction; no other write happens meanwhile, so keep it short."""
        return await self._writer.transact(work, durable=durable)

    async def settle(self) -> None:
        """Merge deleted words away, have the log carried over and cut; what was deleted is overwritten (PRAGMA secure_delete)."""
        await merge_away(self)
        await self._writer.carry_over()

    def settle_soon(self) -> None:
        self._settling.ask()

    async def check(self) -> str:
        """Return "" if the database can be read and written, else what is wrong in one sentence."""
        try:
            await self.apply(lambda _: None)
            if time.monotonic() - self._checked_at > CHECK_EVERY_SECONDS:
                self._checked_at = time.monotonic()
                self._damage = await self._examine()
        except StoreUnavailable as error:
            return str(error)
        return self._damage

    async def _examine(self) -> str:
        try:
            async with self.reading() as connection:
                found = (await connection.exec_driver_sql("PRAGMA quick_check(1)")).scalar_one()
        except DatabaseError as error:
            found = str(error.orig)
        return "" if found == "ok" else f"The database {self.path.name} is damaged ({found}). Restore a backup of it."

    async def _listen(self, signals: Signals) -> None:
        while signals.wanted:
            try:
                version = await self._writer.data_version()
            except sqlite3.Error as error:  # whoever writes is told; it may be over in a moment
                log.warning("nothing is heard of other processes just now: %s", error)
            else:
                if version != self._version:
                    self._version = version
                    signals.wake_everyone()
            await asyncio.sleep(LISTEN_SECONDS)


def _engine(path: Path, busy_seconds: float, more: str, **options: Any) -> AsyncEngine:
    engine = create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        connect_args={"timeout": busy_seconds, "isolation_level": None, "cached_statements": 256},
        **options,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.run_async(lambda driver: driver.executescript(_PRAGMAS + more))

    return engine


def _reading_engine(path: Path, busy_seconds: float) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": busy_seconds, "cached_statements": 256, "check_same_thread": False},
        isolation_level="AUTOCOMMIT",
        skip_autocommit_rollback=True,
        poolclass=NullPool,  # each thread keeps its own
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: object) -> None:
        connection.executescript(_PRAGMAS + _READ_ONLY)

    return engine
