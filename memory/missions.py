"""Missions as they stand: accepted once, attempted, and found again after a restart."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, insert, select, update

from core.errors import NotFound
from core.events import MissionAccepted
from core.missions import RESTING, Mission, Priority, Status, Value, now
from memory import tables
from memory.conversations import open_conversation
from memory.database import Database
from memory.entries import add_message
from memory.event_rows import add_rows, from_row
from memory.forgetting import forget_work
from memory.lineage import in_view
from memory.projections import check_change
from memory.signals import WORK


class MissionRow(Value):
    """A mission and where it stands."""

    mission: Mission
    status: Status
    attempt: int = 0
    started_at: datetime | None = None
    ended_at: datetime | None = None
    problem: str = ""


class Missions:
    """Keeps missions; their end is written by the journal, together with the event that says so."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def accept(self, mission: Mission, message_id: str, title: str) -> bool:
        """Store a mission with the user's message and the first event, safe against a power cut when this returns.

        False if it was accepted before (nothing is changed then). Raises NotFound if the conversation or one of the
        attachments is not this user's.
        """

        def work(connection: Connection) -> bool:
            accepted = accept_mission(connection, mission, message_id, title)
            self._database.signals.tell_others(connection, WORK)
            return accepted

        return await self._database.apply(work, durable=True)

    async def get(self, mission_id: str, user_id: str | None = None) -> MissionRow:
        """Return one mission; raises NotFound if there is none, or if it is not this user's."""
        query = _MISSIONS.where(_M.id == mission_id)
        rows = await self._rows(query if user_id is None else query.where(_M.user_id == user_id))
        if not rows:
            raise NotFound("There is no such mission.")
        return rows[0]

    async def unfinished(self) -> list[MissionRow]:
        """List the missions somebody must work on, oldest first."""
        resting = [status.value for status in RESTING]
        return await self._rows(_MISSIONS.where(_M.status.not_in(resting)).order_by(_M.created_at))

    async def of_conversation(self, conversation_id: str) -> list[MissionRow]:
        """List the missions of one conversation, in the order they were accepted."""
        return await self._rows(_MISSIONS.where(_M.conversation_id == conversation_id).order_by(_M.number))

    async def in_view(self, conversation_id: str) -> list[MissionRow]:
        """List the missions a conversation shows, oldest first: its own, and before them those it shares with other branches."""
        return await self._rows(_MISSIONS.where(_M.id.in_(in_view(conversation_id))).order_by(_M.number))

    async def recent(
        self, user_id: str | None, limit: int, *, status: Sequence[Status] = (), beginning: str = ""
    ) -> list[MissionRow]:
        """List the newest missions, of one user or (None) of everyone, newest first.

        Only those in one of these statuses (if any), and only those whose id begins like this.
        """
        query = _MISSIONS.order_by(_M.created_at.desc(), _M.number.desc()).limit(limit)
        if status:
            query = query.where(_M.status.in_([s.value for s in status]))
        if beginning:
            query = query.where(_M.id.startswith(beginning, autoescape=True))
        return await self._rows(query if user_id is None else query.where(_M.user_id == user_id))

    async def waiting_in(self, conversation_id: str) -> MissionRow | None:
        """Return the newest mission of a conversation that waits for an answer of the user."""
        waiting = (_M.conversation_id == conversation_id) & (_M.status == Status.WAITING_ANSWER.value)
        rows = await self._rows(_MISSIONS.where(waiting).order_by(_M.created_at.desc()).limit(1))
        return rows[0] if rows else None

    async def start_attempt(self, mission_id: str) -> int:
        """Begin (again) to work on a mission and return the attempt's number, from 1; writers of older attempts are shut out.

        Raises NotFound, or Conflict if the mission is at its end.
        """
        return await self._database.apply(lambda c: start_attempt(c, mission_id))

    async def at_work_in(self, conversation_id: str) -> str | None:
        """Name the mission somebody works on in a conversation."""
        query = select(_M.id).where(
            _M.conversation_id == conversation_id, _M.status == Status.IN_PROGRESS.value, _M.owner.is_not(None)
        )
        rows = await self._database.rows(query.limit(1))
        return rows[0].id if rows else None

    async def forget_work(self, mission_id: str) -> None:
        """Forget where a mission stood that is not there any more."""
        await self._database.apply(lambda connection: forget_work(connection, mission_id))

    async def _rows(self, query: Select[Any]) -> list[MissionRow]:
        return [_row(row._mapping) for row in await self._database.rows(query)]


