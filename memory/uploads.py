"""What became of the files a person gave: how far each was read, how it is used, who was given it, and the room they take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Literal, get_args

from sqlalchemy import Connection, and_, delete, func, insert, select, union_all

from core.errors import BadInput, NotFound
from core.events import MessageSent
from core.memories import is_picture
from core.missions import Attachment, Value
from memory import tables
from memory.database import Database
from memory.export_format import CAME_IN
from memory.forgetting import still_used
from memory.lineage import belongs

Use = Literal["text", "search", "tools"]
USES: dict[Use, str] = {"text": "full text", "search": "search", "tools": "file for tools"}
OF_PICTURES: dict[Use, str] = {"text": "shown to models", "tools": "file for tools"}
"""How pictures can be used: they have no text to be searched."""
UNFINISHED = ("received", "checked", "parsed")
"""The states of a file that is still to be read, in order; then it is indexed or unreadable."""
SHORT = 3_000
"""Characters up to which the whole text of a file goes into the brief, unless a person chose otherwise."""
FOR_TOOLS = frozenset(
    f".{kind}"
    for kind in (
        *("csv", "tsv", "xlsx", "xls", "xlsm", "xlsb", "ods", "parquet"),
        *("zip", "tar", "gz", "tgz", "bmp", "tif", "tiff"),
    )
)
"""Endings of tables, archives and pictures that no model is shown: for tools, unless somebody chose otherwise."""
MOST_NAMED = 2_000
_A, _M = tables.artifacts.c, tables.missions.c
_G, _C, _R, _U = tables.attachments.c, tables.conversations.c, tables.file_receipts.c, tables.file_uses.c


class Used(Value):
    """How many files, and how many bytes of them, a person keeps here."""

    files: int
    bytes: int


class Room(Value):
    """How much a person may keep."""

    files: int
    bytes: int


class Receipt(Value):
    """An operator that was given a file, for one task of a mission."""

    mission_id: str
    task_id: str
    operator: str
    at: datetime


class Upload(Value):
    """A file a person gave; `chosen` is how they want it used ("" as usual), `use` how it is used."""

    attachment: Attachment
    status: str
    pages: int | None
    characters: int | None
    conversation_id: str
    conversation: str
    created_at: datetime
    chosen: str
    receipts: tuple[Receipt, ...] = ()

    @property
    def use(self) -> Use:
        return use_of(self.attachment.name, self.characters, self.chosen)

    @property
    def operators(self) -> dict[str, int]:
        """Who was given it, and how often."""
        return dict(Counter(receipt.operator for receipt in self.receipts))


def uses_of(name: str) -> dict[Use, str]:
    """Say how a file can be used, in words for people."""
    return OF_PICTURES if is_picture(name) else USES


def use_of(name: str, characters: int | None, chosen: str = "") -> Use:
    """Say how a file is used: as a person chose, else by kind and length."""
    if is_picture(name):
        return "tools" if chosen == "tools" else "text"
    for use in get_args(Use):
        if use == chosen:
            return use  # type: ignore[no-any-return]
    if PurePosixPath(name).suffix.lower() in FOR_TOOLS:
        return "tools"
    return "text" if characters is not None and characters <= SHORT else "search"


def check_room(used: Used, size: int, room: Room) -> None:
    """Raise BadInput, in words for the person, unless one more file of this size fits."""
    where = "Delete some on the page of your files (/files), then give it again."
    if used.files >= room.files:
        raise BadInput(f"You keep {used.files:,} files here, which is as many as you may. {where}")
    if used.bytes + size > room.bytes:
        has, most = (round(n / 1_048_576, 1) for n in (used.bytes, room.bytes))
        raise BadInput(
            f"Your files take {has:g} MB of {most:g} MB, and this one has {size / 1_048_576:.1f} MB. {where}"
        )


def check_room_for(used: Used, more: Used, room: Room) -> None:
    """Raise BadInput, in words for the person, unless all the files of an import fit."""
    where = "Delete some on the pages of your files (/files, /artifacts), then import it again."
    if used.files + more.files > room.files:
        holds = f"You keep {used.files:,} files here and may keep {room.files:,}"
        raise BadInput(f"{holds}; this conversation has {more.files:,}. Nothing was imported. {where}")
    if used.bytes + more.bytes > room.bytes:
        has, most, size = (round(n / 1_048_576, 1) for n in (used.bytes, room.bytes, more.bytes))
        holds = f"Your files take {has:g} MB of {most:g} MB"
        raise BadInput(f"{holds}; those of this conversation take {size:g} MB. Nothing was imported. {where}")


def used_by(connection: Connection, user_id: str) -> Used:
    """Count what a person keeps, with nobody else counting for them meanwhile."""
    connection.execute(select(tables.users.c.id).where(tables.users.c.id == user_id).with_for_update())
    return Used.model_validate(dict(connection.execute(_used(user_id)).mappings().one()))


class Uploads:
    """Reads and changes the rows; of another person's files nothing is found."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def used(self, user_id: str) -> Used:
        """Say how much a person keeps."""
        async with self._database.reading() as connection:
            return Used.model_validate(dict((await connection.execute(_used(user_id))).mappings().one()))

    async def check_place(self, user_id: str, conversation_id: str) -> None:
        """Raise NotFound if a conversation is somebody else's; a new one may begin with a file."""
        query = select(_C.id).where(_C.id == conversation_id, _C.user_id != user_id)
        if await self._database.rows(query):
            raise NotFound("There is no such conversation.")

    async def find(
        self, user_id: str, *, query: str = "", conversation_id: str = "", limit: int = 100
    ) -> Sequence[Upload]:
        """List a person's files, newest first: those with some words in the name, or those a conversation shows.

        Those of a temporary conversation are listed only where that conversation is asked for.
        """
        wanted = _every(user_id) if conversation_id else _every(user_id).where(~_C.temporary)
        for word in query.split():
            wanted = wanted.where(func.lower(_G.name).contains(word.lower(), autoescape=True))
        if conversation_id:
            wanted = wanted.where(belongs(_G, conversation_id))
        return await self._found(wanted.order_by(_G.created_at.desc(), _G.id).limit(limit))

    async def get(self, file_id: str, user_id: str) -> Upload:
        """Return one; raises NotFound."""
        found = await self._found(_every(user_id).where(_G.id == file_id))
        if not found:
            raise NotFound("There is no such file.")
        return found[0]

    async def choose(self, file_id: str, user_id: str, use: str) -> Upload:
        """Use a file in this way from now on ("" as usual); raises NotFound or BadInput."""
        if use not in ("", *USES):
            raise BadInput(f"use: there is no {use[:40]!r}. There are {', '.join(USES)}, and nothing for as usual.")
        await self.get(file_id, user_id)

        def work(connection: Connection) -> None:
            connection.execute(delete(tables.file_uses).where(_U.attachment_id == file_id))
            if use:
                connection.execute(insert(tables.file_uses), {"attachment_id": file_id, "chosen": use})

        await self._database.apply(work)
        return await self.get(file_id, user_id)

    async def chosen(self, file_ids: Collection[str]) -> dict[str, str]:
        """Map files to the use that was chosen for them."""
        query = select(_U.attachment_id, _U.chosen).where(_U.attachment_id.in_(file_ids))
        async with self._database.reading() as connection:
            return {row.attachment_id: row.chosen for row in await connection.execute(query)}

    async def delete(self, file_id: str, user_id: str) -> list[str]:
        """Delete a file; returns the hashes of contents nobody refers to any more. Raises NotFound."""
        content_hash = (await self.get(file_id, user_id)).attachment.hash

        def work(connection: Connection) -> list[str]:
            connection.execute(delete(tables.attachments).where(_G.id == file_id))
            return sorted({content_hash} - still_used(connection, {content_hash}))

        return await self._database.apply(work, durable=True)  # or a power cut brings it back without its content

    async def _found(self, query: Any) -> Sequence[Upload]:
        async with self._database.reading() as connection:
            rows = list((await connection.execute(query)).mappings())
            ids = [row["id"] for row in rows]
            given = select(tables.file_receipts).where(_R.attachment_id.in_(ids)).order_by(_R.at).limit(MOST_NAMED)
            receipts = list((await connection.execute(given)).mappings())
        by_file: dict[str, list[Receipt]] = {}
        for row in receipts:
            about = {name: row[name] for name in Receipt.model_fields}
            by_file.setdefault(row["attachment_id"], []).append(Receipt.model_validate(about))
        return [_upload(row, by_file.get(row["id"], ())) for row in rows]


