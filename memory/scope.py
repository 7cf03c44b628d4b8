"""Where a search looks: everything of one user, or one conversation with what it shares with the one it branched from."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import select

from memory import tables
from memory.database import Database
from memory.lineage import in_view
from memory.recollection import TURN, turn_id


@dataclass(frozen=True)
class Scope:
    """One user's passages: of one conversation (None: of all), and of the `shared` files, messages and memories, by id."""

    user_id: str
    conversation_id: str | None = None
    shared: tuple[str, ...] = ()


async def scope_of(database: Database, user_id: str, conversation_id: str | None) -> Scope:
    """Find out what of its ancestors a conversation may see: what was given, said and kept before it branched."""
    if conversation_id is None:
        return Scope(user_id)
    missions = in_view(conversation_id, shared_only=True)
    files = select(tables.attachments.c.id).where(tables.attachments.c.mission_id.in_(missions))
    kept = select(tables.memories.c.id).where(tables.memories.c.mission_id.in_(missions))
    async with database.reading() as connection:
        said = [turn_id(m, part) for m in (await connection.execute(missions)).scalars() for part in TURN]
        if not said:
            return Scope(user_id, conversation_id)
        given = [*(await connection.execute(files)).scalars(), *(await connection.execute(kept)).scalars()]
    return Scope(user_id, conversation_id, (*said, *given))
