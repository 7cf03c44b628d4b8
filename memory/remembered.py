"""What is remembered of a person: the facts that were kept, and what was said in conversations; to be seen, changed, deleted.

A fact is a row of `memories` with its passage; of conversations each question and answer is a passage. Changed and deleted
together, in one transaction; whoever holds the vectors hears of it (TOPIC), also when another process did it.
"""

from __future__ import annotations

import builtins
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, and_, delete, false, func, select, true

from core.errors import BadInput, NotFound
from core.memories import Memory, Origin
from core.missions import Value, derived_id, now
from memory import audit, tables
from memory.database import Database
from memory.passages import Passages
from memory.recollection import TURN, turn_id
from memory.scope import Scope
from memory.sqlite_database import SqliteDatabase
from memory.statements import insert_into
from memory.vectors import vector_id

TOPIC = "memories"
"""Signalled when passages were deleted or written past the index."""
LONGEST_FACT = 2_000
MOST_FOUND = 500
_OF_KIND = {
    "": (Origin.MEMORY.value, Origin.MESSAGE.value),
    "fact": (Origin.MEMORY.value,),
    "said": (Origin.MESSAGE.value,),
}
KINDS = tuple(_OF_KIND)
_NO_KIND = "kind: it must be fact or said; leave it out for both."
_GONE = "Nothing like this is remembered of you (any more)."
_M, _P, _C = tables.memories.c, tables.passages.c, tables.conversations.c
What = Literal["fact", "question", "answer"]


class Remembered(Value):
    """One thing that is remembered: `title` is its conversation's ("" if that is gone), `operator` who kept a fact."""

    id: str
    what: What
    text: str
    at: datetime | None
    conversation_id: str
    title: str = ""
    operator: str = ""
    mission_id: str | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True)
class Wanted:
    """What to list: of one kind (see KINDS), with words of a query, of one conversation; "" is everything."""

    kind: str = ""
    query: str = ""
    conversation: str = ""
    limit: int = 50
    offset: int = 0


class Forgotten(Value):
    """What a deletion took away: how many things, and the vectors that must go with them."""

    count: int
    vector_ids: tuple[str, ...] = ()


