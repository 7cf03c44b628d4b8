"""Order among conversations: projects they lie in, pins, the archive, and which of them were read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, delete, exists, func, insert, select, update

from core.errors import BadInput, Conflict, NotFound
from core.missions import Value, new_id, now
from memory import tables
from memory.database import Database

LONGEST_NAME, MOST_PROJECTS, MOST_AT_ONCE = 100, 200, 500
Which = Literal["open", "archived", "pinned", "unread", "all"]
WHICH: tuple[Which, ...] = ("open", "archived", "pinned", "unread", "all")
_C, _P, _M = tables.conversations.c, tables.projects.c, tables.messages.c


class Project(Value):
    """A folder of conversations of one user; `count` are those in it that are not archived."""

    id: str
    name: str
    count: int = 0
    created_at: datetime


class Shelved(Value):
    """One conversation as the list shows it."""

    id: str
    title: str
    updated_at: datetime
    version: int
    project_id: str | None = None
    pinned: bool = False
    archived: bool = False
    unread: bool = False
    news: str = ""


_CHANGES: dict[str, Callable[[], dict[str, Any]]] = {
    "pin": lambda: {"pinned_at": now()},
    "unpin": lambda: {"pinned_at": None},
    "archive": lambda: {"archived_at": now(), "pinned_at": None},
    "unarchive": lambda: {"archived_at": None},
    "read": lambda: {"seen_at": now()},
    "unread": lambda: {"seen_at": None, "news_at": func.coalesce(_C.news_at, _C.updated_at)},
}
CHANGES = (*_CHANGES, "move")


class Shelves:
    """Keeps a user's order; whatever is another user's does not exist here (NotFound). Temporary ones are on no shelf."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(
        self,
        user_id: str,
        which: Which = "open",
        *,
        project: str | None = None,
        limit: int = 100,
        before: datetime | None = None,
    ) -> list[Shelved]:
        """List conversations, the pinned ones first, then the newest; `project` "" are those in none. `before` continues
        the list with what was changed earlier, without the pinned ones."""
        query = _shown(user_id)
        if which in ("archived", "all"):
            query = query if which == "all" else query.where(_C.archived_at.is_not(None))
        else:
            query = query.where(_C.archived_at.is_(None))
        if which == "pinned":
            query = query.where(_C.pinned_at.is_not(None))
        if which == "unread":
            query = query.where(_unread())
        if project is not None:
            query = query.where(_C.project_id == project if project else _C.project_id.is_(None))
        if before is not None:
            query = query.where(_C.updated_at < before, _C.pinned_at.is_(None))
        order = (_C.pinned_at.is_(None), _C.updated_at.desc(), _C.id)
        return [_shelved(row) for row in await self._database.rows(query.order_by(*order).limit(limit))]

    async def projects(self, user_id: str) -> Sequence[Project]:
        """List a user's projects by name."""
        inside = select(func.count()).where(_C.project_id == _P.id, _C.archived_at.is_(None)).scalar_subquery()
        query = select(_P.id, _P.name, _P.created_at, inside.label("count")).where(_P.user_id == user_id)
        rows = await self._database.rows(query.order_by(func.lower(_P.name), _P.id))
        return [Project.model_validate(dict(row._mapping)) for row in rows]

    async def create(self, user_id: str, name: str) -> Project:
        """Make a project; raises BadInput for an empty name, Conflict if there is one of that name."""
        row: dict[str, Any] = {"id": new_id(), "user_id": user_id, "name": _name(name), "created_at": now()}

        def work(connection: Connection) -> None:
            _refuse_taken(connection, user_id, row["name"])
            many = connection.execute(select(func.count()).where(_P.user_id == user_id)).scalar_one()
            if many >= MOST_PROJECTS:
                raise Conflict(f"There are {MOST_PROJECTS} projects already, which is the most. Delete one first.")
            connection.execute(insert(tables.projects), row)

        await self._database.apply(work)
        return Project.model_validate({name: row[name] for name in ("id", "name", "created_at")})

    async def rename(self, project_id: str, user_id: str, name: str) -> None:
        """Give a project another name; raises NotFound, BadInput or Conflict."""
        wanted = _name(name)

        def work(connection: Connection) -> None:
            _found(connection, project_id, user_id)
            _refuse_taken(connection, user_id, wanted, but=project_id)
            connection.execute(update(tables.projects).where(_P.id == project_id).values(name=wanted))

        await self._database.apply(work)

    async def remove(self, project_id: str, user_id: str) -> None:
        """Delete a project; its conversations stay, in no project. Raises NotFound."""

        def work(connection: Connection) -> None:
            _found(connection, project_id, user_id)
            connection.execute(update(tables.conversations).where(_C.project_id == project_id).values(project_id=None))
            connection.execute(delete(tables.projects).where(_P.id == project_id))

        await self._database.apply(work)

    async def change(self, user_id: str, ids: Sequence[str], what: str, project_id: str = "") -> int:
        """Do one of CHANGES to conversations, all or none; `move` takes them to a project ("" is none).

        Returns how many. Raises BadInput for an unknown change or too many, NotFound if one of them is not this user's.
        """
        wanted = list(dict.fromkeys(ids))
        if what not in CHANGES:
            raise BadInput(f"There is no change called {what[:40]!r}. It is one of {', '.join(CHANGES)}.")
        if len(wanted) > MOST_AT_ONCE:
            raise BadInput(f"At most {MOST_AT_ONCE} conversations can be changed at once.")

        def work(connection: Connection) -> int:
            mine = (_C.user_id == user_id) & _C.id.in_(wanted) & ~_C.temporary
            found = connection.execute(select(func.count()).where(mine)).scalar_one()
            if found != len(wanted):
                raise NotFound("There is no such conversation.")
            if what == "move" and project_id:
                _found(connection, project_id, user_id)
            values = {"project_id": project_id or None} if what == "move" else _CHANGES[what]()
            connection.execute(update(tables.conversations).where(mine).values(**values))
            return len(wanted)

        return await self._database.apply(work)


def _shown(user_id: str) -> Any:
    said = exists().where(_M.conversation_id == _C.id)
    fields = (_C.id, _C.title, _C.updated_at, _C.version, _C.project_id, _C.pinned_at, _C.archived_at, _C.news)
    shown = select(*fields, _unread().label("unread"))
    return shown.where(_C.user_id == user_id, ~_C.temporary, said)


def _unread() -> Any:
    return _C.news_at.is_not(None) & (_C.seen_at.is_(None) | (_C.seen_at < _C.news_at))


def _shelved(row: Any) -> Shelved:
    return Shelved(
        id=row.id,
        title=row.title,
        updated_at=row.updated_at,
        version=row.version,
        project_id=row.project_id,
        pinned=row.pinned_at is not None,
        archived=row.archived_at is not None,
        unread=bool(row.unread),
        news=row.news,
    )


def _name(name: str) -> str:
    wanted = " ".join(name.split())
    if not wanted:
        raise BadInput("The project needs a name.")
    if len(wanted) > LONGEST_NAME:
        raise BadInput(f"The name is too long: {LONGEST_NAME} characters at most.")
    return wanted


def _refuse_taken(connection: Connection, user_id: str, name: str, but: str = "") -> None:
    alike = select(_P.id).where(_P.user_id == user_id, _P.name == name, _P.id != but)
    if connection.execute(alike).first():
        raise Conflict(f"There is a project called “{name}” already. Choose another name.")


def _found(connection: Connection, project_id: str, user_id: str) -> None:
    if connection.execute(select(_P.id).where(_P.id == project_id, _P.user_id == user_id)).first() is None:
        raise NotFound("There is no such project.")
