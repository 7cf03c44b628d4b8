"""Schedules: goals that become missions again and again; a due time is taken once, whoever looks and whenever it dies."""

from __future__ import annotations

import asyncio
import builtins
import json
from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Select, delete, func, insert, select, update

from core.errors import BadInput, Conflict, NotFound
from core.missions import ENDED, Mission, Priority, Status, Value, derived_id, now
from memory import tables
from memory.database import Database
from memory.missions import accept_mission
from memory.preferences import Wishes, wishes_in_force

CHANGES = "schedules"
"""The topic of signals that say a schedule was added or changed by a person."""

MOST = 200
"""Schedules one person may have."""

ORIGIN = "schedule:"
"""Begins the origin of missions that come from a schedule; its id follows."""


class Schedule(Value):
    """A goal and when it is due (`cron` in `timezone`); its missions share one conversation.

    `missed`: what becomes of due times that passed while nothing ran. `overlap`: what becomes of a due time while an
    earlier mission has not ended. `unattended` and `cost` (US dollars): see Mission. `version` counts changes by people.
    """

    id: str
    user_id: str
    conversation_id: str
    name: str
    goal: str
    cron: str
    timezone: str
    missed: Literal["skip", "latest", "all"] = "latest"
    overlap: Literal["skip", "queue"] = "skip"
    unattended: Literal["park", "deny"] = "park"
    priority: Priority = Priority.MEDIUM
    cost: Decimal | None = None
    active: bool = True
    next_at: datetime | None = None
    last_at: datetime | None = None
    last_words: str = ""
    last_mission_id: str | None = None
    last_status: Status | None = None
    version: int = 1
    changed_by: str = ""
    changed_at: datetime
    created_at: datetime


class Standing(Value):
    """What is known at the moment a schedule is due: which of the asked missions exist, which of its have not ended, and what
    its person chose for theirs (`held`: every step of that conversation is)."""

    known: frozenset[str] = frozenset()
    unended: tuple[Status, ...] = ()
    wishes: Wishes = Wishes()
    held: bool = False


class Turn(Value):
    """What becomes of a due schedule: missions to accept, the next time (None: it is put aside), and why, in words."""

    missions: tuple[Mission, ...] = ()
    next_at: datetime | None
    words: str = ""


Standings = Callable[[Collection[str]], Standing]
Decide = Callable[[Schedule, Standings], Turn]


class Schedules:
    """Keeps schedules; nobody can read, change or remove another person's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self, user_id: str) -> list[Schedule]:
        """List a user's schedules: the one due next first, paused ones last."""
        rows = await self._rows(_SCHEDULES.where(_S.user_id == user_id))
        return sorted(rows, key=lambda s: (not s.active, s.next_at or s.created_at, s.created_at))

    async def get(self, schedule_id: str, user_id: str) -> Schedule:
        """Return one schedule; raises NotFound if there is none, or if it is not this user's."""
        rows = await self._rows(_SCHEDULES.where(_S.id == schedule_id, _S.user_id == user_id))
        if not rows:
            raise _no_such()
        return rows[0]

    async def add(self, schedule: Schedule) -> None:
        """Keep a new schedule; raises BadInput if its user has too many."""

        def work(connection: Connection) -> None:
            mine = select(func.count()).select_from(tables.schedules).where(_S.user_id == schedule.user_id)
            if connection.execute(mine).scalar_one() >= MOST:
                raise BadInput(f"You have {MOST} schedules, which is the most one can have. Remove one first.")
            row = schedule.model_dump(exclude={"last_status"}) | {"priority": schedule.priority.value}
            connection.execute(insert(tables.schedules), row)
            self._database.signals.notify(connection, CHANGES)

        await self._database.apply(work, durable=True)

    async def change(self, schedule_id: str, user_id: str, version: int, values: Mapping[str, Any]) -> None:
        """Change a schedule that nobody has changed since `version`; raises NotFound, or Conflict that names who did, and when."""

        def work(connection: Connection) -> None:
            _must_stand(connection, schedule_id, user_id, version)
            change = {**values, "version": version + 1, "changed_by": user_id, "changed_at": now()}
            connection.execute(update(tables.schedules).where(_S.id == schedule_id).values(**change))
            self._database.signals.notify(connection, CHANGES)

        await self._database.apply(work, durable=True)

    async def delete(self, schedule_id: str, user_id: str, version: int | None = None) -> None:
        """Remove a schedule (its missions stay); raises NotFound, or Conflict if it was changed since `version`."""

        def work(connection: Connection) -> None:
            _must_stand(connection, schedule_id, user_id, version)
            connection.execute(delete(tables.schedules).where(_S.id == schedule_id))

        await self._database.apply(work, durable=True)

    async def standing(self, schedule: Schedule) -> Standing:
        """Say what is known of a schedule's missions now."""
        return await self._database.apply(lambda c: _standing(c, schedule, ()))

    async def give(self, schedule: Schedule, mission: Mission, words: str, most: int) -> None:
        """Accept a mission of a schedule out of turn, once; raises Conflict if `most` of it have not ended."""

        def work(connection: Connection) -> None:
            standing = _standing(connection, schedule, [mission.id])
            if mission.id not in standing.known and len(standing.unended) >= most:
                raise Conflict(f"{most} missions of this schedule have not ended. Look at them first.")
            if accept_mission(connection, mission, derived_id(mission.id, "goal"), schedule.name):
                values = {"last_mission_id": mission.id, "last_at": mission.created_at, "last_words": words}
                connection.execute(update(tables.schedules).where(_S.id == schedule.id).values(**values))

        await self._database.apply(work, durable=True)

    def watching(self) -> AbstractContextManager[asyncio.Event]:
        """Lend an event that is set when a schedule was added or changed, by whatever process (see Signals)."""
        return self._database.signals.watching(CHANGES)

    async def next_due(self) -> datetime | None:
        """Return when the next schedule of anyone is due."""
        query = select(func.min(_S.next_at)).select_from(_HELD).where(_IN_FORCE)
        [(found,)] = await self._database.rows(query)
        return found  # type: ignore[no-any-return]

    async def claim(self, moment: datetime, decide: Decide) -> tuple[Schedule, Turn] | None:
        """Take up one schedule that is due: accept the missions `decide` asks for and move on, all in one transaction.

        Two who look at once never take the same due time; one who dies has either done all of it or nothing.
        Returns what was done (with those missions only that were not there before), or None if nothing is due.
        """
        return await self._database.apply(lambda c: _claim(c, moment, decide), durable=True)

    async def align(self, moment: datetime, upcoming: Callable[[Schedule], datetime]) -> int:
        """Correct next times that lie ahead of `moment` but are not `upcoming`: the clock or the zone's rules were changed.

        Due times already there are left alone. Returns how many were corrected.
        """

        def work(connection: Connection) -> int:
            ahead = select(tables.schedules).where(_S.active.is_(True), _S.next_at > moment).with_for_update()
            corrected = 0
            for schedule in [_schedule(row) for row in connection.execute(ahead).mappings()]:
                if (expected := upcoming(schedule)) != schedule.next_at:
                    change = update(tables.schedules).where(_S.id == schedule.id).values(next_at=expected)
                    connection.execute(change)
                    corrected += 1
            return corrected

        return await self._database.apply(work)

    async def _rows(self, query: Select[Any]) -> builtins.list[Schedule]:
        return [_schedule(row._mapping) for row in await self._database.rows(query)]