TERMS = {"origin", "step_mode", "unattended", "cost", "choices"}
"""What a person agreed for one mission; kept together as JSON."""

_M = tables.missions.c
_FIRST_EVENT = (tables.events.c.mission_number == _M.number) & (tables.events.c.seq == 1)
_MISSIONS = select(tables.missions, tables.events.c.kind, tables.events.c.data).select_from(
    tables.missions.outerjoin(tables.events, _FIRST_EVENT)
)


def _row(row: Any) -> MissionRow:
    accepted = from_row(row["id"], 1, row["kind"], row["data"]) if row["data"] is not None else None
    mission = Mission(
        id=row["id"],
        conversation_id=row["conversation_id"],
        user_id=row["user_id"],
        goal=row["goal"],
        attachments=accepted.attachments if isinstance(accepted, MissionAccepted) else (),
        priority=Priority(row["priority"]),
        created_at=row["created_at"],
        **json.loads(row["terms"]),
    )
    return MissionRow(
        mission=mission,
        status=Status(row["status"]),
        attempt=row["attempt"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        problem=row["problem"],
    )


def accept_mission(connection: Connection, mission: Mission, message_id: str, title: str) -> bool:
    """Store a mission as part of this transaction; False if it was there before."""
    owner = connection.execute(select(_M.user_id).where(_M.id == mission.id)).scalar_one_or_none()
    if owner is not None:
        if owner != mission.user_id:
            raise NotFound("There is no such mission.")
        return False
    open_conversation(connection, mission.conversation_id, mission.user_id, mission.created_at, title)
    row = mission.model_dump(exclude={"attachments", "priority", *TERMS})
    row |= {"priority": mission.priority.value, "status": Status.PENDING.value, "attempt": 0, "problem": ""}
    row |= {"terms": mission.model_dump_json(include=TERMS, exclude_defaults=True), "queued_at": mission.created_at}
    number = connection.execute(insert(tables.missions).returning(_M.number), row).scalar_one()
    message = {
        "id": message_id,
        "conversation_id": mission.conversation_id,
        "mission_id": mission.id,
        "author": "user",
        "text": mission.goal,
        "created_at": mission.created_at,
    }
    connection.execute(insert(tables.messages), message)
    add_message(connection, message)
    _link(connection, mission)
    accepted = MissionAccepted(
        mission_id=mission.id,
        seq=1,
        conversation_id=mission.conversation_id,
        goal=mission.goal,
        attachments=mission.attachments,
        priority=mission.priority,
    )
    add_rows(connection, number, [accepted])
    return True


def _link(connection: Connection, mission: Mission) -> None:
    """Tie received files to the mission they were first given with."""
    attachments = tables.attachments
    ids: Sequence[str] = list({attachment.id for attachment in mission.attachments})
    if not ids:
        return
    here = attachments.c.id.in_(ids) & (attachments.c.conversation_id == mission.conversation_id)
    if len(connection.execute(select(attachments.c.id).where(here)).all()) != len(ids):
        raise NotFound("One of the files is not in this conversation.")
    free = here & attachments.c.mission_id.is_(None)
    connection.execute(update(attachments).where(free).values(mission_id=mission.id))


def find_mission(connection: Connection, mission_id: str) -> MissionRow:
    """Return one mission as this transaction sees it; raises NotFound."""
    found = connection.execute(_MISSIONS.where(_M.id == mission_id)).mappings().one_or_none()
    if found is None:
        raise NotFound("There is no such mission.")
    return _row(found)


def start_attempt(connection: Connection, mission_id: str, **more: Any) -> int:
    """Count one more attempt and put the mission to work; `more` are columns to change with it."""
    which = _M.id == mission_id
    wanted = select(_M.status, _M.attempt, _M.started_at).where(which).with_for_update()
    found = connection.execute(wanted).one_or_none()
    if found is None:
        raise NotFound("There is no such mission.")
    check_change("mission", Status(found.status), Status.IN_PROGRESS)
    attempt = int(found.attempt) + 1
    begun = {
        "status": Status.IN_PROGRESS.value,
        "attempt": attempt,
        "started_at": found.started_at or now(),
        "problem": "",
    }
    connection.execute(update(tables.missions).where(which).values(**begun, **more))
    return attempt
