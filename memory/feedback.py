"""What people thought of answers and steps: one opinion per person and line of the chat."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection

from core.errors import NotFound
from core.missions import Value, derived_id, now
from memory import tables
from memory.branches import run_id
from memory.database import Database
from memory.lineage import in_view, lineage
from memory.opinions import find_place, note_about

_F = tables.feedback.c


class Opinion(Value):
    """What one person thought of one answer or step: `value` 1 is helpful, 0 is not; `for_id` is its line in the chat."""

    id: str
    for_id: str
    value: int
    comment: str = ""
    reasons: tuple[str, ...] = ()


class Feedback:
    """Keeps opinions; nobody can read, change or withdraw another person's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def give(
        self,
        user_id: str,
        conversation_id: str,
        for_id: str,
        value: int,
        comment: str = "",
        *,
        reasons: Sequence[str] = (),
    ) -> str:
        """Keep an opinion (the newest counts) with what it is about, and return its id.

        Raises NotFound if the conversation is not this user's, or shows no such answer or step.
        """
        opinion = {"id": derived_id(user_id, for_id), "for_id": for_id, "value": value, "comment": comment}

        def work(connection: Connection) -> None:
            _must_own(connection, conversation_id, user_id)
            if (place := find_place(connection, conversation_id, for_id)) is None:
                raise NotFound("There is no such answer or step in this conversation.")
            home = _home(connection, conversation_id, for_id)
            connection.execute(delete(tables.feedback).where(_F.id == opinion["id"]))
            row = {**opinion, "conversation_id": home, "user_id": user_id, "created_at": now()}
            connection.execute(insert(tables.feedback), row)
            note_about(connection, str(opinion["id"]), place, reasons)

        await self._database.apply(work)
        return str(opinion["id"])

    async def withdraw(self, opinion_id: str, user_id: str) -> None:
        """Forget an opinion; raises NotFound if this user gave none of that id."""

        def work(connection: Connection) -> int:
            gone: Any = connection.execute(delete(tables.feedback).where(_F.id == opinion_id, _F.user_id == user_id))
            return int(gone.rowcount)

        if not await self._database.apply(work):
            raise NotFound("There is no such opinion.")

    async def of_conversation(self, conversation_id: str, user_id: str) -> list[Opinion]:
        """List what a user thought of the answers of one conversation, and of the conversations it branched from."""
        line = select(lineage(conversation_id).c.id)
        query = (
            select(_F.id, _F.for_id, _F.value, _F.comment, tables.feedback_about.c.reasons)
            .select_from(tables.feedback.outerjoin(tables.feedback_about))
            .where(_F.conversation_id.in_(line), _F.user_id == user_id)
        )
        rows = await self._database.rows(query)
        return [
            Opinion(id=r.id, for_id=r.for_id, value=r.value, comment=r.comment, reasons=json.loads(r.reasons or "[]"))
            for r in rows
        ]


def _home(connection: Connection, conversation_id: str, for_id: str) -> str:
    """Find where an answer that a branch shows was given, so that the opinion is kept, and deleted, with it."""
    missions = tables.missions.c
    shared = select(missions.id, missions.conversation_id).where(
        missions.id.in_(in_view(conversation_id, shared_only=True))
    )
    homes = {run_id(row.id): str(row.conversation_id) for row in connection.execute(shared)}
    return homes.get(for_id, conversation_id)


def _must_own(connection: Connection, conversation_id: str, user_id: str) -> None:
    c = tables.conversations.c
    found = select(c.id).where(c.id == conversation_id, c.user_id == user_id)
    if connection.execute(found).one_or_none() is None:
        raise NotFound("There is no such conversation.")
