"""Titles that conversations get by themselves: from the first goal, and after the first answer where that says more."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from core.memories import short_title
from memory import tables

_C, _M = tables.conversations.c, tables.missions.c


def entitle(connection: Connection, conversation_id: str, mission_id: str, answer: str) -> None:
    """After the first answer, give a conversation a better title if there is one; one that a person gave stays."""
    first = select(_M.id).where(_M.conversation_id == conversation_id).order_by(_M.number).limit(1)
    query = select(_M.goal, _C.title).join(tables.conversations, _C.id == _M.conversation_id)
    row = connection.execute(query.where(_M.id == mission_id, _M.id == first.scalar_subquery(), ~_C.named)).first()
    if row is None or row.title not in ("", short_title(row.goal)):
        return
    title = short_title(row.goal, answer)
    if title and title != row.title:
        change = update(tables.conversations).where(_C.id == conversation_id, _C.named.is_(False))
        connection.execute(change.values(title=title))
