"""Connections to PostgreSQL: how each one is set up, whoever opens it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.string import StrDumperUnknown
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from core.errors import BadInput
from memory.postgres_errors import in_the_way, server_gone

T = TypeVar("T")

_DEFAULTS = {
    "application_name": "staffwork",
    "connect_timeout": "5",
    "keepalives_idle": "10",  # a server that is gone without a word is noticed in about 20 seconds
    "keepalives_interval": "3",
    "keepalives_count": "3",
    "tcp_user_timeout": "20000",
}
_OPTIONS = (
    "-c synchronous_commit=on",  # a server can crash while this process lives on and has told others of the commit
    "-c lock_timeout=15s",
    "-c idle_in_transaction_session_timeout=5s",  # a process frozen in the middle must not hold others up
)
READ_ONLY = "-c default_transaction_read_only=on"
SHORTEST_PAUSE, LONGEST_PAUSE, LONGEST_WAIT_FOR_OTHERS = 0.01, 1.0, 0.2
_PASSING = (
    "starting up", "shutting down", "recovery", "not yet accepting", "terminating connection", "too many clients",
    "remaining connection slots",
)  # fmt: skip


class _Storable(StrDumperUnknown):
    """Replaces the one character that PostgreSQL's text cannot hold."""

    def dump(self, obj: str) -> Any:
        return super().dump(obj.replace("\x00", "\ufffd") if "\x00" in obj else obj)


def connection_info(url: str, *more_options: str) -> str:
    """Turn STAFFWORK_DATABASE_URL into what the driver takes; raises BadInput if it is no such address."""
    try:
        given = conninfo_to_dict(url.replace("postgresql+psycopg://", "postgresql://", 1))
    except psycopg.ProgrammingError:
        raise BadInput(
            "STAFFWORK_DATABASE_URL is no address of PostgreSQL: postgresql://user:password@host/name"
        ) from None
    options = " ".join([*_OPTIONS, *more_options, str(given.pop("options", ""))]).strip()
    return make_conninfo("", **{**_DEFAULTS, **given, "options": options})


class StepByStep(psycopg.AsyncCursor[Any]):
    """Sends many rows one after the other, not in a pipeline as the driver does.

    Within a pipeline the server does not count how long a process says nothing: one that froze there would hold its locks
    for good.
    """

    async def executemany(self, query: Any, params_seq: Any, *, returning: bool = False) -> None:
        """Execute a statement once for each set of parameters."""
        for params in params_seq:
            await self.execute(query, params)


async def connect(info: str, **more: Any) -> psycopg.AsyncConnection[Any]:
    """Open one connection."""
    connection = await psycopg.AsyncConnection.connect(info, cursor_factory=StepByStep, **more)
    connection.adapters.register_dumper(str, _Storable)
    return connection


async def patiently(attempt: Callable[[], Awaitable[T]], seconds: float) -> T:
    """Try again while the server is away or others are in the way; raises what was wrong last, as it came."""
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + seconds, SHORTEST_PAUSE
    while True:
        try:
            return await attempt()
        except (DBAPIError, psycopg.Error, OSError) as error:
            others = in_the_way(error)
            hopeful = others or (server_gone(error) and not _refused(error))
            if not hopeful or loop.time() + pause > deadline:
                raise
        await asyncio.sleep(pause * random.uniform(0.3, 1))  # not in step with whoever else is in the way
        pause = min(pause * 2, LONGEST_WAIT_FOR_OTHERS if others else LONGEST_PAUSE)


class PatientReader(AsyncConnection):
    """A connection in autocommit mode that asks again, on a new one, if the server went away meanwhile."""

    seconds = 0.0

    async def execute(self, *given: Any, **options: Any) -> Any:
        """Execute one statement; it must only read."""
        ask = super().execute
        return await self._patiently(lambda: ask(*given, **options))

    async def run_sync(self, *given: Any, **options: Any) -> Any:
        """Run synchronous work from its start, again where need be; it must only read."""
        ask = super().run_sync
        return await self._patiently(lambda: ask(*given, **options))

    async def _patiently(self, ask: Callable[[], Awaitable[Any]]) -> Any:
        async def attempt() -> Any:
            try:
                return await ask()
            except DBAPIError:
                await self.rollback()  # then the next try takes another connection from the pool
                raise

        return await patiently(attempt, self.seconds)


def _refused(error: BaseException) -> bool:
    """Say whether the server answered and will not have us: wrong password, no such database."""
    words = str(error)
    return "FATAL" in words and not any(part in words for part in _PASSING)