def note_receipts(connection: Connection, event: MessageSent) -> None:
    """Note who is given files with a delegation; files that are gone meanwhile are left out."""
    message = event.message
    if message.message_type != "delegation" or not message.attachments:
        return
    task = message.recipient.removeprefix("task:")
    known = set(connection.execute(select(_G.id).where(_G.id.in_(message.attachments))).scalars())
    about = and_(_R.mission_id == event.mission_id, _R.task_id == task)
    known -= set(connection.execute(select(_R.attachment_id).where(about)).scalars())
    operator = str(message.metadata.get("operator", ""))[:100]
    more = {"mission_id": event.mission_id, "task_id": task, "operator": operator, "at": event.at}
    if known:
        connection.execute(insert(tables.file_receipts), [{"attachment_id": i} | more for i in sorted(known)])


def _used(user_id: str) -> Any:
    """Count what a person gave, and what came with conversations they imported: nobody here has made that."""
    gave = select(_G.size).join_from(tables.attachments, tables.conversations).where(_C.user_id == user_id)
    came = (_M.user_id == user_id) & _M.terms.contains(CAME_IN)
    imported = select(_A.size).join(tables.missions, _M.id == _A.mission_id).where(came)
    kept = union_all(gave, imported).subquery()
    return select(func.count().label("files"), func.coalesce(func.sum(kept.c.size), 0).label("bytes")).select_from(kept)


def _every(user_id: str) -> Any:
    fields = (tables.attachments, _C.title, func.coalesce(_U.chosen, "").label("chosen"))
    query = select(*fields).join(tables.conversations, _C.id == _G.conversation_id)
    return query.outerjoin(tables.file_uses, _U.attachment_id == _G.id).where(_C.user_id == user_id)


def _upload(row: Any, receipts: Sequence[Receipt]) -> Upload:
    attachment = Attachment(
        id=row["id"], name=row["name"], hash=row["hash"], size=row["size"], mime=row["mime"], note=row["problem"]
    )
    about = {name: row[name] for name in ("status", "pages", "characters", "conversation_id", "created_at", "chosen")}
    return Upload(attachment=attachment, conversation=row["title"], receipts=tuple(receipts), **about)
