"""Facts worth keeping, one row each; the index over them is another matter (see index.py)."""

from __future__ import annotations

from sqlalchemy import Connection, select

from core.errors import BadInput
from core.memories import Memory
from memory.database import Database
from memory.statements import insert_into
from memory.tables import conversations, memories


class Memories:
    """Keeps memories; implements `core.ports.Memories`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, memory: Memory) -> None:
        """Store a memory; the same id again changes nothing, so a replay is harmless.

        Raises BadInput in a temporary conversation, which remembers nothing.
        """
        row = memory.model_dump()

        def work(connection: Connection) -> None:
            here = (conversations.c.id == memory.conversation_id) & conversations.c.temporary
            if connection.execute(select(conversations.c.id).where(here)).first():
                raise BadInput("This is a temporary chat: nothing of it is remembered. Say it in another conversation.")
            connection.execute(insert_into(connection, memories).on_conflict_do_nothing(), row)

        await self._database.apply(work, durable=True)

    async def of_user(self, user_id: str, limit: int = 200) -> list[Memory]:
        """List a user's memories, newest first."""
        query = (
            select(memories).where(memories.c.user_id == user_id).order_by(memories.c.created_at.desc()).limit(limit)
        )
        async with self._database.reading() as connection:
            return [Memory.model_validate(dict(row)) for row in (await connection.execute(query)).mappings()]
