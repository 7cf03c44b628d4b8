"""Temporary conversations: begun as such, kept out of every list and index, and named when their time is over."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, or_, select

from core.missions import Status, new_id, now
from memory import tables
from memory.database import Database
from memory.lineage import relatives

TITLE = "Temporary chat"
_C, _M = tables.conversations.c, tables.missions.c
_AT_WORK = (Status.PENDING.value, Status.IN_PROGRESS.value)


class Temporary:
    """Knows which conversations are temporary."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, user_id: str) -> str:
        """Begin a temporary conversation; returns its id."""
        made, at = new_id(), now()
        row = {"id": made, "user_id": user_id, "title": TITLE, "created_at": at, "updated_at": at, "seen_at": at}

        def work(connection: Connection) -> str:
            connection.execute(insert(tables.conversations), row | {"temporary": True, "named": True})
            return made

        return await self._database.apply(work)

    async def holds(self, conversation_id: str) -> bool:
        """Say whether a conversation is temporary (one that is not there is none)."""
        return bool(await self._database.rows(select(_C.id).where(_C.id == conversation_id, _C.temporary)))

    async def family(self, conversation_id: str) -> list[str]:
        """List a conversation and all that branched from the same beginning: they end together."""
        rows = await self._database.rows(select(relatives(conversation_id).c.id))
        return [row.id for row in rows]

    async def idle(self, since: datetime) -> list[tuple[str, str]]:
        """List (id, user id) of those that nobody has had open, and nothing has happened in, since a moment."""
        busy = select(_M.id).where(_M.conversation_id == _C.id, _M.status.in_(_AT_WORK)).exists()
        unseen = or_(_C.seen_at.is_(None), _C.seen_at < since)
        query = select(_C.id, _C.user_id).where(_C.temporary, _C.updated_at < since, unseen, ~busy)
        return [(row.id, row.user_id) for row in await self._database.rows(query)]
