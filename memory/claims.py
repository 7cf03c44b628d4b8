"""Which mission is worked on next, by whom: claims that survive their process, priorities that age, fairness between users."""

from __future__ import annotations

import os
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, and_, bindparam, delete, func, insert, or_, select, true, update

from core.missions import ENDED, RANK, RESTING, Priority, Status, new_id, now
from core.steering import OrderKind
from memory import tables
from memory.columns import Moment
from memory.database import Database
from memory.missions import MissionRow, find_mission, start_attempt

_M, _W, _O, _E = tables.missions.c, tables.workers.c, tables.orders.c, tables.events.c
LONGEST_PAUSE = timedelta(minutes=1)
"""No mission at work is put down for longer; a later time was told by a clock that has been set back since."""
FORGOTTEN_SECONDS = 86_400.0
"""Silence after which a worker's row is removed; it counts as lost long before."""
_ONE_AT_A_TIME = "LOCK TABLE workers IN SHARE UPDATE EXCLUSIVE MODE"
"""Claims wait for each other and for nothing else; the one statement that can wait before the transaction's snapshot is taken."""
_FINISHED_CALLS = ("model_replied", "tool_returned")
_COLUMNS = (
    _M.number, _M.id, _M.user_id, _M.conversation_id, _M.priority, _M.status, _M.owner, _M.lost, _M.created_at,
    _M.queued_at, _M.wake_at,
)  # fmt: skip
AT_REST = tuple(s.value for s in RESTING - ENDED)


@dataclass(frozen=True)
class Rules:
    """How missions are chosen: places per user, losses after which one is given up, seconds that count as one priority."""

    per_user: int
    attempts: int
    ageing_seconds: float
    lease_seconds: float


@dataclass(frozen=True)
class Claim:
    """A mission that this worker has now; `gave_up` is set if too many processes were lost over it."""

    row: MissionRow
    gave_up: str = ""
    alone: bool = False  # it lost processes before: nothing else may run beside it


@dataclass
class Queue:
    """The missions that wait for work, as one worker sees them.

    With `shared` False this process is the only one that works on the database (the folder's lock says so), and every
    other worker on record is gone; with True other workers live as long as they beat.
    """

    database: Database
    rules: Rules
    shared: bool = False
    worker: str = field(default_factory=new_id)

    async def join(self) -> None:
        """Put this worker on record."""
        await self.database.apply(self._join)

    async def leave(self) -> None:
        """Take this worker off the record; missions it still has are taken up by others."""
        await self.database.apply(lambda c: c.execute(delete(tables.workers).where(_W.id == self.worker)) and None)

    async def beat(self) -> None:
        """Say that this worker is alive."""
        await self.database.apply(
            lambda c: (
                c.execute(update(tables.workers).where(_W.id == self.worker).values(beat_at=self._clock(c))) and None
            )
        )

    async def claim(self, busy: int = 0) -> Claim | None:
        """Take the mission whose turn it is, for this worker; None if there is none. `busy` counts what it already has."""
        found = await self.look(busy)
        return found if isinstance(found, Claim) else None

    async def look(self, busy: int = 0) -> Claim | float | None:
        """The same; but if there is none, say in how many seconds one is to be taken up at a time of its own (None: never)."""
        return await self.database.apply(lambda c: self._claim(c, busy) or _next_wake(c))

    async def claim_this(self, mission_id: str) -> Claim | None:
        """Take one mission out of turn; None if it has ended or somebody works on it."""
        return await self.database.apply(lambda c: self._claim_this(c, mission_id))

    async def put_down(self, mission_id: str, attempt: int, *, pause: float = 0.0, lost: bool = False) -> None:
        """Let go of an unfinished mission, to be taken up by whoever is free after `pause` seconds.

        `lost` counts the attempt as if its process had been lost.
        """
        mine = (_M.id == mission_id) & (_M.attempt == attempt) & (_M.owner == self.worker)
        values: dict[str, Any] = {"owner": None, "wake_at": now() + timedelta(seconds=pause) if pause else None}
        if lost:
            values["lost"] = _M.lost + 1
        await self.database.apply(lambda c: c.execute(update(tables.missions).where(mine).values(**values)) and None)

    async def ordered(self) -> list[tuple[str, OrderKind]]:
        """List the orders nobody has taken up yet: to which mission, and what."""
        query = select(_O.mission_id, _O.kind).where(_O.taken_at.is_(None)).order_by(_O.number)
        return [(row.mission_id, OrderKind(row.kind)) for row in await self.database.rows(query)]

    async def owner(self, mission_id: str) -> str | None:
        """Name the worker that has a mission."""
        rows = await self.database.rows(select(_M.owner).where(_M.id == mission_id))
        return rows[0].owner if rows else None

    def _clock(self, connection: Connection) -> Any:
        if connection.dialect.name == "postgresql":
            return func.extract("epoch", func.clock_timestamp())
        return time.time()

    def _join(self, connection: Connection) -> None:
        longest = self._clock(connection) - FORGOTTEN_SECONDS
        connection.execute(delete(tables.workers).where(_W.beat_at < longest if self.shared else true()))
        about = {"id": self.worker, "host": socket.gethostname(), "pid": os.getpid(), "started_at": now()}
        connection.execute(insert(tables.workers).values(**about, beat_at=self._clock(connection)))

    def _alive(self, connection: Connection) -> set[str]:
        if not self.shared:
            return {self.worker}
        lively = _W.beat_at > self._clock(connection) - self.rules.lease_seconds
        return {self.worker, *connection.execute(select(_W.id).where(lively)).scalars()}

    def _claim(self, connection: Connection, busy: int) -> Claim | None:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(_ONE_AT_A_TIME)
        rows, alive = connection.execute(_candidates(now())).all(), self._alive(connection)
        chosen = choose(rows, alive, self.worker, self.rules, busy=busy, served=lambda u: _served(connection, u))
        return None if chosen is None else self._take(connection, chosen)

    def _claim_this(self, connection: Connection, mission_id: str) -> Claim | None:
        row = connection.execute(select(*_COLUMNS).where(_M.id == mission_id).with_for_update()).one_or_none()
        if row is None or Status(row.status) in ENDED:
            return None
        if row.status == Status.IN_PROGRESS.value and row.owner in self._alive(connection):
            return None
        return self._take(connection, row)

    def _take(self, connection: Connection, chosen: Any) -> Claim:
        lost = int(chosen.lost)
        if chosen.status == Status.IN_PROGRESS.value and chosen.owner is not None:
            lost = 1 if _got_on(connection, chosen.number) else lost + 1
        start_attempt(connection, chosen.id, owner=self.worker, lost=lost, wake_at=None)
        row = find_mission(connection, chosen.id)
        if lost < self.rules.attempts:
            return Claim(row, alone=_alone(lost, self.rules))
        times = "once" if lost == 1 else f"{lost} times in a row"
        return Claim(row, f"The work on this mission broke off {times} without getting further, so it was given up.")


