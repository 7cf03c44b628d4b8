"""Changes of files on record: which step made what of which file, oldest first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, Select, delete, func, insert, select

from core.ports import ChangedFile, FileChange
from memory import tables
from memory.database import Database
from memory.statements import insert_into

_C, _F = tables.file_changes.c, tables.changed_files.c
_OF_ROW = ("id", "mission_id", "task_id", "step", "words", "undoes", "at")


class FileChanges:
    """The changes of core.ports; each method is one transaction, committed when it returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, change: FileChange) -> None:
        """Put a change on record before it is made; one that is there already stays as it is."""
        await self._database.apply(lambda connection: _add(connection, change))

    async def find(self, change_id: str) -> FileChange | None:
        """Return the change of an id, if there is one."""
        found = await self._list(_all().where(_C.id == change_id))
        return found[0] if found else None

    async def drop(self, change_id: str) -> None:
        """Take a change off the record that was not made after all."""
        await self._database.write((delete(tables.file_changes).where(_C.id == change_id), None))

    async def of_mission(self, mission_id: str) -> list[FileChange]:
        """List what a mission changed, oldest first; `undone` is judged by the whole conversation."""
        home = select(tables.missions.c.conversation_id).where(tables.missions.c.id == mission_id).scalar_subquery()
        found = await self._list(_all().where(tables.missions.c.conversation_id == home))
        return [change for change in found if change.mission_id == mission_id]

    async def of_conversation(self, conversation_id: str, user_id: str) -> list[FileChange]:
        """List the changes in a conversation of this user, oldest first."""
        missions = tables.missions.c
        mine = (missions.conversation_id == conversation_id) & (missions.user_id == user_id)
        return await self._list(_all().where(mine))

    async def _list(self, query: Select[Any]) -> list[FileChange]:
        return _marked(_grouped(await self._database.rows(query)))


def _all() -> Select[Any]:
    joined = tables.file_changes.join(tables.missions, tables.missions.c.id == _C.mission_id)
    joined = joined.outerjoin(tables.changed_files, _F.change_id == _C.id)
    columns = [*(_C[name] for name in _OF_ROW), _F.name, _F.before, _F.after]
    return select(*columns).select_from(joined).order_by(_C.number, _F.position)


def _add(connection: Connection, change: FileChange) -> None:
    number = connection.execute(select(func.coalesce(func.max(_C.number), 0) + 1)).scalar_one()
    row = {name: getattr(change, name) for name in _OF_ROW} | {"number": number}
    added = insert_into(connection, tables.file_changes).values(row).on_conflict_do_nothing(index_elements=["id"])
    fresh = connection.execute(added.returning(_C.id)).first() is not None
    if fresh and change.files:
        files = [f.model_dump() | {"change_id": change.id, "position": n} for n, f in enumerate(change.files)]
        connection.execute(insert(tables.changed_files), files)


def _grouped(rows: Sequence[Any]) -> Iterable[FileChange]:
    for _, group in groupby(rows, key=lambda row: row.id):
        parts = list(group)
        files = [ChangedFile(name=r.name, before=r.before, after=r.after) for r in parts if r.name is not None]
        about: Mapping[str, Any] = {name: getattr(parts[0], name) for name in _OF_ROW}
        yield FileChange(**about, files=tuple(files))


def _marked(changes: Iterable[FileChange]) -> list[FileChange]:
    """Say of each whether it was taken back: by a change that was not taken back itself."""
    found = list(changes)
    undone: set[str] = set()
    for change in reversed(found):
        if change.undoes and change.id not in undone:
            undone.add(change.undoes)
    return [change.model_copy(update={"undone": change.id in undone}) for change in found]
