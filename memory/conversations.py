"""Conversations: the list a person sees, what was said, and forgetting one completely."""

from __future__ import annotations

import builtins
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    bindparam,
    exists,
    insert,
    literal_column,
    or_,
    select,
    update,
)

from core.errors import BadInput, Conflict, NotFound
from core.memories import Said
from core.missions import Value, new_id, now
from memory import audit, tables
from memory.branches import Fork, find_forks, hand_over, make_branch
from memory.database import Database
from memory.forgetting import forget
from memory.lineage import HERE, belongs, in_view, relatives, within

_C, _M = tables.conversations.c, tables.messages.c
_IN_ORDER: tuple[ColumnElement[Any], ...] = (_M.created_at, literal_column("messages.rowid"))
_OF = tables.missions.c
_THIS = select(_OF.number).where(_OF.id == bindparam("mission")).scalar_subquery()
_BEGUN = exists().where(tables.events.c.mission_number == _OF.number, tables.events.c.kind == "brief_assembled")
"""Work began before it was stopped; a message that was taken back while it waited was never said."""
_HISTORY = (
    select(_M.author, _M.text, _M.mission_id)
    .join(tables.missions, _OF.id == _M.mission_id)
    .where(within(_M, HERE), _OF.id.in_(in_view(HERE)), _OF.number < _THIS, or_(_OF.status != "cancelled", _BEGUN))
    .order_by(_OF.number.desc(), *(part.desc() for part in _IN_ORDER))
    .limit(bindparam("most", type_=Integer))
)
_SET_ASIDE = select(_OF.id).where(_OF.conversation_id.in_(select(relatives(HERE).c.id)), _OF.id.not_in(in_view(HERE)))

_TAINTED = select(_OF.id).where(_OF.id.in_(in_view(HERE)), _OF.tainted, _OF.id != bindparam("but")).limit(1)


class Conversation(Value):
    """One conversation of one user, as a list shows it.

    `version` counts what people changed about it, not what is said in it. `branch_of` names the conversation it branched from.
    """

    id: str
    user_id: str
    title: str
    created_at: datetime
    updated_at: datetime
    version: int = 1
    step_mode: bool = False
    branch_of: str | None = None
    temporary: bool = False
    project_id: str | None = None
    pinned_at: datetime | None = None
    archived_at: datetime | None = None


class Message(Value):
    """One thing said in a conversation, by the user or the chief; the steps between are in the journal."""

    id: str
    mission_id: str | None
    author: str  # user | chief
    text: str
    created_at: datetime


class Conversations:
    """Finds conversations; nothing of another user's is ever found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self, user_id: str, search: str = "", limit: int = 50, before: datetime | None = None
    ) -> list[Conversation]:
        """List a user's conversations, newest first; `search` looks in titles and messages, `before` (the `updated_at` of
        the last one seen) continues the list. Those in which nothing was said, archived and temporary ones are left out."""
        said = exists().where(_M.conversation_id == _C.id)
        listed = _C.archived_at.is_(None) & ~_C.temporary
        query = select(tables.conversations).where(_C.user_id == user_id, said, listed)
        if search.strip():
            query = query.where(or_(_contains(_C.title, search), said.where(_contains(_M.text, search))))
        if before is not None:
            query = query.where(_C.updated_at < before)
        async with self._database.reading() as connection:
            rows = await connection.execute(query.order_by(_C.updated_at.desc()).limit(limit))
            return [_conversation(row) for row in rows.mappings()]

    async def get(self, conversation_id: str, user_id: str) -> Conversation:
        """Return one conversation; raises NotFound if there is none, or if it is not this user's."""
        query = select(tables.conversations).where(_C.id == conversation_id, _C.user_id == user_id)
        rows = await self._database.rows(query)
        if not rows:
            raise _no_such()
        return _conversation(rows[0]._mapping)

    async def rename(self, conversation_id: str, user_id: str, title: str, version: int | None = None) -> Conversation:
        """Give a conversation another title; raises what `change` raises."""
        return await self.change(conversation_id, user_id, title=title, version=version)

    async def change(
        self,
        conversation_id: str,
        user_id: str,
        *,
        title: str | None = None,
        step_mode: bool | None = None,
        version: int | None = None,
    ) -> Conversation:
        """Change what is given, and return the conversation as it is then; `version` is the one the person saw.

        Raises NotFound, BadInput for an empty title, or Conflict (naming who changed it) if it has another version by now.
        Without a version, for a door that cannot know it, the change is made to whatever stands there.
        """
        wanted: dict[str, Any] = {} if step_mode is None else {"step_mode": step_mode}
        if title is not None:
            wanted["title"] = " ".join(title.split())[:200]
            if not wanted["title"]:
                raise BadInput("The title is empty.")
        return await self._database.apply(lambda c: _change(c, conversation_id, user_id, wanted, version))

    async def branch(
        self, conversation_id: str, before_mission: str, user_id: str, *, new: str = "", retitled: bool = False
    ) -> Conversation:
        """Begin a conversation that shares with this one all that was said before a mission; this one stays as it is.

        `new` is its id: the same one twice makes one branch. `retitled` leaves the title to its first message. Raises NotFound if
        the conversation or the mission is not this user's, Conflict while an earlier mission is at work.
        """
        row: dict[str, Any] = {"id": new or new_id(), "at": now(), "retitled": retitled}

        def work(connection: Connection) -> Conversation:
            make_branch(connection, conversation_id, before_mission, user_id, row)
            return _found(connection, row["id"], user_id)

        return await self._database.apply(work, durable=True)

    async def forks(self, conversation_id: str, user_id: str) -> builtins.list[Fork]:
        """List where other conversations go on differently from this one; raises NotFound if it is not this user's."""
        await self.get(conversation_id, user_id)
        async with self._database.reading() as connection:
            return await connection.run_sync(find_forks, conversation_id)

    async def set_aside(self, conversation_id: str) -> builtins.list[str]:
        """List the missions of its other versions, which this conversation does not know of."""
        return [row.id for row in await self._database.rows(_SET_ASIDE, {"here": conversation_id})]

    async def hand_over(self, conversation_id: str, user_id: str) -> None:
        """Give what is shared with branches to one of them, before this conversation is deleted; raises NotFound."""

        def work(connection: Connection) -> None:
            _found(connection, conversation_id, user_id)
            hand_over(connection, conversation_id)

        await self._database.apply(work, durable=True)

    async def messages(
        self, conversation_id: str, limit: int = 1000, user_id: str | None = None
    ) -> builtins.list[Message]:
        """List the newest messages, oldest first, those shared with other branches included; with `user_id` only those of a
        conversation of this user."""
        query = select(tables.messages).where(belongs(_M, conversation_id))
        if user_id is not None:
            query = query.where(_M.conversation_id.in_(select(_C.id).where(_C.user_id == user_id)))
        newest = query.order_by(*(part.desc() for part in _IN_ORDER)).limit(limit)
        rows = await self._database.rows(newest)
        names = Message.model_fields
        return [Message.model_validate({name: row._mapping[name] for name in names}) for row in reversed(rows)]

    async def history(self, conversation_id: str, before_mission: str, limit: int = 200) -> builtins.list[Said]:
        """List what was said in the missions before one, oldest first, at most the newest `limit` messages.

        The order is that of the missions: a message sent while another mission ran comes after that one's answer. In a branch
        what it shares comes first.
        """
        wanted = {"here": conversation_id, "mission": before_mission, "most": limit}
        rows = await self._database.rows(_HISTORY, wanted)
        return [Said(author=author, text=words, mission_id=said_in) for author, words, said_in in reversed(rows)]

    async def tainted(self, conversation_id: str, but: str) -> bool:
        """Say whether what came from outside was read in any other mission that a conversation shows."""
        return bool(await self._database.rows(_TAINTED, {"here": conversation_id, "but": but}))

    async def delete(self, conversation_id: str, user_id: str) -> builtins.list[str]:
        """Remove a conversation and all that belongs to it; returns the hashes of contents nobody refers to any more.

        Facts that were kept as memories stay: they belong to the user. What branches share with it stays in them. Raises
        NotFound if it is not this user's.
        """
        where = audit.came_from.get()
        return await self._database.apply(lambda c: _delete(c, conversation_id, user_id, where), durable=True)


