"""Context documents of people and of the house, with every version there was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, func, insert, or_, select, update

from core.errors import BadInput, Conflict, NotFound, Refused
from core.memories import Context
from core.missions import now
from memory import tables
from memory.database import Database

MOST, MOST_DRAFTS = 200, 50
"""Documents one person (or the house) may have, and drafts among them."""
_C, _V, _U = tables.contexts.c, tables.context_versions.c, tables.users.c
_KEPT = ("title", "triggers", "operators", "text", "enabled", "draft")


class Contexts:
    """Keeps context documents; a person's own are theirs alone, those of the house are read by all.

    `house` says that whoever asks may change those of the house too.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_user(self, user_id: str) -> list[Context]:
        """List the documents a person can see, their own first."""
        mine = or_(_C.user_id == user_id, _C.user_id.is_(None))
        query = select(tables.contexts).where(mine).order_by(_C.user_id.is_(None), _C.title, _C.id)
        return [_context(row._mapping) for row in await self._database.rows(query)]

    async def get(self, context_id: str, user_id: str) -> Context:
        """Return one document as it stands; raises NotFound if there is none, or if it is somebody else's."""
        rows = await self._database.rows(select(tables.contexts).where(_visible(context_id, user_id)))
        if not rows:
            raise _no_such()
        return _context(rows[0]._mapping)

    async def add(self, context: Context) -> bool:
        """Keep a new document; False if one of this id is there already. Raises Conflict if its name is taken, BadInput if
        there are too many."""

        def work(connection: Connection) -> bool:
            if connection.execute(select(_C.id).where(_C.id == context.id)).first() is not None:
                return False
            _check_place(connection, context)
            row = _row(context) | {"id": context.id, "user_id": context.owner or None, "name": context.name}
            connection.execute(insert(tables.contexts), row)
            _keep_version(connection, context.id, row)
            return True

        return await self._database.apply(work, durable=True)

    async def change(
        self, context_id: str, user_id: str, version: int, values: Mapping[str, Any], *, house: bool
    ) -> None:
        """Change a document that nobody has changed since `version`, keeping how it stood.

        Raises NotFound, Refused for one of the house, or Conflict that names who changed it, and when.
        """

        def work(connection: Connection) -> None:
            found = _to_change(connection, context_id, user_id, version, house=house)
            changed = found.model_copy(
                update={**values, "version": found.version + 1, "changed_by": user_id, "changed_at": now()}
            )
            row = _row(changed)
            connection.execute(update(tables.contexts).where(_C.id == context_id).values(**row))
            _keep_version(connection, context_id, row)

        await self._database.apply(work, durable=True)

    async def remove(self, context_id: str, user_id: str, version: int | None, *, house: bool) -> None:
        """Remove a document with all its versions; raises what `change` raises."""

        def work(connection: Connection) -> None:
            _to_change(connection, context_id, user_id, version, house=house)
            connection.execute(delete(tables.contexts).where(_C.id == context_id))

        await self._database.apply(work, durable=True)

    async def versions(self, context_id: str, user_id: str) -> list[Context]:
        """List every version of a document, the newest first, each with the name of who made it; raises NotFound."""
        now_stands = await self.get(context_id, user_id)
        query = (
            select(tables.context_versions, _U.name.label("who"))
            .select_from(tables.context_versions.outerjoin(tables.users, _U.id == _V.changed_by))
            .where(_V.context_id == context_id)
            .order_by(_V.version.desc())
        )
        found = []
        for row in await self._database.rows(query):
            about = {"version": row.version, "changed_by": row.who or "somebody", "changed_at": row.changed_at}
            found.append(now_stands.model_copy(update=_fields(row._mapping) | about))
        return found


def _visible(context_id: str, user_id: str) -> ColumnElement[bool]:
    return (_C.id == context_id) & or_(_C.user_id == user_id, _C.user_id.is_(None))


def _to_change(connection: Connection, context_id: str, user_id: str, version: int | None, *, house: bool) -> Context:
    query = select(tables.contexts).where(_visible(context_id, user_id)).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise _no_such()
    found = _context(dict(row))
    if not found.owner and not house:
        raise Refused(
            "This document belongs to the house: an administrator can change it. You can make one of your own."
        )
    if version not in (None, found.version):
        name = connection.execute(select(_U.name).where(_U.id == found.changed_by)).scalar_one_or_none() or "Somebody"
        raise Conflict(
            f"{name} changed this document on {found.changed_at:%Y-%m-%d at %H:%M} UTC, after you opened it. "
            "Nothing of yours was saved. Open it again and repeat your change."
        )
    return found


def _check_place(connection: Connection, context: Context) -> None:
    of_owner = _C.user_id == context.owner if context.owner else _C.user_id.is_(None)
    if connection.execute(select(_C.id).where(of_owner, _C.name == context.name)).first() is not None:
        raise Conflict(f"There is a document called {context.name} already. Change that one, or choose another name.")
    count = select(func.count()).select_from(tables.contexts).where(of_owner)
    if connection.execute(count).scalar_one() >= MOST:
        raise BadInput(f"There are {MOST} documents already, which is the most there can be. Remove one first.")
    if context.draft and connection.execute(count.where(_C.draft != "")).scalar_one() >= MOST_DRAFTS:
        raise BadInput(f"There are {MOST_DRAFTS} drafts already. Accept or remove some of them first.")


def _keep_version(connection: Connection, context_id: str, row: Mapping[str, Any]) -> None:
    kept = {name: row[name] for name in (*_KEPT, "version", "changed_by", "changed_at")}
    connection.execute(insert(tables.context_versions), kept | {"context_id": context_id})


def _row(context: Context) -> dict[str, Any]:
    plain = context.model_dump(include={*_KEPT, "version", "changed_by"}) | {"changed_at": context.changed_at or now()}
    return plain | {"triggers": json.dumps(context.triggers), "operators": json.dumps(context.operators)}


def _fields(row: Mapping[str, Any]) -> dict[str, Any]:
    fields = {name: row[name] for name in _KEPT}
    return fields | {"triggers": tuple(json.loads(row["triggers"])), "operators": tuple(json.loads(row["operators"]))}


def _context(row: Mapping[str, Any]) -> Context:
    about = {name: row[name] for name in ("id", "name", "version", "changed_by", "changed_at")}
    return Context(**_fields(row), **about, owner=row["user_id"] or "")


def _no_such() -> NotFound:
    return NotFound("There is no such document.")
