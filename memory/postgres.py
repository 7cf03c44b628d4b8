"""PostgreSQL: serializable transactions over a small pool, for several processes and machines at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as TooBusy
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.sql import Executable

from core.errors import StoreUnavailable
from memory.database import BUSY_SECONDS, Database
from memory.postgres_connection import READ_ONLY, PatientReader, connect, connection_info, patiently
from memory.postgres_errors import UNSURE, in_plain_words, server_gone, state_of
from memory.postgres_gathering import Gatherer
from memory.postgres_migrate import prepare
from memory.signals import CHANNEL, Signals, take_topics

T = TypeVar("T")
log = logging.getLogger(__name__)

WRITERS = 4
READERS = 4
CHECK_SECONDS = 2.0
HEARTBEAT_SECONDS = 15.0
"""How often the listening connection is asked whether it still lives; until then a silent loss may go unnoticed."""

_TRANSACTION = "SELECT pg_current_xact_id_if_assigned()::text"
NEVER_HEARD_OF = "22023"
"""What a server says of a transaction whose very number it lost in a crash: nothing of it was on its disk."""
_FATE = "SELECT pg_xact_status(%s::xid8)"


class PostgresDatabase(Database):
    """An open PostgreSQL database.

    A server that goes away is waited for: what was not committed is run again, and of a commit that was under way the
    server is asked what became of it.
    """

    def __init__(self, url: str, busy_seconds: float) -> None:
        super().__init__(Signals(self._listen))
        self.info = connection_info(url)
        self._busy_seconds = busy_seconds
        self._readers = _engine(connection_info(url, READ_ONLY), "AUTOCOMMIT", READERS)
        self._writers = _engine(self.info, "SERIALIZABLE", WRITERS)
        self._under_way: set[asyncio.Task[Any]] = set()
        self._gatherer = Gatherer(self._gathered)
        self._closing = False

    @classmethod
    async def at(cls, url: str, busy_seconds: float = BUSY_SECONDS) -> PostgresDatabase:
        """Open the database at an address (postgresql://...), bringing it to the newest schema.

        Raises BadInput for an address, password or schema that cannot be used, StoreUnavailable if no server answers.
        """
        await prepare(connection_info(url), busy_seconds)
        return cls(url, busy_seconds)

    async def close(self) -> None:
        """Commit what is queued and let go of the server."""
        self._closing = True
        await self._gatherer.settled()
        if self._under_way:
            await asyncio.wait(self._under_way)
        await self.signals.stop()
        await self._readers.dispose()
        await self._writers.dispose()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        try:
            connection = PatientReader(self._readers)
            connection.seconds = self._busy_seconds
            await patiently(connection.start, self._busy_seconds)
            try:
                yield connection
            finally:
                await connection.close()
        except (DBAPIError, TooBusy) as error:
            raise in_plain_words(error) from error

    async def read(self, work: Callable[[Connection], T]) -> T:
        async with self.reading() as connection:
            return await connection.run_sync(work)

    async def rows(self, query: Executable, given: Mapping[str, Any] | None = None) -> list[Any]:
        async with self.reading() as connection:
            return list((await connection.execute(query, given)).all())

    def submit(
        self,
        work: Callable[[Connection], T],
        *,
        durable: bool = False,
        soon: bool = False,
        first: Callable[[], None] | None = None,
    ) -> asyncio.Future[T]:
        """Run work in a transaction of its own; two that are under way at once may be committed in any order.

        What may wait (`soon`) is committed in order, and before what is submitted after it. It locks what it depends on
        itself, so it is spared the watch over what it has read. Every commit is durable: a server can crash while this
        process lives on.
        """
        self._must_be_open()
        if soon:
            return self._gatherer.submit(work, first)
        if first is not None:
            first()
        task = asyncio.create_task(self._after_all_before(lambda connection: connection.run_sync(work)))
        self._under_way.add(task)
        task.add_done_callback(self._settled)
        return asyncio.shield(task)  # a caller that is cancelled does not take the work with it

    def _settled(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # it is the caller's; one that was cancelled does not ask for it any more

    def hurry(self) -> None:
        self._gatherer.hurry()

    async def transact(self, work: Callable[[AsyncConnection], Awaitable[T]], durable: bool = False) -> T:
        self._must_be_open()
        return await self._after_all_before(work)

    async def check(self) -> str:
        try:
            attempt = patiently(lambda: self._once(_look), CHECK_SECONDS)
            await self._in_plain_words(asyncio.wait_for(attempt, 2 * CHECK_SECONDS))
        except StoreUnavailable as error:
            return str(error)
        except TimeoutError:
            return "The database server does not answer."
        return ""

    def _must_be_open(self) -> None:
        if self._closing:
            raise StoreUnavailable("The database is closed.")

    async def _after_all_before(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        await self._gatherer.settled()
        return await self._stored(work)

    async def _gathered(self, work: Callable[[Connection], Any]) -> Any:
        return await self._stored(lambda connection: connection.run_sync(work), "READ COMMITTED")

    async def _stored(self, work: Callable[[AsyncConnection], Awaitable[T]], level: str = "SERIALIZABLE") -> T:
        return await self._in_plain_words(patiently(lambda: self._once(work, level), self._busy_seconds))

    async def _once(self, work: Callable[[AsyncConnection], Awaitable[T]], level: str = "SERIALIZABLE") -> T:
        async with self._writers.connect() as connection:
            if level != "SERIALIZABLE":
                await connection.execution_options(isolation_level=level)
            await connection.run_sync(take_topics)  # of work that failed on this connection
            result = await work(connection)
            transaction = (await connection.exec_driver_sql(_TRANSACTION)).scalar_one()
            topics = await connection.run_sync(take_topics)
            try:
                await connection.commit()
            except DBAPIError as error:
                if transaction is None or not server_gone(error) or not await self._was_committed(transaction):
                    raise
        for topic in topics:
            self.signals.wake(topic)
        return result

    async def _was_committed(self, transaction: str) -> bool:
        """Ask what became of a commit whose answer was lost."""

        async def attempt() -> bool:
            async with self._readers.connect() as connection:
                while True:
                    fate = (await connection.exec_driver_sql(_FATE, (transaction,))).scalar_one()
                    if fate != "in progress":
                        return bool(fate == "committed")
                    await asyncio.sleep(0.05)

        try:
            return await patiently(attempt, self._busy_seconds)
        except DBAPIError as error:
            if state_of(error) == NEVER_HEARD_OF:
                return False
            raise StoreUnavailable(UNSURE) from error

    async def _in_plain_words(self, attempt: Coroutine[Any, Any, T]) -> T:
        try:
            return await attempt
        except (DBAPIError, TooBusy) as error:
            raise in_plain_words(error) from error

    async def _listen(self, signals: Signals) -> None:
        """Hear what other processes tell; whenever the connection is new, everyone is woken."""
        pause = 0.1
        while True:
            try:
                async with await connect(self.info, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    signals.wake_everyone()
                    pause = 0.1
                    await _hear(connection, signals)
            except (psycopg.Error, OSError, TimeoutError) as error:
                log.warning("nothing is heard of other processes just now: %s", error)
            await asyncio.sleep(pause)
            pause = min(pause * 2, 2.0)


async def _hear(connection: psycopg.AsyncConnection[Any], signals: Signals) -> None:
    while True:
        async for notice in connection.notifies(timeout=HEARTBEAT_SECONDS):
            signals.heard(notice.payload)
        async with asyncio.timeout(HEARTBEAT_SECONDS):
            await connection.execute("SELECT 1")


async def _look(connection: AsyncConnection) -> None:
    await connection.exec_driver_sql("SELECT 1")


def _engine(info: str, isolation_level: str, size: int, **options: Any) -> AsyncEngine:
    return create_async_engine(
        "postgresql+psycopg://",
        async_creator=lambda: connect(info),
        isolation_level=isolation_level,
        pool_size=size,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        **options,
    )
