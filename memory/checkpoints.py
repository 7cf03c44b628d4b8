"""Where LangGraph keeps the position of each mission: our own file, a serializer that builds plain values only."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiosqlite
from langgraph.checkpoint.base import id as checkpoint_ids
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

log = logging.getLogger(__name__)
_PRAGMAS = "PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16000;"
_READABLE = frozenset({"null", "bytes", "bytearray", "msgpack"})


class PlainSerializer(JsonPlusSerializer):
    """Reads only what it writes: msgpack of plain values and core messages. Whatever else a row holds is never built."""

    def __init__(self) -> None:
        super().__init__(pickle_fallback=False, allowed_json_modules=None, allowed_msgpack_modules=None)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        if data[0] not in _READABLE:
            raise ValueError(f"A checkpoint of type {data[0]!r} is not one of ours.")
        return super().loads_typed(data)


class Checkpoints(AsyncSqliteSaver):
    """The checkpointer of the mission graph; a mission is one thread."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        super().__init__(connection, serde=PlainSerializer())
        self.jsonplus_serde = PlainSerializer()

    async def delete(self, mission_id: str) -> None:
        """Forget where a mission stood."""
        await self.adelete_thread(mission_id)


@asynccontextmanager
async def open_checkpointer(path: Path, *, busy_seconds: float = 15.0) -> AsyncIterator[Checkpoints]:
    """Open the checkpointer on the database file, on a connection of its own."""
    async with aiosqlite.connect(path, timeout=busy_seconds) as connection:
        await connection.executescript(_PRAGMAS)
        checkpoints = Checkpoints(connection)
        await checkpoints.setup()
        await _seed_clock(connection)
        yield checkpoints


async def _seed_clock(connection: aiosqlite.Connection) -> None:
    """Make new checkpoint ids sort after the stored ones, even if the machine's clock was set back meanwhile."""
    found = await connection.execute_fetchall("SELECT max(checkpoint_id) FROM checkpoints")
    newest = next(iter(found))[0]
    if newest is None:
        return
    last = checkpoint_ids.UUID(hex=newest)
    if last.version == 6:
        checkpoint_ids._last_v6_timestamp = max(last.time, checkpoint_ids._last_v6_timestamp or 0)  # type: ignore[assignment]
