"""Conversations: the list a person sees, what was said, and forgetting one completely."""

from __future__ import annotations

import builtins
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    delete,
    exists,
    insert,
    literal_column,
    or_,
    select,
    text,
    union,
    update,
)

from core.errors import BadInput, NotFound
from core.memories import Origin, Said
from core.missions import Value
from memory import tables
from memory.database import Database

_C, _M = tables.conversations.c, tables.messages.c
_IN_ORDER: tuple[ColumnElement[Any], ...] = (_M.created_at, literal_column("messages.rowid"))


class Conversation(Value):
    """One conversation of one user, as a list shows it."""

    id: str
    user_id: str
    title: str
    created_at: datetime
    updated_at: datetime


class Message(Value):
    """One thing said in a conversation, by the user or the chief; the steps between are in the journal."""

    id: str
    mission_id: str | None
    author: str  # user | chief
    text: str
    created_at: datetime


class Conversations:
    """Finds conversations; nothing of another user's is ever found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self, user_id: str, search: str = "", limit: int = 50, before: datetime | None = None
    ) -> list[Conversation]:
        """List a user's conversations, newest first; `search` looks in titles and messages, `before` (the `updated_at` of
        the last one seen) continues the list. Those in which nothing was said are left out."""
        said = exists().where(_M.conversation_id == _C.id)
        query = select(tables.conversations).where(_C.user_id == user_id, said)
        if search.strip():
            query = query.where(or_(_contains(_C.title, search), said.where(_contains(_M.text, search))))
        if before is not None:
            query = query.where(_C.updated_at < before)
        async with self._database.reading() as connection:
            rows = await connection.execute(query.order_by(_C.updated_at.desc()).limit(limit))
            return [_conversation(row) for row in rows.mappings()]

    async def get(self, conversation_id: str, user_id: str) -> Conversation:
        """Return one conversation; raises NotFound if there is none, or if it is not this user's."""
        query = select(tables.conversations).where(_C.id == conversation_id, _C.user_id == user_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            raise _no_such()
        return _conversation(row)

    async def rename(self, conversation_id: str, user_id: str, title: str) -> None:
        """Give a conversation another title; raises NotFound, or BadInput for an empty one."""
        title = " ".join(title.split())[:200]
        if not title:
            raise BadInput("The title is empty.")
        change = update(tables.conversations).where(_C.id == conversation_id, _C.user_id == user_id).values(title=title)
        if not await self._database.apply(lambda c: c.execute(change).rowcount):
            raise _no_such()

    async def messages(
        self, conversation_id: str, limit: int = 1000, user_id: str | None = None
    ) -> builtins.list[Message]:
        """List the newest messages, oldest first; with `user_id` only those of a conversation of this user."""
        query = select(tables.messages).where(_M.conversation_id == conversation_id)
        if user_id is not None:
            query = query.where(_M.conversation_id.in_(select(_C.id).where(_C.user_id == user_id)))
        newest = query.order_by(*(part.desc() for part in _IN_ORDER)).limit(limit)
        async with self._database.reading() as connection:
            rows = (await connection.execute(newest)).mappings().all()
        names = Message.model_fields
        return [Message.model_validate({name: row[name] for name in names}) for row in reversed(rows)]

    async def history(self, conversation_id: str, before_mission: str, limit: int = 200) -> builtins.list[Said]:
        """List what was said in the missions before one, oldest first, at most the newest `limit` messages.

        The order is that of the missions: a message sent while another mission ran comes after that one's answer.
        """
        mission = tables.missions.c
        this = select(mission.created_at).where(mission.id == before_mission).scalar_subquery()
        query = (
            select(_M.author, _M.text, _M.mission_id)
            .join(tables.missions, mission.id == _M.mission_id)
            .where(_M.conversation_id == conversation_id, mission.created_at < this, mission.id != before_mission)
            .order_by(mission.created_at.desc(), *(part.desc() for part in _IN_ORDER))
            .limit(limit)
        )
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [Said(author=author, text=words, mission_id=said_in) for author, words, said_in in reversed(rows)]

    async def delete(self, conversation_id: str, user_id: str) -> builtins.list[str]:
        """Remove a conversation and all that belongs to it; returns the hashes of contents nobody refers to any more.

        Facts that were kept as memories stay: they belong to the user. Raises NotFound if it is not this user's.
        """
        return await self._database.apply(lambda c: _delete(c, conversation_id, user_id), durable=True)


def open_conversation(
    connection: Connection, conversation_id: str, user_id: str, at: datetime, title: str = ""
) -> None:
    """Create a conversation, or touch it and give it a title if it has none; raises NotFound if it is somebody else's."""
    which = _C.id == conversation_id
    found = connection.execute(select(_C.user_id, _C.title).where(which)).one_or_none()
    if found is None:
        row = {"id": conversation_id, "user_id": user_id, "title": title, "created_at": at, "updated_at": at}
        connection.execute(insert(tables.conversations), row)
        return
    if found.user_id != user_id:
        raise _no_such()
    connection.execute(update(tables.conversations).where(which).values(title=found.title or title, updated_at=at))


def _conversation(row: Any) -> Conversation:
    return Conversation.model_validate({name: row[name] for name in Conversation.model_fields})


def _no_such() -> NotFound:
    return NotFound("There is no such conversation.")


def _contains(column: ColumnElement[Any], search: str) -> ColumnElement[bool]:
    # SQLite's LIKE ignores case in ASCII only, so other letters are tried in the usual spellings.
    words = search.strip()
    spellings = {words} if words.isascii() else {words, words.lower(), words.upper(), words.title()}
    return or_(*(column.icontains(spelling, autoescape=True) for spelling in sorted(spellings)))


def _delete(connection: Connection, conversation_id: str, user_id: str) -> list[str]:
    mine = (_C.id == conversation_id) & (_C.user_id == user_id)
    if connection.execute(select(_C.id).where(mine)).one_or_none() is None:
        raise _no_such()
    missions = select(tables.missions.c.id).where(tables.missions.c.conversation_id == conversation_id)
    ids = list(connection.execute(missions).scalars())
    attachments, artifacts, passages = tables.attachments.c, tables.artifacts.c, tables.passages.c
    given = select(attachments.hash).where(attachments.conversation_id == conversation_id)
    made = select(artifacts.hash).where(artifacts.mission_id.in_(missions))
    hashes = set(connection.execute(union(given, made)).scalars())
    said = and_(passages.conversation_id == conversation_id, passages.user_id == user_id)
    connection.execute(delete(tables.passages).where(said, passages.origin != Origin.MEMORY.value))
    _delete_checkpoints(connection, ids)
    connection.execute(delete(tables.conversations).where(mine))  # the rest goes by its foreign keys
    return sorted(hashes - _still_used(connection, hashes))


def _delete_checkpoints(connection: Connection, mission_ids: Collection[str]) -> None:
    tables_there = connection.execute(text("SELECT name FROM sqlite_master WHERE name IN ('checkpoints', 'writes')"))
    for name in list(tables_there.scalars()):
        forget = text(f"DELETE FROM {name} WHERE thread_id = :mission_id")  # noqa: S608 - one of two known names
        for mission_id in mission_ids:
            connection.execute(forget, {"mission_id": mission_id})


def _still_used(connection: Connection, hashes: set[str]) -> set[str]:
    given = select(tables.attachments.c.hash).where(tables.attachments.c.hash.in_(hashes))
    made = select(tables.artifacts.c.hash).where(tables.artifacts.c.hash.in_(hashes))
    return set(connection.execute(union(given, made)).scalars())
