"""The index in PostgreSQL, for several processes: words in a GIN index, vectors in a table, scored here.

Of one user's passages the newest MOST_VECTORS within the scope of a search are compared by meaning; older ones are
found by their words. That bounds what one search reads (1 KB for each).
"""

from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from core.errors import StoreUnavailable
from core.memories import Origin, Passage
from memory.chunking import storable
from memory.database import Database
from memory.passages import MOST_WORDS, Passages
from memory.scope import Scope
from memory.vectors import vector_id

MOST_VECTORS = 5000
_LONGEST_WORD = 200
_WITHIN = (
    "p.user_id = :user_id AND p.origin = ANY(CAST(:origins AS text[])) "
    "AND ((CAST(:talk AS text) IS NULL AND NOT p.unlisted) "
    "OR p.conversation_id = :talk OR p.origin_id = ANY(CAST(:shared AS text[])))"
)
_BY_WORDS = text(
    "WITH hits AS (SELECT p.id, count(*) OVER (PARTITION BY w.word) AS found FROM passages p "  # noqa: S608 - our own parts
    "JOIN unnest(CAST(:words AS text[])) AS w(word) ON p.words @@ CAST(w.word AS tsquery) "
    f"WHERE {_WITHIN}), everything AS (SELECT count(*) AS total FROM passages p WHERE {_WITHIN}) "
    "SELECT id, sum(ln(1 + (total - found + 0.5) / (found + 0.5))) AS score FROM hits, everything "
    "GROUP BY id ORDER BY score DESC, id LIMIT :most"
)
"""Rare words count more than common ones (the part of BM25 that knows how rare a word is)."""
_SET_WORDS = text(
    "UPDATE passages SET words = array_to_tsvector(CAST(:words AS text[])) WHERE id = :id AND user_id = :user_id"
)
_PUT_VECTOR = text(
    "INSERT INTO passage_vectors (passage_number, embedder, vector) SELECT number, :embedder, :vector FROM passages "
    "WHERE id = :id AND user_id = :user_id AND text = :text "  # another process may have replaced the text meanwhile
    "ON CONFLICT (passage_number) DO UPDATE SET embedder = excluded.embedder, vector = excluded.vector"
)
_STANDING = (
    "FROM passages p JOIN passage_vectors v ON v.passage_number = p.number "
    "WHERE v.embedder = :embedder AND p.embedded_by = :embedder"
)
_NEAREST = text(f"SELECT p.id, v.vector {_STANDING} AND {_WITHIN} ORDER BY p.number DESC LIMIT :most")
_THESE = text(f"SELECT p.id, v.vector {_STANDING} AND p.user_id = :user_id AND p.id = ANY(CAST(:ids AS text[]))")
_IDS = text(f"SELECT p.user_id, p.id {_STANDING}")
_COUNT = text(f"SELECT count(*) {_STANDING}")


class SharedPassages(Passages):
    """The rows, and the search by words: letters without accents, in any case."""

    async def by_words(self, query: str, scope: Scope, origins: Sequence[Origin], limit: int) -> dict[str, float]:
        """Map passage ids within a scope to how well they match any of the query's words (higher is better)."""
        words = list(dict.fromkeys(_folded(query)))[:MOST_WORDS]
        if not words:
            return {}
        given = _within(scope, origins) | {"words": [f"'{word}'" for word in words], "most": limit}
        async with self._database.reading() as connection:
            return {row.id: float(row.score) for row in await connection.execute(_BY_WORDS, given)}

    async def rebuild_words(self) -> None:
        """Build the full-text index again from the rows."""
        await self._database.apply(_index_all)

    def _store(self, connection: Connection, passages: Sequence[Passage]) -> None:
        super()._store(connection, passages)

        connection.execute(
            _SET_WORDS, [_words_of(p.id, p.user_id, storable(p.name), storable(p.text)) for p in passages]
        )