class Recollections:
    """Lists, changes and deletes what is remembered of one person; nobody sees or touches anything of somebody else."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def count(self, user_id: str) -> dict[str, int]:
        """Count the facts, and what is kept of conversations (questions and answers, each)."""
        facts = select(func.count()).select_from(tables.memories).where(_M.user_id == user_id)
        said = select(func.count(_P.origin_id.distinct())).where(_said(user_id))
        async with self._database.reading() as connection:
            found = [int((await connection.execute(query)).scalar_one()) for query in (facts, said)]
        return dict(zip(("fact", "said"), found, strict=True))

    async def list(self, user_id: str, wanted: Wanted) -> builtins.list[Remembered]:
        """List facts, then what was said, each newest first; with a query what holds any of its words, the closest first.

        Raises BadInput for a kind that is none.
        """
        if wanted.kind not in KINDS:
            raise BadInput(_NO_KIND)
        if wanted.query.strip():
            return await self._found(user_id, wanted)
        found: list[Remembered] = []
        left, skip = wanted.limit, wanted.offset
        if wanted.kind != "said":
            found = await self._facts(user_id, _here(_M, wanted.conversation), left, skip)
            left, skip = left - len(found), 0 if found else await self._behind_facts(user_id, wanted)
        if wanted.kind == "fact" or not left:
            return found
        return [*found, *await self._turns(user_id, _here(_P, wanted.conversation), left, skip)]

    async def get(self, memory_id: str, user_id: str) -> Remembered:
        """Return one; raises NotFound."""
        found = await self._facts(user_id, _M.id == memory_id, 1) or await self._turns(
            user_id, _P.origin_id == memory_id, 1
        )
        if not found:
            raise NotFound(_GONE)
        return found[0]

    async def change(self, memory_id: str, user_id: str, text: str) -> tuple[Remembered, Forgotten]:
        """Give a fact other words; returns it as it is now, and what went. Its id is made of its words, so it is another one.

        Raises NotFound, or BadInput for words that cannot be kept, and for what was said in a conversation.
        """
        fact = " ".join(text.split())
        if not fact:
            raise BadInput("text: write what should be remembered, or delete it.")
        if len(fact) > LONGEST_FACT:
            raise BadInput(f"text: that is longer than {LONGEST_FACT:,} characters. Say it in one or two sentences.")
        old = await self.get(memory_id, user_id)
        if old.what != "fact":
            raise BadInput("What was said stays as it was said. It can be deleted, not changed.")
        new_id, where = derived_id("memory", user_id, fact), audit.came_from.get()
        rows = passages_in(self._database)

        def work(connection: Connection) -> Forgotten:
            row = connection.execute(
                select(tables.memories).where(_M.id == memory_id, _M.user_id == user_id)
            ).one_or_none()
            if row is None:
                raise NotFound(_GONE)
            if new_id == memory_id:
                return Forgotten(count=0)
            memory = Memory.model_validate(dict(row._mapping) | {"id": new_id, "text": fact, "changed_at": now()})
            count, vectors = _delete(connection, user_id, [memory_id])
            connection.execute(insert_into(connection, tables.memories).on_conflict_do_nothing(), memory.model_dump())
            rows.put(connection, [memory.as_passage()])
            audit.put(connection, "memory_changed", user_id, "a fact", where=where)
            self._database.signals.notify(connection, TOPIC)
            return Forgotten(count=count, vector_ids=tuple(vectors))

        gone = await self._database.apply(work, durable=True)
        return await self.get(new_id, user_id), gone

    async def forget(self, memory_id: str, user_id: str) -> Forgotten:
        """Delete one; raises NotFound."""
        what = (await self.get(memory_id, user_id)).what
        return await self._forget(user_id, [memory_id], "a fact" if what == "fact" else f"one {what} of a conversation")

    async def forget_all(self, user_id: str, *, kind: str = "", conversation: str = "") -> Forgotten:
        """Delete everything that is remembered of a person: of one kind, of one conversation, or all of it."""
        if kind not in KINDS:
            raise BadInput(_NO_KIND)
        subject = {"": "everything", "fact": "all facts", "said": "everything said in conversations"}[kind]
        subject += " (one conversation)" if conversation else ""
        return await self._forget(user_id, None, subject, kind=kind, conversation=conversation)

    async def _forget(
        self, user_id: str, ids: Sequence[str] | None, subject: str, *, kind: str = "", conversation: str = ""
    ) -> Forgotten:
        where = audit.came_from.get()

        def work(connection: Connection) -> Forgotten:
            gone, vectors = _delete(connection, user_id, ids, kind=kind, conversation=conversation)
            if gone:
                audit.put(connection, "memories_deleted", user_id, subject, where=where, count=gone)
                self._database.signals.notify(connection, TOPIC)
            return Forgotten(count=gone, vector_ids=tuple(vectors))

        return await self._database.apply(work, durable=True)

    async def _found(self, user_id: str, wanted: Wanted) -> builtins.list[Remembered]:
        origins = [Origin(name) for name in _OF_KIND[wanted.kind]]
        scope = Scope(user_id, wanted.conversation or None)
        scores = await passages_in(self._database).by_words(wanted.query, scope, origins, MOST_FOUND)
        rows = await self._database.rows(select(_P.id, _P.origin_id).where(_P.user_id == user_id, _P.id.in_(scores)))
        best: dict[str, float] = {}
        for row in rows:
            best[row.origin_id] = max(best.get(row.origin_id, 0.0), scores[row.id])
        ids = sorted(best, key=lambda i: (-best[i], i))[wanted.offset : wanted.offset + wanted.limit]
        facts = await self._facts(user_id, _M.id.in_(ids), wanted.limit)
        turns = await self._turns(user_id, _P.origin_id.in_(ids), wanted.limit)
        found = {one.id: one for one in (*facts, *turns)}
        return [found[i] for i in ids if i in found]

    async def _behind_facts(self, user_id: str, wanted: Wanted) -> int:
        """Say how many of what was said are left out on a page that has no facts any more."""
        query = select(func.count()).select_from(tables.memories)
        [row] = await self._database.rows(query.where(_M.user_id == user_id, _here(_M, wanted.conversation)))
        return max(wanted.offset - int(row[0]), 0)

    async def _facts(
        self, user_id: str, which: ColumnElement[bool], limit: int, offset: int = 0
    ) -> builtins.list[Remembered]:
        joined = tables.memories.outerjoin(tables.conversations, _titled(_M, user_id))
        query = select(tables.memories, _C.title).select_from(joined).where(_M.user_id == user_id, which)
        rows = await self._database.rows(query.order_by(_M.created_at.desc(), _M.id).limit(limit).offset(offset))
        same = ("id", "text", "conversation_id", "operator", "mission_id", "changed_at")
        told = [({name: getattr(row, name) for name in same}, row.created_at, row.title or "") for row in rows]
        return [Remembered(what="fact", at=at, title=title, **fields) for fields, at, title in told]

    async def _turns(
        self, user_id: str, which: ColumnElement[bool], limit: int, offset: int = 0
    ) -> builtins.list[Remembered]:
        joined = tables.passages.outerjoin(tables.conversations, _titled(_P, user_id))
        first = _P.position == 0  # one passage for each; a longer text would have several
        query = select(_P.origin_id, _P.name, _P.text, _P.conversation_id, _C.title).select_from(joined)
        query = query.where(_said(user_id), which, first).order_by(_P.number.desc()).limit(limit).offset(offset)
        rows = await self._database.rows(query)
        said = await self._when({row.conversation_id for row in rows})
        found = []
        for row in rows:
            at, mission = said.get(row.origin_id, (None, None))
            fields = {"text": row.text, "conversation_id": row.conversation_id, "title": row.title or ""}
            what: What = "question" if row.name == TURN["goal"] else "answer"
            found.append(Remembered(id=row.origin_id, what=what, at=at, mission_id=mission, **fields))
        return found

    async def _when(self, conversations: Collection[str]) -> dict[str, tuple[datetime, str]]:
        """Map questions and answers of conversations to when they were said, and to their missions."""
        s = tables.messages.c
        query = select(s.mission_id, s.author, s.created_at).where(s.conversation_id.in_(conversations))
        rows = await self._database.rows(query.where(s.mission_id.is_not(None)).order_by(s.created_at))
        found: dict[str, tuple[datetime, str]] = {}
        for row in rows:
            found[turn_id(row.mission_id, "goal" if row.author == "user" else "answer")] = (
                row.created_at, row.mission_id
            )  # fmt: skip
        return found


def passages_in(database: Database) -> Passages:
    """Return the rows of passages as this database keeps them."""
    if isinstance(database, SqliteDatabase):
        return Passages(database, "")
    from memory.shared_index import SharedPassages

    return SharedPassages(database, "")


def _said(user_id: str) -> ColumnElement[bool]:
    return and_(_P.user_id == user_id, _P.origin == Origin.MESSAGE.value)


def _titled(table: Any, user_id: str) -> ColumnElement[bool]:
    return and_(_C.id == table.conversation_id, _C.user_id == user_id)


def _here(table: Any, conversation: str) -> ColumnElement[bool]:
    here: ColumnElement[bool] = table.conversation_id == conversation
    return here if conversation else true()


def _delete(
    connection: Connection,
    user_id: str,
    ids: Sequence[str] | None,
    *,
    kind: str = "",
    conversation: str = "",
) -> tuple[int, list[str]]:
    """Delete rows with their passages (`ids` None: all of a kind); returns how many things, and their vectors' ids."""
    mine, these = _M.user_id == user_id, _P.user_id == user_id
    if ids is not None:
        mine, these = mine & _M.id.in_(ids), these & _P.origin_id.in_(ids)
    facts = and_(mine, _here(_M, conversation), false() if kind == "said" else true())
    passages = and_(these, _here(_P, conversation), _P.origin.in_(_OF_KIND[kind]))
    gone = {row.id for row in connection.execute(delete(tables.memories).where(facts).returning(_M.id))}
    lost = connection.execute(delete(tables.passages).where(passages).returning(_P.id, _P.origin_id)).all()
    return len(gone | {row.origin_id for row in lost}), [vector_id(user_id, row.id) for row in lost]
