"""The index over passages: SQLite holds them and finds words, Chroma finds meaning, and the scores are put together."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, delete, select, text, update
from sqlalchemy.dialects.sqlite import insert

from core.errors import StaffworkError
from core.memories import Origin, Passage, Recollection
from core.ports import Embedder
from memory.database import Database
from memory.tables import passages as table
from memory.vectors import FolderLock, Vectors

log = logging.getLogger(__name__)
WORDS_WEIGHT = 0.2
"""How much the best match by words adds to the similarity of meaning (measured: more pulls right answers down)."""
CANDIDATES = 24
SLICE = 64
_FIELDS = [table.c[name] for name in Passage.model_fields]
_BY_WORDS = text(
    "SELECT p.id, -bm25(passages_fts) AS score FROM passages_fts JOIN passages p ON p.number = passages_fts.rowid "
    "WHERE passages_fts MATCH :words AND p.user_id = :user_id AND (:talk IS NULL OR p.conversation_id = :talk) "
    "AND instr(:origins, '|' || p.origin || '|') ORDER BY score DESC LIMIT :most"
)
BROKEN = (StaffworkError, OSError, ValueError, RuntimeError)
"""What the embedder or Chroma may fail with; words still find passages then, and `check` says what is wrong."""


class Index:
    """Implements `core.ports.PassageIndex`; exactly one process may have a folder's index open."""

    def __init__(self, database: Database, folder: Path, embedder: Embedder) -> None:
        self._database, self._embedder = database, embedder
        self._lock = FolderLock(folder)
        self._vectors = Vectors(folder, embedder.name)
        self._problem = ""
        self._catching_up: asyncio.Task[None] | None = None
        self._one_at_a_time = asyncio.Lock()

    @classmethod
    async def open(cls, database: Database, folder: Path, embedder: Embedder) -> Index:
        """Open the index; raises BadInput if another process has it. Passages without vectors are embedded meanwhile."""
        index = cls(database, folder, embedder)
        index._catching_up = asyncio.create_task(index._catch_up(), name="index catches up")
        return index

    async def close(self) -> None:
        """Stop catching up and let go of the folder."""
        if self._catching_up is not None:
            self._catching_up.cancel()
            await asyncio.wait([self._catching_up])
        await self._vectors.close()
        self._lock.release()

    def check(self) -> str:
        """Return "" or what is broken."""
        return self._problem

    async def add(self, passages: Sequence[Passage]) -> None:
        """Store passages, replacing those with the same id of the same user, and make them findable."""
        if passages:
            await self._database.apply(lambda c: _store(c, passages))
            await self._embed(passages)

    async def _embed(self, passages: Sequence[Passage]) -> None:
        for start in range(0, len(passages), SLICE):
            part = passages[start : start + SLICE]
            try:
                async with self._one_at_a_time:
                    await self._vectors.add(part, await self._embedder.embed([p.text for p in part]))
            except BROKEN as error:
                return self._note(error)
            self._problem = ""
            marked = update(table).where(table.c.id.in_([p.id for p in part])).values(embedded_by=self._embedder.name)
            await self._database.write((marked, None))
        return None

    def _note(self, error: Exception) -> None:
        self._problem = f"Search by meaning does not work ({error}); search by words does."
        log.warning("index: %s", error)

    async def _catch_up(self) -> None:
        """Embed what has no vector of this embedder yet: after a crash in between, or after a change of embedder."""
        missing = (
            select(*_FIELDS).where(table.c.embedded_by != self._embedder.name).order_by(table.c.number).limit(SLICE)
        )
        while passages := await self._passages(missing):
            await self._embed(passages)
            if self._problem:
                return

    async def rebuild(self) -> None:
        """Embed everything anew from SQLite."""
        await self._database.write((update(table).values(embedded_by=""), None))
        await self._catch_up()

    async def search(
        self,
        query: str,
        *,
        user_id: str,
        conversation_id: str | None = None,
        origins: Sequence[Origin] = tuple(Origin),
        limit: int = 6,
    ) -> list[Recollection]:
        """Return the best passages of this user, closest first, with scores from 0 to 1."""
        near = await self._near(query, user_id, conversation_id, origins, max(limit * 2, CANDIDATES))
        worded = await self._worded(query, user_id, conversation_id, origins, max(limit * 2, CANDIDATES))
        scores = fuse(near, worded)
        best = sorted(scores, key=lambda p: (-scores[p], p))[:limit]
        # The owner is checked again on the rows themselves, whatever Chroma answered.
        chosen = select(*_FIELDS).where(table.c.id.in_(best), table.c.user_id == user_id)
        found = {p.id: p for p in await self._passages(chosen)}
        return [Recollection(passage=found[p], score=round(scores[p], 4)) for p in best if p in found]

    async def _near(
        self, query: str, user_id: str, conversation_id: str | None, origins: Sequence[Origin], limit: int
    ) -> dict[str, float]:
        if not query.strip() or not await self._has_any(user_id, conversation_id):
            return {}
        try:
            [embedding] = await self._embedder.embed([query])
            return await self._vectors.nearest(embedding, user_id, conversation_id, origins, limit)
        except BROKEN as error:
            self._note(error)
            return {}

    async def _has_any(self, user_id: str, conversation_id: str | None) -> bool:
        """Say whether there is anything to search; a first mission need not wait for Chroma to load."""
        query = select(table.c.number).where(table.c.user_id == user_id).limit(1)
        if conversation_id is not None:
            query = query.where(table.c.conversation_id == conversation_id)
        async with self._database.reading() as connection:
            return (await connection.execute(query)).first() is not None

    async def _worded(
        self, query: str, user_id: str, conversation_id: str | None, origins: Sequence[Origin], limit: int
    ) -> dict[str, float]:
        words = list(dict.fromkeys(re.findall(r"\w+", query.lower())))[:40]
        if not words:
            return {}
        given = {
            "words": " OR ".join(f'"{w}"' for w in words),
            "user_id": user_id,
            "talk": conversation_id,
            "origins": "|" + "|".join(o.value for o in origins) + "|",
            "most": limit,
        }
        async with self._database.reading() as connection:
            return {row.id: float(row.score) for row in await connection.execute(_BY_WORDS, given)}

    async def passages_of(self, origin_id: str, *, user_id: str) -> list[Passage]:
        """Return all passages of one file, message or memory, in order."""
        mine = (table.c.origin_id == origin_id) & (table.c.user_id == user_id)
        return await self._passages(select(*_FIELDS).where(mine).order_by(table.c.position))

    async def forget(self, *, origin_id: str, user_id: str) -> None:
        """Remove one file, message or memory, vectors included."""
        await self._forget(user_id, table.c.origin_id == origin_id)

    async def forget_conversation(self, conversation_id: str, user_id: str) -> None:
        """Remove the passages of a conversation, vectors included; facts kept as memories stay, they are the user's."""
        said = (table.c.conversation_id == conversation_id) & (table.c.origin != Origin.MEMORY.value)
        await self._forget(user_id, said)

    async def _forget(self, user_id: str, which: Any) -> None:
        mine = which & (table.c.user_id == user_id)
        async with self._database.reading() as connection:
            ids = [row.id for row in await connection.execute(select(table.c.id).where(mine))]
        if not ids:
            return
        await self._vectors.remove(user_id, ids)  # first the vectors: a crash in between leaves rows, not ghosts
        await self._database.write((delete(table).where(mine), None))

    async def _passages(self, query: Select[Any]) -> list[Passage]:
        async with self._database.reading() as connection:
            return [Passage.model_validate(dict(row)) for row in (await connection.execute(query)).mappings()]


def fuse(near: Mapping[str, float], worded: Mapping[str, float]) -> dict[str, float]:
    """Put similarity of meaning and match of words together: cosine + 0.2 x bm25 / best bm25, between 0 and 1."""
    best = max(worded.values(), default=0.0) or 1.0
    return {
        p: min(max(near.get(p, 0.0) + WORDS_WEIGHT * max(worded.get(p, 0.0), 0.0) / best, 0.0), 1.0)
        for p in {*near, *worded}
    }


def _store(connection: Connection, passages: Sequence[Passage]) -> None:
    rows = [p.model_dump(mode="json") | {"embedded_by": ""} for p in passages]
    upsert = insert(table)
    changed = {name: upsert.excluded[name] for name in rows[0] if name not in ("id", "user_id")}
    # Another user's passage with a guessed id stays as it is.
    connection.execute(
        upsert.on_conflict_do_update(
            index_elements=["id"], set_=changed, where=table.c.user_id == upsert.excluded.user_id
        ),
        rows,
    )
