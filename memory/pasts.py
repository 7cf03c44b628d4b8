"""What happened in a conversation, for those who work in it: messages, missions and steps, through filters only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Select, select

from core.events import Event, TaskEnded, TaskStarted, ToolCalled, ToolReturned
from core.memories import Past
from memory import tables
from memory.database import Database
from memory.event_rows import from_row
from memory.lineage import in_view

LOOKED_AT = 2_000
"""The newest rows of a kind that are searched."""
_M, _S, _E = tables.missions.c, tables.messages.c, tables.events.c
_STEPS = ("task_started", "tool_called", "tool_returned", "task_ended")


class Pasts:
    """Reads the past of a conversation of one user, with what it shares with the one it branched from."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_conversation(
        self,
        conversation_id: str,
        user_id: str,
        *,
        kind: Literal["messages", "missions", "steps"],
        text: str,
        mission: str,
        limit: int,
    ) -> Sequence[Past]:
        """Return the newest things of a kind, oldest first; `text` must stand in them, `mission` begins the id of theirs."""
        which = _M.id.in_(in_view(conversation_id)) & (_M.user_id == user_id)
        if mission:
            which &= _M.id.startswith(mission, autoescape=True)
        query, read = {
            "messages": (_messages(which), _message),
            "missions": (_missions(which), _mission),
            "steps": (_steps(which), _step),
        }[kind]
        wanted, found = text.casefold(), list[Past]()
        for row in await self._database.rows(query.limit(LOOKED_AT)):
            past = read(row)
            if past is not None and wanted in past.words.casefold():
                found.append(past)
            if len(found) == limit:
                break
        return found[::-1]


def _messages(which: ColumnElement[bool]) -> Select[Any]:
    query = select(_S.author, _S.text, _S.created_at, _M.id).join(tables.missions, _M.id == _S.mission_id)
    return query.where(which).order_by(_M.number.desc(), _S.created_at.desc())


def _missions(which: ColumnElement[bool]) -> Select[Any]:
    return select(_M.id, _M.goal, _M.status, _M.problem, _M.created_at).where(which).order_by(_M.number.desc())


def _steps(which: ColumnElement[bool]) -> Select[Any]:
    query = select(_M.id, _E.seq, _E.kind, _E.data).join(tables.missions, _M.number == _E.mission_number)
    return query.where(which, _E.kind.in_(_STEPS)).order_by(_M.number.desc(), _E.seq.desc())


def _message(row: Any) -> Past:
    return Past(kind="message", mission_id=row.id, place=row.author, words=row.text, at=row.created_at)


def _mission(row: Any) -> Past:
    words = f"{row.goal} ({row.problem})" if row.problem else row.goal
    return Past(kind="mission", mission_id=row.id, place=row.status.replace("_", " "), words=words, at=row.created_at)


def _step(row: Any) -> Past | None:
    event: Event = from_row(row.id, row.seq, row.kind, row.data)
    match event:
        case TaskStarted():
            place, words = event.task_id, f"{event.title} begins: {event.goal}"
        case ToolCalled():
            place, words = event.step, event.intent or event.tool
        case ToolReturned():
            place, words = event.step, f"{event.tool}, {event.status}: {event.output[:400]}"
        case TaskEnded():
            place, words = event.task_id, f"{event.operator}, {event.status.value}: {event.summary}"
        case _:
            return None
    return Past(kind="step", mission_id=row.id, place=place, words=words, at=event.at)
