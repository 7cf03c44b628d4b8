"""A conversation that came as a file, put beside the others: all of it at rest, and none of it anybody's decision here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select, update

from core.errors import BadInput, Conflict, NotFound
from core.events import ArtifactMade, Event, MissionAccepted, MissionEnded, MissionStarted
from core.missions import ENDED, Mission, Status, derived_id, now
from core.steering import OrderGiven
from memory import audit, tables
from memory.conversations import open_conversation
from memory.database import Database
from memory.event_rows import add_rows, to_data
from memory.export_format import IMPORTED, ExportedConversation, ExportedMission, ExportedOpinion
from memory.missions import accept_mission
from memory.opinion_places import Place, Places
from memory.opinions import about_imported
from memory.projections import project
from memory.uploads import Room, Used, check_room_for, used_by

_M = tables.missions.c


class Imports:
    """Writes such conversations. Their ids must be new ones: `graphs.importing` has given them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, conversation_id: str, user_id: str, given: ExportedConversation, room: Room) -> None:
        """Begin a conversation of this user with all that is given, or nothing of it; `room` is how much they may keep.

        Missions that had not ended are stopped: nothing of them goes on here. No approval, order, memory, ledger row or undo comes
        along, and operators who read it later are careful. Raises BadInput if the history contradicts itself, or has no room.
        """
        where, more = audit.came_from.get(), takes(given)
        opinions = await asyncio.to_thread(placed, given)

        def work(connection: Connection) -> None:
            check_room_for(used_by(connection, user_id), more, room)
            open_conversation(connection, conversation_id, user_id, given.created_at, given.title)
            _add_files(connection, conversation_id, given)
            for mission in given.missions:
                _add_mission(connection, conversation_id, user_id, given.title, mission)
            _add_artifacts(connection, given)
            about_imported(connection, conversation_id, user_id, opinions)
            here = tables.conversations.c.id == conversation_id
            connection.execute(update(tables.conversations).where(here).values(title=given.title, updated_at=now()))
            audit.put(connection, "imported", user_id, given.title, where=where, conversation=conversation_id)

        try:
            await self._database.apply(work, durable=True)
        except (Conflict, NotFound) as problem:
            raise BadInput(f"This file cannot be imported: its history contradicts itself. {problem}") from None


def takes(given: ExportedConversation) -> Used:
    """Say how much room the files of a conversation take."""
    return Used(files=len(given.files), bytes=sum(file.size for file in given.files))


def placed(given: ExportedConversation) -> list[tuple[ExportedOpinion, Place]]:
    """Find what each opinion is about; raises BadInput if the history has no such step."""
    missions = {m.id: m for m in given.missions}
    wanted = {opinion.mission_id for opinion in given.feedback}
    places = {mission_id: Places(mission_id, missions[mission_id].events) for mission_id in wanted}
    found = [(opinion, places[opinion.mission_id].of(opinion.step)) for opinion in given.feedback]
    if missing := [o.step for o, place in found if place is None]:
        raise BadInput(
            f"This file cannot be imported: an opinion is about {missing[0][:80]!r}, and there is no such step."
        )
    return [(opinion, place) for opinion, place in found if place is not None]


def _add_files(connection: Connection, conversation_id: str, given: ExportedConversation) -> None:
    # Received, not read: they are read anew when somebody goes on here, and nothing is believed about them.
    more = {"conversation_id": conversation_id, "status": "received", "mission_id": None}
    rows = [a.model_dump(exclude={"use"}) | more for a in given.attachments]
    uses = [{"attachment_id": a.id, "chosen": a.use} for a in given.attachments if a.use]
    if rows:
        connection.execute(insert(tables.attachments), rows)
    if uses:
        connection.execute(insert(tables.file_uses), uses)


def _add_mission(
    connection: Connection, conversation_id: str, user_id: str, title: str, exported: ExportedMission
) -> None:
    first, *rest = exported.events
    assert isinstance(first, MissionAccepted)  # `export_format.wrong` has looked
    mission = Mission(
        id=exported.id,
        conversation_id=conversation_id,
        user_id=user_id,
        goal=first.goal,
        attachments=first.attachments,
        priority=exported.priority,
        created_at=exported.created_at,
        origin=IMPORTED,
    )
    if not accept_mission(connection, mission, derived_id(mission.id, "goal"), title):
        raise Conflict("It was imported already.")
    which = _M.id == mission.id
    number = connection.execute(select(_M.number).where(which)).scalar_one()
    connection.execute(
        update(tables.events).where(tables.events.c.mission_number == number).values(data=to_data(first))
    )
    events = [*rest, *_end(exported)]
    add_rows(connection, number, events)
    for event in events:
        _carry_over(connection, event)
    began = next((e.at for e in events if isinstance(e, MissionStarted)), None)
    attempt = max(e.attempt for e in exported.events)
    rest_of_row: dict[str, Any] = {"started_at": began, "attempt": attempt, "queued_at": None, "wake_at": None}
    # Somebody else's words, whatever they were made of: operators who read them later are careful.
    connection.execute(update(tables.missions).where(which).values(tainted=True, owner=None, **rest_of_row))


def _end(exported: ExportedMission) -> Sequence[Event]:
    """Stop a mission that had not ended where it comes from."""
    last = next((e for e in reversed(exported.events) if isinstance(e, MissionEnded)), None)
    if last is not None and last.status in ENDED:
        return ()
    newest = exported.events[-1]
    return (
        MissionEnded(
            mission_id=exported.id,
            seq=newest.seq + 1,
            at=newest.at,
            attempt=newest.attempt,
            status=Status.CANCELLED,
            problem="It had not ended when it was exported.",
        ),
    )


def _carry_over(connection: Connection, event: Event) -> None:
    """Carry an event over into the other tables, as far as that is only about what can be read."""
    match event:
        case ArtifactMade() | OrderGiven():
            return  # files stand in the export; an order is history, and takes up none of ours
        case MissionStarted():
            begun = {"status": Status.IN_PROGRESS.value}
            connection.execute(update(tables.missions).where(_M.id == event.mission_id).values(**begun))
        case _:
            project(connection, [event])


def _add_artifacts(connection: Connection, given: ExportedConversation) -> None:
    rows = [a.model_dump(exclude={"tags"}) for a in given.artifacts]
    tags = [{"artifact_id": a.id, "tag": tag} for a in given.artifacts for tag in dict.fromkeys(a.tags)]
    if rows:
        connection.execute(insert(tables.artifacts), rows)
    if tags:
        connection.execute(insert(tables.artifact_tags), tags)
