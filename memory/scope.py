"""Where a search looks: everything of one user, or one conversation with what it shares with the one it branched from."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, select

from memory import tables
from memory.database import Database
from memory.lineage import HERE, in_view
from memory.recollection import TURN, turn_id

_MISSIONS = in_view(HERE, shared_only=True)
_FILES = select(tables.attachments.c.id).where(tables.attachments.c.mission_id.in_(_MISSIONS))
_TEMPORARY = select(tables.conversations.c.id).where(
    tables.conversations.c.id == HERE, tables.conversations.c.temporary
)
_KEPT = select(tables.memories.c.id).where(tables.memories.c.mission_id.in_(_MISSIONS))


@dataclass(frozen=True)
class Scope:
    """One user's passages: of one conversation (None: of all), and of the `shared` files, messages and memories, by id."""

    user_id: str
    conversation_id: str | None = None
    shared: tuple[str, ...] = ()
    temporary: bool = False


async def scope_of(database: Database, user_id: str, conversation_id: str | None) -> Scope:
    """Find out what of its ancestors a conversation may see: what was given, said and kept before it branched."""
    if conversation_id is None:
        return Scope(user_id)
    return await database.read(lambda connection: _scope_of(connection, user_id, conversation_id))


def _scope_of(connection: Connection, user_id: str, conversation_id: str) -> Scope:
    here = {"here": conversation_id}
    temporary = connection.execute(_TEMPORARY, here).first() is not None
    said = [turn_id(m, part) for m in connection.execute(_MISSIONS, here).scalars() for part in TURN]
    if not said:
        return Scope(user_id, conversation_id, temporary=temporary)
    given = [*connection.execute(_FILES, here).scalars(), *connection.execute(_KEPT, here).scalars()]
    return Scope(user_id, conversation_id, (*said, *given), temporary)