def open_conversation(
    connection: Connection, conversation_id: str, user_id: str, at: datetime, title: str = ""
) -> None:
    """Create a conversation, or touch it and give it a title if it has none; raises NotFound if it is somebody else's."""
    which = _C.id == conversation_id
    found = connection.execute(select(_C.user_id, _C.title).where(which)).one_or_none()
    if found is None:
        row = {"id": conversation_id, "user_id": user_id, "title": title, "created_at": at, "updated_at": at}
        connection.execute(insert(tables.conversations), row)
        return
    if found.user_id != user_id:
        raise _no_such()
    connection.execute(update(tables.conversations).where(which).values(title=found.title or title, updated_at=at))


def _change(
    connection: Connection, conversation_id: str, user_id: str, wanted: dict[str, Any], version: int | None
) -> Conversation:
    found = _found(connection, conversation_id, user_id)
    changes = {name: value for name, value in wanted.items() if getattr(found, name) != value}
    if not changes:
        return found
    if version is not None and version != found.version:
        raise Conflict(_who_changed(connection, found))
    if "title" in changes:
        changes["named"] = True  # from now on it is theirs
    news = {**changes, "version": found.version + 1, "changed_by": user_id, "changed_at": now()}
    connection.execute(update(tables.conversations).where(_C.id == conversation_id).values(**news))
    return _found(connection, conversation_id, user_id)


def _who_changed(connection: Connection, found: Conversation) -> str:
    query = select(tables.users.c.name, _C.changed_at).select_from(
        tables.conversations.outerjoin(tables.users, tables.users.c.id == _C.changed_by)
    )
    row = connection.execute(query.where(_C.id == found.id)).one()
    when = f" on {row.changed_at:%Y-%m-%d at %H:%M} UTC" if row.changed_at else ""
    return (
        f"{row.name or 'Somebody'} changed this conversation{when}: it is called “{found.title}” now, with step mode "
        f"{'on' if found.step_mode else 'off'}. Nothing of yours was changed; reload to see it, then try again."
    )


def _found(connection: Connection, conversation_id: str, user_id: str) -> Conversation:
    query = select(tables.conversations).where(_C.id == conversation_id, _C.user_id == user_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise _no_such()
    return _conversation(row)


def _conversation(row: Any) -> Conversation:
    return Conversation.model_validate({name: row[name] for name in Conversation.model_fields})


def _no_such() -> NotFound:
    return NotFound("There is no such conversation.")


def _contains(column: ColumnElement[Any], search: str) -> ColumnElement[bool]:
    # SQLite's LIKE ignores case in ASCII only, so other letters are tried in the usual spellings.
    words = search.strip()
    spellings = {words} if words.isascii() else {words, words.lower(), words.upper(), words.title()}
    return or_(*(column.icontains(spelling, autoescape=True) for spelling in sorted(spellings)))


def _delete(connection: Connection, conversation_id: str, user_id: str, where: str) -> list[str]:
    found = _found(connection, conversation_id, user_id)
    hand_over(connection, conversation_id)
    if not found.temporary:
        audit.put(connection, "conversation_deleted", user_id, conversation_id, where=where)
    return forget(connection, conversation_id, user_id)
