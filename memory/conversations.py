"""Conversations: the list a person sees, what was said, and forgetting one completely."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from core.errors import NotFound
from memory import tables


def open_conversation(
    connection: Connection, conversation_id: str, user_id: str, at: datetime, title: str = ""
) -> None:
    """Create a conversation, or touch it and give it a title if it has none; raises NotFound if it is somebody else's."""
    c = tables.conversations.c
    which = c.id == conversation_id
    found = connection.execute(select(c.user_id, c.title).where(which)).one_or_none()
    if found is None:
        row = {"id": conversation_id, "user_id": user_id, "title": title, "created_at": at, "updated_at": at}
        connection.execute(insert(tables.conversations), row)
        return
    if found.user_id != user_id:
        raise NotFound("There is no such conversation.")
    connection.execute(update(tables.conversations).where(which).values(title=found.title or title, updated_at=at))
