"""Forgetting a conversation completely: rows, passages, checkpoints, and the contents nobody needs any more."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, and_, delete, select, text, union

from core.memories import Origin
from memory import tables


def forget(connection: Connection, conversation_id: str, user_id: str) -> list[str]:
    """Delete a conversation with everything in it; returns the hashes of contents that nobody refers to any more.

    Branches must have been handed what they share with it before (`branches.hand_over`). Memories stay: they are the user's.
    """
    mine = (tables.conversations.c.id == conversation_id) & (tables.conversations.c.user_id == user_id)
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
        every = text(f"DELETE FROM {name} WHERE thread_id = :mission_id")  # noqa: S608 - one of two known names
        for mission_id in mission_ids:
            connection.execute(every, {"mission_id": mission_id})


def _still_used(connection: Connection, hashes: set[str]) -> set[str]:
    given = select(tables.attachments.c.hash).where(tables.attachments.c.hash.in_(hashes))
    made = select(tables.artifacts.c.hash).where(tables.artifacts.c.hash.in_(hashes))
    return set(connection.execute(union(given, made)).scalars())
