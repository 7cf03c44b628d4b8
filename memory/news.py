"""News: what happened in conversations while nobody looked, and how many things wait for a person."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, func, select, update

from core.events import Event, MissionEnded, QuestionAsked
from core.missions import ENDED, Status, Value, now
from core.steering import ApprovalRequested, AttentionNeeded, StepHeld
from memory import tables
from memory.database import Database

NEEDS_YOU = "needs_you"
MOST = 200
_C, _M, _E, _A = tables.conversations.c, tables.missions.c, tables.events.c, tables.approvals.c
_OF_MISSION = select(_M.conversation_id).where(_M.id == bindparam("of_mission")).scalar_subquery()
_NOTE = (
    update(tables.conversations)
    .where(_C.id == _OF_MISSION)
    .values(news=bindparam("what"), news_at=bindparam("happened_at"))
)
_SILENT = {Status.CANCELLED, Status.PAUSED, Status.PENDING, Status.IN_PROGRESS}
"""What a person ordered themselves, or what is under way, is no news."""
_UNENDED = [status.value for status in Status if status not in ENDED]


class News(Value):
    """The last thing that happened in a conversation and was not seen: completed, failed or needs_you."""

    conversation_id: str
    title: str
    what: str
    at: datetime


def tell_of(connection: Connection, event: Event) -> None:
    """Mark a conversation as unread if an event is news, as part of this transaction."""
    match event:
        case QuestionAsked() | ApprovalRequested() | AttentionNeeded() | StepHeld():
            word = NEEDS_YOU
        case MissionEnded(status=Status.COMPLETED | Status.FAILED as status):
            word = status.value
        case MissionEnded(status=status) if status not in _SILENT:
            word = NEEDS_YOU
        case _:
            return
    connection.execute(_NOTE, {"of_mission": event.mission_id, "what": word, "happened_at": event.at})


class NewsDesk:
    """Tells a person's news; of another's nothing is ever told."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def unread(self, user_id: str) -> list[News]:
        """List the conversations with something new, newest first."""
        unseen = _C.seen_at.is_(None) | (_C.seen_at < _C.news_at)
        query = select(_C.id, _C.title, _C.news, _C.news_at).where(
            _C.user_id == user_id, _C.news_at.is_not(None), unseen, _C.archived_at.is_(None)
        )
        rows = await self._database.rows(query.order_by(_C.news_at.desc()).limit(MOST))
        return [News(conversation_id=r.id, title=r.title, what=r.news, at=r.news_at) for r in rows]

    async def seen(self, conversation_id: str, user_id: str, unread: bool = False) -> bool:
        """Note that a person has a conversation before them (or with `unread`, wants it marked); False if it is not theirs."""
        which = (_C.id == conversation_id) & (_C.user_id == user_id)
        values = (
            {"seen_at": None, "news_at": func.coalesce(_C.news_at, _C.updated_at)} if unread else {"seen_at": now()}
        )

        def work(connection: Connection) -> bool:
            return connection.execute(update(tables.conversations).where(which).values(**values)).rowcount > 0

        return await self._database.apply(work)

    async def fingerprint(self, user_id: str) -> tuple[object, ...]:
        """Say briefly where the unended missions of a person stand: while it is the same, as much waits for them."""
        newest = select(func.max(_E.seq)).where(_E.mission_number == _M.number).scalar_subquery()
        missions = select(_M.number, newest).where(_M.user_id == user_id, _M.status.in_(_UNENDED)).order_by(_M.number)
        asked = select(func.count()).where(_A.user_id == user_id, _A.decided_at.is_(None))
        rows = [tuple(row) for row in await self._database.rows(missions)]
        [(many,)] = await self._database.rows(asked)
        return (*rows, many)
