"""The database behind everything in memory/: one SQLite file, or PostgreSQL where several machines work together."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql import Executable

from core.settings import Settings
from memory.signals import Signals

T = TypeVar("T")
Statement = tuple[Executable, Sequence[Mapping[str, Any]] | Mapping[str, Any] | None]

BUSY_SECONDS = 15.0
"""How long a database that is locked, or a server that is away, is waited for before somebody is told."""


class Database(ABC):
    """The open database; everything in memory/ reads and writes through it.

    Work that is written is as if it were alone: on SQLite there is one writer, on PostgreSQL transactions are
    serializable, and one that got in another's way is run again from its start. So it must leave nothing behind but rows.
    Events are the exception: they lock their mission's row instead (see Journal). Work that depends on where a mission
    stands, and changes another table, locks that row too (with_for_update).
    """

    def __init__(self, signals: Signals) -> None:
        self.signals = signals
        self.held_back: list[Callable[[], None]] = []  # writes that may wait, and could not be stored just now

    @staticmethod
    async def open(path: Path, *, busy_seconds: float = BUSY_SECONDS) -> Database:
        """Open or create the SQLite file at `path`, migrating it (after a backup) if it is older.

        Raises BadInput if the file is damaged or was written by a newer version; StoreUnavailable if it stays locked.
        """
        from memory.sqlite_database import SqliteDatabase

        return await SqliteDatabase.at(path, busy_seconds)

    @abstractmethod
    async def close(self) -> None:
        """Commit what is queued and let go of the database."""

    @abstractmethod
    def reading(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """Lend a connection that can only read; each statement sees everything committed before it."""

    @abstractmethod
    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run synchronous work that only reads, and reads what it finds to its end; the cheapest way to read."""

    async def rows(self, query: Executable, given: Mapping[str, Any] | None = None) -> list[Any]:
        """Run one query with the values `given` and return what it finds."""
        return await self.read(lambda connection: list(connection.execute(query, given).all()))

    @abstractmethod
    def submit(
        self,
        work: Callable[[Connection], T],
        *,
        durable: bool = False,
        soon: bool = False,
        first: Callable[[], None] | None = None,
    ) -> asyncio.Future[T]:
        """Queue synchronous work and return its future, which resolves after the commit.

        `durable` makes it safe against a power cut; `soon` lets it wait for company (PAUSE_SECONDS at most): for work that
        reads nothing, or only rows it has locked (SELECT ... FOR UPDATE). `first` is called on the event loop when its
        turn comes, for all that are written together at one moment.
        """

    @abstractmethod
    def hurry(self) -> None:
        """Commit what is queued without waiting for company."""

    def go_on(self) -> None:
        """Submit again what was held back, in its old order."""
        again, self.held_back = self.held_back, []
        for submit in again:
            submit()

    @abstractmethod
    async def transact(self, work: Callable[[AsyncConnection], Awaitable[T]], durable: bool = False) -> T:
        """Run async read-then-write work in one transaction; it holds others up, so keep it short."""

    @abstractmethod
    async def check(self) -> str:
        """Return "" if the database can be read and written, else what is wrong in one sentence."""

    async def settle(self) -> None:  # noqa: B027 (not every database can do something)
        """After a deletion: leave nothing of what was deleted in the database's own files, as far as it is in our hands.

        On PostgreSQL it is not: there the server's own vacuum overwrites it in time.
        """

    def settle_soon(self) -> None:  # noqa: B027 (as above)
        """Settle a little later, once for many deletions, and before the database is closed at the latest."""

    async def apply(self, work: Callable[[Connection], T], *, durable: bool = False) -> T:
        """Run synchronous read-then-write work atomically.

        The cheapest way to write. `work` must not keep the connection, and must not commit.
        """
        return await self.submit(work, durable=durable)

    async def write(self, *statements: Statement, durable: bool = False) -> None:
        """Execute statements in one transaction; one that fails fails alone.

        When it returns the commit stands: against a crash of the process always, against a power cut if `durable`.
        """

        def work(connection: Connection) -> None:
            for statement, values in statements:
                if values is None or isinstance(values, Mapping):
                    connection.execute(statement, values)
                elif values:
                    connection.execute(statement, list(values))

        await self.apply(work, durable=durable)


async def open_database(settings: Settings) -> Database:
    """Open the database the settings name: PostgreSQL, or the file in the data folder.

    Raises BadInput for what cannot be used (damaged, newer, wrong password), StoreUnavailable for what is not there.
    """
    if url := settings.database_url.get_secret_value():
        from memory.postgres import PostgresDatabase

        return await PostgresDatabase.at(url)
    return await Database.open(settings.data_dir / "staffwork.db")
