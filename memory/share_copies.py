"""A conversation begun with what was said in another: the words only, as missions that have ended already."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select, update

from core.events import MissionEnded, MissionStarted
from core.missions import Mission, Source, Status, Value, derived_id, now
from memory import tables
from memory.database import Database
from memory.event_rows import add_rows
from memory.missions import accept_mission, start_attempt
from memory.projections import project
from memory.snapshots import SharedMessage, Snapshot

TURNS = 200
"""Messages that a copy begins with: the newest."""


class Turn(Value):
    """What somebody said, and what was answered."""

    said: str
    answer: str
    sources: tuple[Source, ...] = ()


def turns_of(snapshot: Snapshot) -> list[Turn]:
    """Pair what was said with what was answered, oldest first."""
    turns: list[Turn] = []
    for message in snapshot.messages:
        if message.author == "user":
            turns.append(Turn(said=message.text, answer=""))
        elif turns:
            turns[-1] = _answered(turns[-1], message)
    return [t for t in turns if t.said.strip()][-TURNS:]


def _answered(turn: Turn, message: SharedMessage) -> Turn:
    sources = tuple(Source(file=s.file, quote=s.quote) for s in message.sources)
    answer = "\n\n".join(part for part in (turn.answer, message.text) if part)
    return turn.model_copy(update={"answer": answer, "sources": turn.sources + sources})


class Copies:
    """Makes such conversations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def begin(self, conversation_id: str, user_id: str, title: str, turns: Sequence[Turn]) -> None:
        """Begin a conversation of this user with these turns, all of it or nothing; the same id twice is one conversation.

        Raises NotFound if the id is another person's.
        """

        def work(connection: Connection) -> None:
            for number, turn in enumerate(turns):
                mission = Mission(
                    id=derived_id(conversation_id, str(number)),
                    conversation_id=conversation_id,
                    user_id=user_id,
                    goal=turn.said,
                    created_at=now(),
                    origin="copy",
                )
                _add(connection, mission, title, turn)

        await self._database.apply(work, durable=True)


def _add(connection: Connection, mission: Mission, title: str, turn: Turn) -> None:
    mission_id = mission.id
    if not accept_mission(connection, mission, derived_id(mission_id, "goal"), title):
        return
    attempt = start_attempt(connection, mission_id)
    which = tables.missions.c.id == mission_id
    number = connection.execute(select(tables.missions.c.number).where(which)).scalar_one()
    begun = MissionStarted(mission_id=mission_id, seq=2, attempt=attempt)
    ended = MissionEnded(
        mission_id=mission_id,
        seq=3,
        attempt=attempt,
        status=Status.COMPLETED,
        answer=turn.answer,
        sources=turn.sources,
    )
    add_rows(connection, number, [begun, ended])
    project(connection, [begun, ended])
    # Somebody else's words, whatever they were made of: operators who read them later are careful.
    connection.execute(update(tables.missions).where(which).values(tainted=True))