class SharedVectors:
    """The vectors of one embedder, the same for all processes; they go with their passages.

    Every method raises StoreUnavailable if the database fails, and may be tried again.
    """

    loaded = True

    def __init__(self, database: Database, embedder_name: str, most: int = MOST_VECTORS) -> None:
        self._database, self._embedder, self._most = database, embedder_name, most

    def lost(self) -> bool:
        """Say whether everything is gone: never, it stands in the same database."""
        return False

    async def add(self, passages: Sequence[Passage], embeddings: Sequence[list[float]]) -> None:
        """Store or replace vectors, one per passage whose text still stands."""
        rows = [
            {"id": p.id, "user_id": p.user_id, "text": p.text, "embedder": self._embedder, "vector": _packed(e)}
            for p, e in zip(passages, embeddings, strict=True)
        ]
        await self._database.write((_PUT_VECTOR, rows))

    async def nearest(
        self, embedding: list[float], scope: Scope, origins: Sequence[Origin], limit: int
    ) -> dict[str, float]:
        """Map passage ids to cosine similarity (-1..1), for the closest of the newest `most` within a scope."""
        rows = await self._read(_NEAREST, _within(scope, origins) | {"most": self._most})
        return await asyncio.to_thread(_closest, rows, embedding, limit)

    async def cosines(self, embedding: list[float], user_id: str, passage_ids: Sequence[str]) -> dict[str, float]:
        """Map those of the given passages of this user that have a vector to their cosine similarity."""
        rows = await self._read(_THESE, {"user_id": user_id, "ids": list(passage_ids)})
        return _closest(rows, embedding, len(rows))

    async def remove(self, vector_ids: Iterable[str]) -> None:
        """Do nothing: a vector is deleted with its passage."""

    async def count(self) -> int:
        """Count the vectors."""
        [(count,)] = await self._read(_COUNT, {})
        return int(count)

    async def ids(self) -> set[str]:
        """List the ids of all vectors."""
        return {vector_id(user_id, passage_id) for user_id, passage_id in await self._read(_IDS, {})}

    async def start_over(self) -> None:
        """Delete every vector."""
        await self._database.write((text("DELETE FROM passage_vectors"), None))

    async def close(self) -> None:
        """Nothing is held: the database is somebody else's to close."""

    async def _read(self, query: Any, given: dict[str, Any]) -> list[Any]:
        try:
            async with self._database.reading() as connection:
                return list((await connection.execute(query, given | {"embedder": self._embedder})).all())
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"The vectors cannot be read: {str(error)[:200]}") from error


def _within(scope: Scope, origins: Sequence[Origin]) -> dict[str, Any]:
    return {
        "user_id": scope.user_id,
        "talk": scope.conversation_id,
        "shared": list(scope.shared),
        "origins": [origin.value for origin in origins],
    }


def _folded(words: str) -> list[str]:
    """Cut a text into words, in one case and without accents, as SQLite's full-text search does."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", words) if not unicodedata.combining(c))
    return [word[:_LONGEST_WORD] for word in re.findall(r"\w+", bare.casefold())]


def _words_of(passage_id: str, user_id: str, name: str, words: str) -> dict[str, Any]:
    return {"id": passage_id, "user_id": user_id, "words": sorted(set(_folded(f"{name} {words}")))}


def _index_all(connection: Connection) -> None:
    rows = connection.execute(text("SELECT id, user_id, name, text FROM passages")).all()
    if rows:
        connection.execute(_SET_WORDS, [_words_of(*row) for row in rows])


def _packed(embedding: Sequence[float]) -> bytes:
    return np.asarray(embedding, dtype=np.float32).tobytes()


def _closest(rows: Sequence[Any], embedding: Sequence[float], limit: int) -> dict[str, float]:
    """Map the ids of the closest of (id, vector) rows to their cosine similarity; all vectors are of length one."""
    query = np.asarray(embedding, dtype=np.float32)
    rows = [row for row in rows if len(row.vector) == query.nbytes]
    if not rows:
        return {}
    scores = np.frombuffer(b"".join(row.vector for row in rows), dtype=np.float32).reshape(len(rows), -1) @ query
    best = np.argsort(-scores)[:limit]
    return {str(rows[n].id): float(scores[n]) for n in best}