_NEXT_WAKE = (  # one whose time has come but that has no place yet is found when a place becomes free
    select(_M.wake_at)
    .where(_M.wake_at > bindparam("at", type_=Moment), _M.owner.is_(None))
    .order_by(_M.wake_at)
    .limit(1)
)


def _next_wake(connection: Connection) -> float | None:
    at = now()
    earliest = connection.execute(_NEXT_WAKE, {"at": at}).scalar_one_or_none()
    return None if earliest is None else (earliest - at).total_seconds()


def _alone(lost: int, rules: Rules) -> bool:
    return lost > 0 and lost >= rules.attempts - 1


def _candidates(at: datetime) -> Any:
    """Find the missions at work and those that wait: new, left behind, ordered something while at rest, or to be woken."""
    ordered = select(_O.mission_id).where(_O.taken_at.is_(None))
    working = _M.status.in_((Status.PENDING.value, Status.IN_PROGRESS.value))
    at_rest = _M.status.in_(AT_REST)
    wanted = or_(working, and_(at_rest, _M.id.in_(ordered)), and_(at_rest, _M.wake_at <= at))
    return select(*_COLUMNS).where(wanted)


def _served(connection: Connection, user_id: str) -> str:
    found = connection.execute(select(func.max(_M.started_at)).where(_M.user_id == user_id)).scalar_one_or_none()
    return found.isoformat() if isinstance(found, datetime) else str(found or "")


def _got_on(connection: Connection, number: int) -> bool:
    """Say whether the attempt that was lost had finished a call: then the mission is no danger to its process."""
    begun = select(func.max(_E.seq)).where(_E.mission_number == number, _E.kind == "mission_started").scalar_subquery()
    since = select(_E.seq).where(_E.mission_number == number, _E.seq > begun, _E.kind.in_(_FINISHED_CALLS)).limit(1)
    return connection.execute(since).first() is not None


def choose(
    rows: Sequence[Row[Any]], alive: set[str], worker: str, rules: Rules, *, busy: int, served: Any
) -> Row[Any] | None:
    """Choose the next mission: interrupted ones first, then by priority and waiting time, then fairly between users.

    Never two at work in one conversation, nor more of one user than there are places for each. A mission that was at work
    when processes were lost runs alone.
    """
    working = [r for r in rows if r.status == Status.IN_PROGRESS.value and r.owner in alive]
    if any(_alone(r.lost, rules) and r.owner == worker for r in working):
        return None
    running = Counter(r.user_id for r in working)
    taken = {r.conversation_id for r in working}
    held = {r.id for r in working}
    at = now()
    free = [r for r in rows if r.id not in held and r.conversation_id not in taken and _is_due(r, at)]
    if busy and any(_alone(r.lost, rules) for r in free):
        return None  # wait until the others are done
    free = [r for r in free if running[r.user_id] < rules.per_user]
    firsts: dict[str, Row[Any]] = {}
    for row in sorted(free, key=lambda r: (r.status == Status.PENDING.value, r.created_at)):
        firsts.setdefault(row.conversation_id, row)
    waiting = list(firsts.values())
    several = len({r.user_id for r in waiting}) > 1
    last = {user: served(user) if several else "" for user in {r.user_id for r in waiting}}

    def order(row: Row[Any]) -> tuple[Any, ...]:
        return (
            row.status == Status.PENDING.value,
            _level(row, at, rules.ageing_seconds),
            running[row.user_id],
            last[row.user_id],
            row.queued_at or row.created_at,
        )

    return min(waiting, key=order, default=None)


def _is_due(row: Row[Any], at: datetime) -> bool:
    pausing = row.wake_at is not None and at < row.wake_at <= at + LONGEST_PAUSE
    return row.status in AT_REST or not pausing


def _level(row: Row[Any], at: datetime, ageing_seconds: float) -> int:
    """Count the priority down by one for each stretch of waiting, so that nothing waits forever."""
    waited = max((at - (row.queued_at or row.created_at)).total_seconds(), 0.0)
    return RANK[Priority(row.priority)] - int(waited // ageing_seconds)
