"""Branches: making one, saying where a conversation goes on differently, and what becomes of them when it is deleted."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, exists, func, insert, or_, select, update

from core.errors import Conflict, NotFound
from core.missions import RESTING, Value, derived_id
from memory import tables
from memory.lineage import DEEPEST, in_view, lineage
from memory.recollection import TURN, turn_id

_C, _M = tables.conversations.c, tables.missions.c
_ALIVE = exists().where(_M.conversation_id == _C.id)
"""Something was said in the branch itself; one without was given up before its first message was stored."""


class Fork(Value):
    """Another conversation that goes on differently from a mission of this one.

    `origin` says that it is the one this conversation branched from; `mission_id` is the first mission here that it does not share.
    """

    mission_id: str
    conversation_id: str
    title: str
    origin: bool


def make_branch(
    connection: Connection, conversation_id: str, before_mission: str, user_id: str, new: dict[str, Any]
) -> None:
    """Insert the row `new` (id, at, retitled) as a branch of a conversation before one of the missions it shows.

    The same id again changes nothing. Files given with that mission are given again in the branch. Raises NotFound if the
    conversation or the mission is not this user's, Conflict while an earlier mission is at work.
    """
    taken = connection.execute(select(_C.user_id).where(_C.id == new["id"])).scalar_one_or_none()
    if taken is not None:
        if taken != user_id:
            raise _no_such()
        return
    shown = in_view(conversation_id)
    mine = and_(_M.id == before_mission, _M.user_id == user_id, _M.id.in_(shown))
    mission = connection.execute(select(_M.number, _M.conversation_id).where(mine)).one_or_none()
    if mission is None:
        raise _no_such()
    _check_at_rest(connection, shown, mission.number)
    parent, number = _place(connection, mission.conversation_id, mission.number)
    _check_depth(connection, parent)
    seen = connection.execute(select(_C.title, _C.step_mode, _C.temporary).where(_C.id == conversation_id)).one()
    at: datetime = new["at"]
    row = {"id": new["id"], "user_id": user_id, "created_at": at, "updated_at": at, "step_mode": seen.step_mode}
    row |= {"title": "" if new["retitled"] else _numbered(connection, user_id, seen.title)}
    row |= {"temporary": seen.temporary}
    connection.execute(insert(tables.conversations), row | {"branch_of": parent, "branch_before": number})
    _give_again(connection, before_mission, new["id"], at)


def _check_at_rest(connection: Connection, shown: Any, number: int) -> None:
    at_work = and_(_M.id.in_(shown), _M.number < number, _M.status.not_in([s.value for s in RESTING]))
    if connection.execute(select(_M.id).where(at_work).limit(1)).first():
        raise Conflict("An earlier message is still being worked on. Wait for its answer, or stop it; then try again.")


def _place(connection: Connection, owner: str, number: int) -> tuple[str, int]:
    """Say where a branch hangs. What begins a branch is an other version of what began it in its parent: both hang there."""
    row = connection.execute(select(_C.branch_of, _C.branch_before).where(_C.id == owner)).one()
    first = connection.execute(select(func.min(_M.number)).where(_M.conversation_id == owner)).scalar_one()
    if row.branch_of is not None and number == first:
        return str(row.branch_of), int(row.branch_before)
    return owner, number


def _check_depth(connection: Connection, parent: str) -> None:
    deepest = connection.execute(select(func.max(lineage(parent).c.depth))).scalar_one()
    if deepest + 1 >= DEEPEST:
        raise Conflict(
            f"This is a branch of a branch {DEEPEST} times over, which is the most. Begin a new conversation."
        )


def _numbered(connection: Connection, user_id: str, title: str) -> str:
    if not title:
        return ""
    base = re.sub(r" \(\d+\)$", "", title)
    alike = select(_C.title).where(_C.user_id == user_id, _C.title.startswith(base, autoescape=True))
    taken = set(connection.execute(alike).scalars())
    return next(name for n in range(2, len(taken) + 3) if (name := f"{base} ({n})") not in taken)


def _give_again(connection: Connection, mission_id: str, conversation_id: str, at: datetime) -> None:
    """Give the files of a mission in another conversation too: the same contents under ids of their own, to be read anew."""
    given = tables.attachments
    fields = ("name", "hash", "size", "mime")
    rows = connection.execute(select(given).where(given.c.mission_id == mission_id)).mappings().all()
    here = {"conversation_id": conversation_id, "status": "received", "created_at": at}
    again = [
        {name: row[name] for name in fields} | here | {"id": derived_id(conversation_id, row["id"])} for row in rows
    ]
    if again:
        connection.execute(insert(given), again)


def hand_over(connection: Connection, conversation_id: str) -> None:
    """Give what a conversation shares with its branches to one of them, so that it can be deleted without harm to any.

    The branch that shares most becomes the parent of the others, and takes this one's place below its own parent.
    """
    row = connection.execute(select(_C.branch_of, _C.branch_before).where(_C.id == conversation_id)).one()
    place = {"branch_of": row.branch_of, "branch_before": row.branch_before}
    children = _C.branch_of == conversation_id
    longest = select(_C.id, _C.branch_before).where(children, _ALIVE).order_by(_C.branch_before.desc(), _C.id)
    heir = connection.execute(longest.limit(1)).one_or_none()
    if heir is None:
        connection.execute(update(tables.conversations).where(children).values(**place))
        return
    moved = select(_M.id).where(_M.conversation_id == conversation_id, _M.number < heir.branch_before)
    ids = list(connection.execute(moved).scalars())
    _move(connection, conversation_id, heir.id, ids)
    connection.execute(update(tables.conversations).where(children).values(branch_of=heir.id))
    connection.execute(update(tables.conversations).where(_C.id == heir.id).values(**place))


def _move(connection: Connection, old: str, new: str, missions: list[str]) -> None:
    files, passages, memories = tables.attachments.c, tables.passages.c, tables.memories.c
    given = select(files.id).where(files.mission_id.in_(missions))
    kept = select(memories.id).where(memories.mission_id.in_(missions))
    turns = [turn_id(mission, part) for mission in missions for part in TURN]
    about = or_(passages.origin_id.in_(given), passages.origin_id.in_(kept), passages.origin_id.in_(turns))
    of_old = and_(passages.conversation_id == old, about)
    # Their vectors name the conversation too, so they are made anew.
    connection.execute(update(tables.passages).where(of_old).values(conversation_id=new, embedded_by=""))
    # Where a branch was made while the index forgot the old conversation already, its files are read once more.
    unread = and_(
        files.mission_id.in_(missions), files.status == "indexed", files.id.not_in(select(passages.origin_id))
    )
    connection.execute(update(tables.attachments).where(unread).values(status="received"))
    for table in (tables.messages, tables.attachments, tables.search_entries):
        theirs = and_(table.c.conversation_id == old, table.c.mission_id.in_(missions))
        connection.execute(update(table).where(theirs).values(conversation_id=new))
    connection.execute(update(tables.memories).where(memories.mission_id.in_(missions)).values(conversation_id=new))
    lines = [run_id(mission) for mission in missions]
    connection.execute(update(tables.feedback).where(tables.feedback.c.for_id.in_(lines)).values(conversation_id=new))
    connection.execute(update(tables.missions).where(_M.id.in_(missions)).values(conversation_id=new))


def find_forks(connection: Connection, conversation_id: str) -> list[Fork]:
    """List where other conversations go on differently from what this one shows, in order of place, then of age."""
    line = connection.execute(select(lineage(conversation_id))).all()
    until = {row.id: row.until for row in line}
    parents = [row.branch_of for row in line if row.branch_of in until and _goes_on(connection, row)]
    begins = {row.branch_of: row.branch_before for row in line}
    ids = _C.id.in_(parents) | (_C.branch_of.in_(until) & _ALIVE & _C.id.not_in(until))
    forks: list[tuple[int, bool, Fork]] = []
    for other in connection.execute(select(tables.conversations).where(ids).order_by(_C.created_at, _C.id)):
        origin = other.id in until
        place = begins[other.id] if origin else other.branch_before
        if not origin and until[other.branch_of] is not None and place > until[other.branch_of]:
            continue  # it branched from what is not in view here
        first = select(_M.id).where(_M.id.in_(in_view(conversation_id)), _M.number >= place).order_by(_M.number)
        if mission := connection.execute(first.limit(1)).scalar_one_or_none():
            fork = Fork(mission_id=mission, conversation_id=other.id, title=other.title, origin=origin)
            forks.append((place, not origin, fork))
    return [fork for _, _, fork in sorted(forks, key=lambda found: found[:2])]


def _goes_on(connection: Connection, branch: Any) -> bool:
    """Say whether a branch's parent has missions of its own after the branch: after a deletion it may have none."""
    later = (_M.conversation_id == branch.branch_of) & (_M.number >= branch.branch_before)
    return connection.execute(select(_M.id).where(later).limit(1)).first() is not None


def run_id(mission_id: str) -> str:
    """Name the line in the chat that holds all work on a mission; opinions on its answer are kept under it."""
    return derived_id(mission_id, "run")


def _no_such() -> NotFound:
    return NotFound("There is no such message in this conversation.")
