"""Files as rows: what users gave and operators made; the contents are blobs (see blobs.py)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, func, insert, select, update

from core.errors import Conflict, NotFound
from core.missions import Artifact, Attachment, Value, new_id, now
from memory import tables
from memory.conversations import open_conversation
from memory.database import Database
from memory.lineage import HERE, belongs, in_view
from memory.uploads import Room, check_room, used_by

_GIVEN, _MADE = tables.attachments.c, tables.artifacts.c
_CHOSEN = func.coalesce(tables.file_uses.c.chosen, "").label("chosen")
_OF_CONVERSATION = (
    select(tables.attachments, _CHOSEN)
    .outerjoin(tables.file_uses, tables.file_uses.c.attachment_id == _GIVEN.id)
    .join(tables.conversations, tables.conversations.c.id == _GIVEN.conversation_id)
    .where(belongs(_GIVEN, HERE), tables.conversations.c.user_id == bindparam("user"))
    .order_by(_GIVEN.created_at, _GIVEN.id)
)
_ANY_MADE = select(_MADE.id).where(_MADE.mission_id.in_(in_view(HERE))).limit(1)


class FileRow(Value):
    """A file the user gave and what became of it: received, checked, parsed, indexed or unreadable (`problem` says why)."""

    attachment: Attachment
    status: str
    pages: int | None = None
    characters: int | None = None
    problem: str = ""
    mission_id: str | None = None
    conversation_id: str = ""
    created_at: datetime
    chosen: str = ""  # how the user wants it used ("" as usual)


class Files:
    """Keeps the rows; nothing of another user's is ever found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def receive(
        self,
        user_id: str,
        conversation_id: str,
        *,
        name: str,
        content_hash: str,
        size: int,
        mime: str,
        room: Room | None = None,
        file_id: str = "",
    ) -> Attachment:
        """Note a file as received in a conversation, which is begun if it is new; safe against a power cut when this returns.

        `room` is how much this user may keep. Raises NotFound if the conversation is not this user's, BadInput if the file does
        not fit, Conflict if there is one of that id.
        """
        attachment = Attachment(id=file_id or new_id(), name=name, hash=content_hash, size=size, mime=mime[:200])
        at = now()
        row = attachment.model_dump(exclude={"note"})
        row |= {"conversation_id": conversation_id, "status": "received", "created_at": at}

        def work(connection: Any) -> None:
            if file_id and connection.execute(select(_GIVEN.id).where(_GIVEN.id == file_id)).first():
                raise Conflict("This file is here already; it was sent twice at once.")
            if room is not None:
                check_room(used_by(connection, user_id), size, room)
            open_conversation(connection, conversation_id, user_id, at)
            connection.execute(insert(tables.attachments), row)

        await self._database.apply(work, durable=True)
        return attachment

    async def mark(self, attachment_id: str, status: str, **values: Any) -> None:
        """Note how far a file was read: checked (it is what can be read), parsed (its pages and characters are known)."""
        await self._change(attachment_id, status=status, **values)

    async def mark_indexed(self, attachment_id: str, pages: int | None, characters: int | None, note: str = "") -> None:
        """Note that a file's text can be found now; `note` says what was left out of it."""
        await self._change(attachment_id, status="indexed", pages=pages, characters=characters, problem=note)

    async def mark_unreadable(self, attachment_id: str, problem: str) -> None:
        """Note that a file's text cannot be read, and why."""
        await self._change(attachment_id, status="unreadable", problem=problem)

    async def of_conversation(self, conversation_id: str, user_id: str) -> list[FileRow]:
        """List the files given in a conversation, oldest first, those it shares with other branches included."""
        wanted = {"here": conversation_id, "user": user_id}
        return [_file(row) for row in await self._rows(_OF_CONVERSATION, wanted)]

    async def of_mission(self, mission_id: str) -> list[Artifact]:
        """List the files made in a mission, oldest first."""
        made = (_MADE.mission_id == mission_id) & (_MADE.restored_from == "")
        query = select(tables.artifacts).where(made).order_by(_MADE.created_at)
        return [_artifact(row) for row in await self._rows(query)]

    async def any_made(self, conversation_id: str) -> bool:
        """Say whether operators made files in a conversation, or in what it shares with other branches."""
        return bool(await self._rows(_ANY_MADE, {"here": conversation_id}))

    async def shared(self, conversation_id: str) -> list[Artifact]:
        """List the files operators made in what a branch shares with others, oldest first."""
        query = select(tables.artifacts).where(_MADE.mission_id.in_(in_view(conversation_id, shared_only=True)))
        return [_artifact(row) for row in await self._rows(query.order_by(_MADE.created_at, _MADE.id))]

    async def get(self, file_id: str, user_id: str) -> Attachment | Artifact:
        """Return a file that was given or made; raises NotFound if there is none, or if it is not this user's."""
        made = (
            select(tables.artifacts)
            .join(tables.missions, tables.missions.c.id == _MADE.mission_id)
            .where(_MADE.id == file_id, tables.missions.c.user_id == user_id)
        )
        if rows := await self._rows(made):
            return _artifact(rows[0])
        given = (
            select(tables.attachments)
            .join(tables.conversations, tables.conversations.c.id == _GIVEN.conversation_id)
            .where(_GIVEN.id == file_id, tables.conversations.c.user_id == user_id)
        )
        if rows := await self._rows(given):
            return _file(rows[0]).attachment
        raise NotFound("There is no such file.")

    async def _change(self, attachment_id: str, **values: Any) -> None:
        await self._database.write(
            (update(tables.attachments).where(_GIVEN.id == attachment_id).values(**values), None)
        )

    async def _rows(self, query: Any, wanted: Mapping[str, Any] | None = None) -> list[Any]:
        async with self._database.reading() as connection:
            return list((await connection.execute(query, wanted or {})).mappings())


_ABOUT = ("status", "pages", "characters", "problem", "mission_id", "conversation_id", "created_at")


def _file(row: Any) -> FileRow:
    attachment = Attachment(
        id=row["id"], name=row["name"], hash=row["hash"], size=row["size"], mime=row["mime"], note=row["problem"]
    )
    more = {name: row[name] for name in _ABOUT}
    return FileRow(attachment=attachment, chosen=row.get("chosen", ""), **more)


def _artifact(row: Any) -> Artifact:
    return Artifact.model_validate({name: row[name] for name in Artifact.model_fields})
