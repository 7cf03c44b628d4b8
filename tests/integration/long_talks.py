"""Conversations of many missions, stored at once: one that was played, again and again under other ids."""

from __future__ import annotations

from sqlalchemy import Connection, select

from core.events import Event, MissionAccepted
from core.missions import Mission, new_id, now
from memory.database import Database
from memory.event_rows import add_rows
from memory.missions import accept_mission, start_attempt
from memory.projections import project
from memory.tables import missions


async def fill(database: Database, user_id: str, talk: str, goals: list[str], events: list[Event]) -> list[str]:
    """Store a mission for each goal and return their ids; its message has the id of the mission."""
    found = []
    for goal in goals:
        mission = Mission(id=new_id(), conversation_id=talk, user_id=user_id, goal=goal, created_at=now())
        await database.apply(lambda c, m=mission: _store(c, m, events))  # type: ignore[misc]
        found.append(mission.id)
    return found


def _store(connection: Connection, mission: Mission, events: list[Event]) -> None:
    theirs = [e.model_copy(update={"mission_id": mission.id}) for e in events if not isinstance(e, MissionAccepted)]
    accept_mission(connection, mission, mission.id, mission.goal)
    start_attempt(connection, mission.id)
    number = connection.execute(select(missions.c.number).where(missions.c.id == mission.id)).scalar_one()
    add_rows(connection, number, theirs)
    project(connection, theirs)
