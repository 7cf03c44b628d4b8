"""Forgetting a conversation completely: rows, passages, checkpoints, and the contents nobody needs any more."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, Select, and_, delete, inspect, select, text, union

from core.memories import Origin
from memory import tables

CHECKPOINTS = ("checkpoints", "writes", "checkpoint_writes", "checkpoint_blobs")
"""Tables of LangGraph that hold where missions stood: two on SQLite, three on PostgreSQL."""


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
    links = select(tables.shares.c.id).where(tables.shares.c.conversation_id == conversation_id)
    shown = select(tables.share_files.c.hash).where(tables.share_files.c.share_id.in_(links))
    kept = _kept_versions(missions)
    hashes = set(connection.execute(union(given, made, shown, *kept)).scalars()) - {None}
    said = and_(passages.conversation_id == conversation_id, passages.user_id == user_id)
    connection.execute(delete(tables.passages).where(said, passages.origin != Origin.MEMORY.value))
    _delete_checkpoints(connection, ids)
    connection.execute(delete(tables.conversations).where(mine))  # the rest goes by its foreign keys
    return sorted(hashes - still_used(connection, hashes))


def forget_work(connection: Connection, mission_id: str) -> None:
    """Delete what was still written of where a mission stood after it had been deleted: somebody was at work on it."""
    there = select(tables.missions.c.id).where(tables.missions.c.id == mission_id)
    if connection.execute(there).first() is None:
        _delete_checkpoints(connection, [mission_id])


def _delete_checkpoints(connection: Connection, mission_ids: Collection[str]) -> None:
    there = inspect(connection)
    for name in filter(there.has_table, CHECKPOINTS):
        every = text(f"DELETE FROM {name} WHERE thread_id = :mission_id")  # noqa: S608 - one of our names
        for mission_id in mission_ids:
            connection.execute(every, {"mission_id": mission_id})


def still_used(connection: Connection, hashes: set[str]) -> set[str]:
    """Find those contents that a file of a conversation, or a link that works, refers to."""
    given = select(tables.attachments.c.hash).where(tables.attachments.c.hash.in_(hashes))
    made = select(tables.artifacts.c.hash).where(tables.artifacts.c.hash.in_(hashes))
    shown = select(tables.share_files.c.hash).where(tables.share_files.c.hash.in_(hashes))
    versions = (select(column).where(column.in_(hashes)) for column in _VERSIONS)
    return set(connection.execute(union(given, made, shown, *versions)).scalars())


_VERSIONS = (tables.changed_files.c.before, tables.changed_files.c.after)


def _kept_versions(missions: Select[tuple[str]]) -> list[Select[tuple[str]]]:
    """Select the contents that were kept so that changes of files can be undone."""
    changes = select(tables.file_changes.c.id).where(tables.file_changes.c.mission_id.in_(missions))
    return [select(column).where(tables.changed_files.c.change_id.in_(changes)) for column in _VERSIONS]
