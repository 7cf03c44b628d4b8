"""Where LangGraph keeps the position of each mission: our own file, a serializer that builds plain values only."""

from __future__ import annotations

import logging
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiosqlite
import orjson
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    BaseCheckpointSaver,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.base import id as checkpoint_ids
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from sqlalchemy import Connection

from memory.database import BUSY_SECONDS, Database
from memory.outbox import Outbox
from memory.sqlite_database import SqliteDatabase

log = logging.getLogger(__name__)
_PRAGMAS = "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000;"
_READABLE = frozenset({"null", "bytes", "bytearray", "msgpack"})
_PUT = "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, ?, ?, ?, ?)"
_COLUMNS = "(thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value)"
_WRITE_AGAIN = f"INSERT OR REPLACE INTO writes {_COLUMNS} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_WRITE_ONCE = f"INSERT OR IGNORE INTO writes {_COLUMNS} VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608


class PlainSerializer(JsonPlusSerializer):
    """Reads only what it writes: msgpack of plain values and core messages. Whatever else a row holds is never built."""

    def __init__(self) -> None:
        super().__init__(pickle_fallback=False, allowed_json_modules=None, allowed_msgpack_modules=None)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        if data[0] not in _READABLE:
            raise ValueError(f"A checkpoint of type {data[0]!r} is not one of ours.")
        return super().loads_typed(data)


class Checkpointer(BaseCheckpointSaver[str]):
    """What the mission graph needs of either database; a mission is one thread."""

    @abstractmethod
    def for_run(self, before: Callable[[], Awaitable[None]] | None = None) -> BaseCheckpointSaver[str]:
        """Return the saver for one run: `graph.copy(update={"checkpointer": checkpointer.for_run()})`.

        `before` commits what happened until now (and raises Conflict if the run was overtaken): no checkpoint outruns it.
        """

    @abstractmethod
    async def flush(self) -> None:
        """Return when everything put so far is committed."""

    @abstractmethod
    async def delete(self, mission_id: str) -> None:
        """Forget where a mission stood."""


class Batch(NamedTuple):
    """Rows for one statement; `place` is the checkpoint they are or belong to: (thread, namespace, id)."""

    statement: str
    rows: list[tuple[Any, ...]]
    place: tuple[str, str, str]


class Checkpoints(AsyncSqliteSaver, Checkpointer):
    """The checkpointer of the mission graph; a mission is one thread.

    Tables and reading are the library's. Writing goes through the database's one writer, gathered into its commits: on a
    connection of its own every finished task would cost a commit, which is most of what a mission writes to disk. What a
    crash takes from the last milliseconds, the journal still has (see graphs/recording.py).
    """

    def __init__(self, connection: aiosqlite.Connection, database: Database) -> None:
        super().__init__(connection, serde=PlainSerializer())
        self.jsonplus_serde = PlainSerializer()
        self._outbox: Outbox[Batch] = Outbox(database, _store)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Keep a checkpoint; it is committed within milliseconds."""
        at = config["configurable"]
        place = {key: at[key] for key in ("thread_id", "checkpoint_ns")} | {"checkpoint_id": checkpoint["id"]}
        about = orjson.dumps(get_checkpoint_metadata(config, metadata), default=str)
        row = (*place.values(), at.get("checkpoint_id"), *self.serde.dumps_typed(checkpoint), about)
        self._put(Batch(_PUT, [row], (row[0], row[1], row[2])))
        return {"configurable": place}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Keep what a task returned; it is committed within milliseconds."""
        at = config["configurable"]
        place = (str(at["thread_id"]), str(at["checkpoint_ns"]), str(at["checkpoint_id"]), task_id, task_path)
        rows = [
            (*place, WRITES_IDX_MAP.get(channel, number), channel, *self.serde.dumps_typed(value))
            for number, (channel, value) in enumerate(writes)
        ]
        statement = _WRITE_AGAIN if all(c in WRITES_IDX_MAP for c, _ in writes) else _WRITE_ONCE
        self._put(Batch(statement, rows, place[:3]))

    def get_next_version(self, current: Any, channel: None) -> Any:
        """Count the versions of a channel: the library's long random ones, two for each channel, were a third of a checkpoint.

        A thread that was begun with those goes on with them.
        """
        return super().get_next_version(current, channel) if isinstance(current, str) else (current or 0) + 1

    def _put(self, batch: Batch) -> None:
        if self._outbox.problem is not None:
            raise self._outbox.problem
        self._outbox.put(batch)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """Read a checkpoint, after everything put so far is committed."""
        await self._outbox.flush()
        return await super().aget_tuple(config)

    def for_run(self, before: Callable[[], Awaitable[None]] | None = None) -> Checkpoints:
        """Return itself: there is one file, with one writer, which keeps the order."""
        return self

    async def flush(self) -> None:
        """Return when everything put so far is committed."""
        await self._outbox.flush()

    async def delete(self, mission_id: str) -> None:
        """Forget where a mission stood."""
        await self._outbox.flush()
        await self.adelete_thread(mission_id)


def _store(connection: Connection, batches: Sequence[Batch]) -> None:
    # What another checkpoint of the same commit follows upon is never read again: work goes on from the newest.
    newest = {batch.place[:2]: batch.place[2] for batch in batches if batch.statement is _PUT}
    for batch in batches:
        if batch.place[2] >= newest.get(batch.place[:2], ""):
            connection.exec_driver_sql(batch.statement, batch.rows)


@asynccontextmanager
async def open_checkpointer(database: Database, *, busy_seconds: float = BUSY_SECONDS) -> AsyncIterator[Checkpointer]:
    """Open the checkpointer beside an open database: it has connections of its own."""
    if not isinstance(database, SqliteDatabase):
        from memory.checkpoints_postgres import open_shared_checkpointer

        async with open_shared_checkpointer(database, busy_seconds) as shared:
            yield shared
        return
    async with aiosqlite.connect(database.path, timeout=busy_seconds) as connection:
        await connection.executescript(_PRAGMAS)
        checkpoints = Checkpoints(connection, database)
        await checkpoints.setup()
        found = await connection.execute_fetchall("SELECT max(checkpoint_id) FROM checkpoints")
        if newest := next(iter(found))[0]:
            set_clock(newest)
        try:
            yield checkpoints
        finally:
            await checkpoints.flush()


def set_clock(checkpoint_id: str) -> None:
    """Make new checkpoint ids sort after a stored one, even if it was made by a clock that was ahead of this one."""
    last = checkpoint_ids.UUID(hex=checkpoint_id)
    if last.version == 6:
        checkpoint_ids._last_v6_timestamp = max(last.time, checkpoint_ids._last_v6_timestamp or 0)  # type: ignore[assignment]