_S, _M, _U = tables.schedules.c, tables.missions.c, tables.users.c
_SCHEDULES = select(tables.schedules, _M.status.label("last_status")).select_from(
    tables.schedules.outerjoin(tables.missions, _M.id == _S.last_mission_id)
)
_HELD = tables.schedules.join(tables.users, _U.id == _S.user_id)
_IN_FORCE = _S.active.is_(True) & _U.active.is_(True)


def _schedule(row: Any) -> Schedule:
    return Schedule.model_validate(dict(row))


def _claim(connection: Connection, moment: datetime, decide: Decide) -> tuple[Schedule, Turn] | None:
    due = (
        select(tables.schedules)
        .select_from(_HELD)
        .where(_IN_FORCE, _S.next_at <= moment)
        .order_by(_S.next_at)
        .limit(1)
        .with_for_update(of=tables.schedules, skip_locked=True)
    )
    row = connection.execute(due).mappings().one_or_none()
    if row is None:
        return None
    schedule = _schedule(row)
    turn = decide(schedule, lambda ids: _standing(connection, schedule, ids))
    new = [m for m in turn.missions if accept_mission(connection, m, derived_id(m.id, "goal"), schedule.name)]
    values: dict[str, Any] = {"next_at": turn.next_at, "active": turn.next_at is not None}
    values |= {"last_words": turn.words} if turn.words else {}
    values |= {"last_at": moment, "last_mission_id": new[-1].id} if new else {}
    connection.execute(update(tables.schedules).where(_S.id == schedule.id).values(**values))
    return schedule, turn.model_copy(update={"missions": tuple(new)})


def _standing(connection: Connection, schedule: Schedule, ids: Collection[str]) -> Standing:
    known = connection.execute(select(_M.id).where(_M.id.in_(ids))).scalars()
    at_work = (_M.conversation_id == schedule.conversation_id) & _M.status.not_in([s.value for s in ENDED])
    found = connection.execute(select(_M.status, _M.terms).where(at_work).order_by(_M.created_at))
    ours = [Status(s) for s, terms in found if json.loads(terms).get("origin") == ORIGIN + schedule.id]
    conversations = tables.conversations.c
    held = connection.execute(select(conversations.step_mode).where(conversations.id == schedule.conversation_id))
    wishes = wishes_in_force(connection, schedule.user_id, schedule.conversation_id)
    return Standing(known=frozenset(known), unended=tuple(ours), wishes=wishes, held=bool(held.scalar_one_or_none()))


def _must_stand(connection: Connection, schedule_id: str, user_id: str, version: int | None) -> None:
    which = (_S.id == schedule_id) & (_S.user_id == user_id)
    row = connection.execute(select(tables.schedules).where(which).with_for_update()).mappings().one_or_none()
    if row is None:
        raise _no_such()
    if version in (None, row["version"]):
        return
    name = connection.execute(select(_U.name).where(_U.id == row["changed_by"])).scalar_one_or_none() or "Somebody"
    at = row["changed_at"].astimezone(ZoneInfo(row["timezone"]))
    raise Conflict(
        f"{name} changed this schedule on {at:%Y-%m-%d at %H:%M} ({row['timezone']}), after you opened it. "
        "Nothing of yours was saved. Open it again and repeat your change."
    )


def _no_such() -> NotFound:
    return NotFound("There is no such schedule.")
