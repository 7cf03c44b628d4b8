"""What people chose for their missions: for all of them, and for those of one conversation."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, insert, select, update
from sqlalchemy.engine import RowMapping

from core.errors import Conflict, NotFound
from core.missions import Value, now
from memory import tables
from memory.database import Database


class Wishes(Value):
    """What somebody chose; None (or nothing) is as it is chosen further out: by the person, then by the house.

    `cost` is in US dollars, both limits are for one mission. `operators` is who does the work of one conversation.
    """

    models: dict[str, str] = Field(default_factory=dict)
    approve_plan: bool | None = None
    step_mode: bool | None = None
    memory: bool | None = None
    cost: Decimal | None = None
    tokens: int | None = None
    language: str | None = None
    operators: tuple[str, ...] = ()

    def over(self, outer: Wishes) -> Wishes:
        """Put these choices over those made further out."""
        chosen = self.model_dump(exclude_none=True, exclude_defaults=True)
        return outer.model_copy(update=chosen | {"models": outer.models | self.models})


class Kept(Value):
    """Choices as they are kept; version 0 means that there are none yet."""

    wishes: Wishes = Wishes()
    version: int = 0


class Preferences:
    """Keeps what people chose; nobody sees or changes what somebody else did."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, user_id: str, conversation_id: str = "") -> Kept:
        """Return what a person chose, for everything or for one conversation; raises NotFound if that is not theirs."""
        return await self._database.apply(lambda c: _get(c, user_id, conversation_id))

    async def put(self, wishes: Wishes, user_id: str, conversation_id: str = "", version: int | None = None) -> Kept:
        """Keep choices in place of those of this version; raises NotFound, or Conflict if they were changed meanwhile.

        Without a version they replace whatever stands there.
        """

        def work(connection: Connection) -> Kept:
            kept = _get(connection, user_id, conversation_id)
            if version is not None and version != kept.version:
                raise Conflict(
                    "These settings were changed meanwhile, in another tab or on another device. Look again."
                )
            table, which = _place(user_id, conversation_id)
            values = {"wishes": wishes.model_dump_json(exclude_defaults=True), "version": kept.version + 1}
            values |= {"changed_at": now()}
            if kept.version:
                condition = [table.c[name] == value for name, value in which.items()]
                connection.execute(update(table).where(*condition).values(**values))
            else:
                connection.execute(insert(table), which | {"user_id": user_id} | values)
            return Kept(wishes=wishes, version=kept.version + 1)

        return await self._database.apply(work, durable=True)

    async def in_force(self, user_id: str, conversation_id: str) -> Wishes:
        """Return what counts for the next mission of a conversation, which may not have begun yet."""
        return await self._database.apply(lambda c: wishes_in_force(c, user_id, conversation_id))


def wishes_in_force(connection: Connection, user_id: str, conversation_id: str) -> Wishes:
    """Return what counts for the next mission of a conversation, as this transaction sees it."""
    own = _get(connection, user_id, "").wishes
    try:
        return _get(connection, user_id, conversation_id).wishes.over(own)
    except NotFound:
        return own


def _place(user_id: str, conversation_id: str) -> tuple[Any, dict[str, str]]:
    if conversation_id:
        return tables.conversation_preferences, {"conversation_id": conversation_id}
    return tables.preferences, {"user_id": user_id}


def _get(connection: Connection, user_id: str, conversation_id: str) -> Kept:
    if conversation_id:
        c = tables.conversations.c
        mine = select(c.id).where(c.id == conversation_id, c.user_id == user_id)
        if connection.execute(mine).first() is None:
            raise NotFound("There is no such conversation.")
    table, which = _place(user_id, conversation_id)
    query = select(table.c.wishes, table.c.version).where(*(table.c[k] == v for k, v in which.items()))
    row: RowMapping | None = connection.execute(query).mappings().one_or_none()
    return Kept() if row is None else Kept(wishes=Wishes.model_validate_json(row["wishes"]), version=row["version"])
