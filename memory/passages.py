"""Passages as rows: the truth about what the index holds, and the search by words."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, bindparam, delete, func, or_, select, text, update

from core.memories import Origin, Passage
from memory.artifact_rows import folded
from memory.chunking import storable
from memory.columns import WAITS
from memory.database import Database
from memory.scope import Scope, scope_of
from memory.statements import insert_into
from memory.tables import conversations
from memory.tables import passages as table
from memory.vectors import vector_id

ROWS_AT_ONCE = 500
MOST_WORDS = 40
_C, _T = table.c, conversations.c
_FIELDS = [_C[name] for name in Passage.model_fields]
_BY_WORDS = text(
    "SELECT p.id, -bm25(passages_fts) AS score FROM passages_fts JOIN passages p ON p.number = passages_fts.rowid "
    "WHERE passages_fts MATCH :words AND p.user_id = :user_id "
    "AND ((:talk IS NULL AND NOT p.unlisted) OR p.conversation_id = :talk OR p.origin_id IN :shared) "
    "AND instr(:origins, '|' || p.origin || '|') ORDER BY score DESC LIMIT :most"
).bindparams(bindparam("shared", expanding=True))
_MARK = text("UPDATE passages SET embedded_by = :by WHERE id = :id AND user_id = :owner AND text = :words")
_UNMARK = text("UPDATE passages SET embedded_by = '' WHERE id = :id")


class Passages:
    """The rows of the index; `embedder` is the name that marks a row whose vector is stored."""

    def __init__(self, database: Database, embedder: str) -> None:
        self._database, self._embedder = database, embedder

    async def store(self, passages: Sequence[Passage]) -> None:
        """Insert or replace passages by id; what changed has no vector from then on."""
        for start in range(0, len(passages), ROWS_AT_ONCE):
            part = passages[start : start + ROWS_AT_ONCE]
            await self._database.apply(lambda c, part=part: self._store(c, part))  # type: ignore[misc]

    def put(self, connection: Connection, passages: Sequence[Passage]) -> None:
        """The same as `store` within other work that is written; the index must be told of it afterwards."""
        self._store(connection, passages)

    async def scope(self, user_id: str, conversation_id: str | None) -> Scope:
        """Find out where a search in a conversation looks (None: in all of the user's)."""
        return await scope_of(self._database, user_id, conversation_id)

    async def any(self, scope: Scope) -> bool:
        """Say whether there is anything to search."""
        where = _belongs(scope.user_id, scope.conversation_id)
        if scope.shared:
            where |= (_C.user_id == scope.user_id) & _C.origin_id.in_(scope.shared)
        return bool(await self._first(_C.number, where))

    async def by_words(self, query: str, scope: Scope, origins: Sequence[Origin], limit: int) -> dict[str, float]:
        """Map passage ids within a scope to their BM25 (higher is better) for any of the query's words."""
        words = words_of(query)
        if not words:
            return {}
        if scope.temporary:
            return await self._looked_through(query, scope, origins, limit)
        given = {
            "words": words,
            "user_id": scope.user_id,
            "talk": scope.conversation_id,
            "shared": scope.shared,
            "origins": "|" + "|".join(o.value for o in origins) + "|",
            "most": limit,
        }
        return {row.id: float(row.score) for row in await self._database.rows(_BY_WORDS, given)}

    async def _looked_through(
        self, query: str, scope: Scope, origins: Sequence[Origin], limit: int
    ) -> dict[str, float]:
        """Find passages of a temporary conversation, which are in no index: each is read."""
        here = (_C.conversation_id == scope.conversation_id) & _C.origin.in_([origin.value for origin in origins])
        wanted, found = set(folded(query)), dict[str, float]()
        for passage in await self._read(_mine(scope.user_id, here | _C.origin_id.in_(scope.shared))):
            if score := len(wanted & set(folded(f"{passage.name} {passage.text}"))):
                found[passage.id] = float(score)
        return dict(sorted(found.items(), key=lambda one: -one[1])[:limit])

    async def by_id(self, ids: Collection[str], user_id: str) -> dict[str, Passage]:
        """Return those of the passages that belong to this user."""
        return {p.id: p for p in await self._read(_mine(user_id, _C.id.in_(ids)))}

    async def of_origin(self, origin_id: str, user_id: str) -> list[Passage]:
        """Return the passages of one file, message or memory of this user, in order."""
        return await self._read(_mine(user_id, _C.origin_id == origin_id).order_by(_C.position))

    async def waiting(self, limit: int) -> list[Passage]:
        """Return passages without a vector, the newest first, so that a large file delays nobody's next message."""
        query = select(*_FIELDS).where(WAITS, _C.unlisted.is_(False))
        return await self._read(query.order_by(_C.number.desc()).limit(limit))

    async def unchanged(self, passages: Sequence[Passage]) -> set[str]:
        """Name those that stand in the table exactly as given."""
        ids = [p.id for p in passages]
        now = {p.id: p for p in await self._read(select(*_FIELDS).where(_C.id.in_(ids)))}
        return {p.id for p in passages if now.get(p.id) == p}

    async def mark(self, passages: Sequence[Passage]) -> None:
        """Note that these have their vector, unless their text has changed meanwhile."""
        rows = [{"id": p.id, "owner": p.user_id, "words": p.text, "by": self._embedder} for p in passages]
        await self._database.write((_MARK, rows))

    async def unmark_others(self) -> None:
        """Let those wait that another embedder has embedded."""
        others = _C.embedded_by.not_in(("", self._embedder))
        if await self._first(_C.number, others):
            await self._database.write((update(table).where(others).values(embedded_by=""), None))

    async def unmark(self, keep: Callable[[str], bool] = lambda _: False) -> None:
        """Note that there are no vectors, but for those whose vector id `keep` accepts."""

        def work(connection: Connection) -> None:
            rows = connection.execute(select(_C.id, _C.user_id).where(_C.embedded_by != "")).all()
            gone = [{"id": row.id} for row in rows if not keep(vector_id(row.user_id, row.id))]
            if gone:
                connection.execute(_UNMARK, gone)

        await self._database.apply(work)

    async def marked(self) -> int:
        """Count the rows whose vector should stand in Chroma."""
        [(count,)] = await self._database.rows(select(func.count()).where(_C.embedded_by == self._embedder))
        return int(count)

    async def vector_ids(self) -> set[str]:
        """List the vector ids of all rows."""
        return {vector_id(row.user_id, row.id) for row in await self._database.rows(select(_C.id, _C.user_id))}

    async def delete_origin(self, origin_id: str, user_id: str) -> list[str]:
        """Delete the passages of one file, message or memory; returns their vector ids."""
        return await self._delete((_C.origin_id == origin_id) & (_C.user_id == user_id))

    async def delete_conversation(self, conversation_id: str, user_id: str) -> list[str]:
        """Delete the passages of a conversation but for memories; returns their vector ids."""
        return await self._delete(_belongs(user_id, conversation_id) & (_C.origin != Origin.MEMORY.value))

    async def rebuild_words(self) -> None:
        """Build the full-text index again from the rows."""
        await self._database.write((text("INSERT INTO passages_fts(passages_fts) VALUES ('rebuild')"), None))

    def _store(self, connection: Connection, passages: Sequence[Passage]) -> None:
        talks = select(_T.id).where(_T.temporary, _T.id.in_({p.conversation_id for p in passages}))
        unlisted = set(connection.execute(talks).scalars())
        rows = [
            p.model_dump()
            | {"text": storable(p.text), "name": storable(p.name), "embedded_by": ""}
            | {"unlisted": p.conversation_id in unlisted}
            for p in passages
        ]
        given = insert_into(connection, table)
        fields = [name for name in Passage.model_fields if name not in ("id", "user_id")]
        changed = or_(*(_C[name].is_distinct_from(given.excluded[name]) for name in fields))
        upsert = given.on_conflict_do_update(
            index_elements=["id"],
            set_={name: given.excluded[name] for name in (*fields, "embedded_by")},
            # Another user's passage with a guessed id stays as it is; so does one that is given again unchanged.
            where=(_C.user_id == given.excluded.user_id) & changed,
        )
        connection.execute(upsert, rows)

    async def _delete(self, which: ColumnElement[bool]) -> list[str]:
        def work(connection: Connection) -> list[str]:
            gone = connection.execute(delete(table).where(which).returning(_C.id, _C.user_id)).all()
            return [vector_id(row.user_id, row.id) for row in gone]

        return await self._database.apply(work)

    async def _first(self, column: ColumnElement[Any], which: ColumnElement[bool]) -> Any:
        rows = await self._database.rows(select(column).where(which).limit(1))
        return rows[0][0] if rows else None

    async def _read(self, query: Select[Any]) -> list[Passage]:
        return [Passage.model_validate(dict(row._mapping)) for row in await self._database.rows(query)]


def words_of(query: str) -> str:
    """Turn what somebody wrote into a full-text query for any of its words: each quoted, so none is an operator."""
    words = list(dict.fromkeys(re.findall(r"\w+", query.lower())))[:MOST_WORDS]
    return " OR ".join(f'"{word}"' for word in words)


def _belongs(user_id: str, conversation_id: str | None) -> ColumnElement[bool]:
    mine = _C.user_id == user_id
    return mine if conversation_id is None else mine & (_C.conversation_id == conversation_id)


def _mine(user_id: str, which: ColumnElement[bool]) -> Select[Any]:
    return select(*_FIELDS).where(which, _C.user_id == user_id)
