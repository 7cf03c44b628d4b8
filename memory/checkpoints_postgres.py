"""Where LangGraph keeps the position of each mission in PostgreSQL: any process can go on where another stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from memory.checkpoints import Checkpointer, PlainSerializer, set_clock
from memory.database import Database
from memory.postgres import PostgresDatabase
from memory.postgres_connection import StepByStep, patiently
from memory.postgres_errors import in_plain_words
from memory.postgres_migrate import alone

T = TypeVar("T")
Pool = AsyncConnectionPool[psycopg.AsyncConnection[DictRow]]
CONNECTIONS = 6


class PostgresCheckpoints(AsyncPostgresSaver, Checkpointer):
    """The checkpointer of one run; all share a pool of connections.

    The library's saver does one thing at a time, so missions side by side need one each. What it stores may be stored
    twice without harm; so all of it is tried again while the server is away.
    """

    def __init__(self, pool: Pool, busy_seconds: float, before: Callable[[], Awaitable[None]] | None = None) -> None:
        super().__init__(pool, serde=PlainSerializer())
        self.supports_pipeline = False  # see StepByStep
        self._pool, self._busy_seconds, self._before = pool, busy_seconds, before

    def for_run(self, before: Callable[[], Awaitable[None]] | None = None) -> PostgresCheckpoints:
        """Return a saver over the same pool; `before` is awaited before each checkpoint."""
        return PostgresCheckpoints(self._pool, self._busy_seconds, before)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint, once all that led to it is committed: where the graph stands must not outrun the journal."""
        if self._before is not None:
            await self._before()
        put, storable = super().aput, _storable(checkpoint)
        return await self._done(lambda: put(config, storable, metadata, new_versions))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task returned; more than the name of a step (whose reply is looked for) once all that led to it is
        committed: a report that is kept is not made again."""
        if self._before is not None and not all(isinstance(value, str) for _, value in writes):
            await self._before()
        put = super().aput_writes
        await self._done(lambda: put(config, writes, task_id, task_path))

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Read a checkpoint; those made from now on sort after it, whatever the clocks of the machines say."""
        get = super().aget_tuple
        found = await self._done(lambda: get(config))
        if found is not None:
            set_clock(found.config["configurable"]["checkpoint_id"])
        return found

    async def flush(self) -> None:
        """Return at once: everything is committed when it was put."""

    async def delete(self, mission_id: str) -> None:
        """Forget where a mission stood."""
        delete = super().adelete_thread
        await self._done(lambda: delete(mission_id))

    async def _done(self, attempt: Callable[[], Awaitable[T]]) -> T:
        try:
            return await patiently(attempt, self._busy_seconds)
        except psycopg.Error as error:
            raise in_plain_words(error) from error


@asynccontextmanager
async def open_shared_checkpointer(database: Database, busy_seconds: float) -> AsyncIterator[PostgresCheckpoints]:
    """Open a pool of connections for checkpoints; their tables are made or changed first, by one process at a time."""
    assert isinstance(database, PostgresDatabase)
    info = database.info
    await patiently(lambda: asyncio.to_thread(_set_up, info), busy_seconds)
    options = {"autocommit": True, "row_factory": dict_row, "prepare_threshold": 0, "cursor_factory": StepByStep}
    pool: Pool = AsyncConnectionPool(
        info, kwargs=options, min_size=1, max_size=CONNECTIONS, timeout=busy_seconds, open=False, name="checkpoints"
    )
    async with pool:
        yield PostgresCheckpoints(pool, busy_seconds)


def _set_up(info: str) -> None:
    with psycopg.connect(info, autocommit=True) as connection:
        if _is_newest(connection):
            return
        with alone(connection), psycopg.connect(info, autocommit=True, row_factory=dict_row) as other:
            other.execute("SET lock_timeout = 0")  # an index that is given up half-way would stay there, unusable
            PostgresSaver(other).setup()


def _is_newest(connection: psycopg.Connection[Any]) -> bool:
    found = connection.execute("SELECT to_regclass('checkpoint_migrations')").fetchone()
    if found is None or found[0] is None:
        return False
    newest = connection.execute("SELECT max(v) FROM checkpoint_migrations").fetchone()
    return newest is not None and newest[0] is not None and newest[0] >= len(PostgresSaver.MIGRATIONS) - 1


def _storable(checkpoint: Checkpoint) -> Checkpoint:
    """Replace in plain text what PostgreSQL's JSON cannot hold: NUL, and halves of surrogate pairs."""
    values = {
        name: value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in checkpoint["channel_values"].items()
    }
    return {**checkpoint, "channel_values": values}
