"""What opinions are about, as it was when the answer or the step was made; and what they add up to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, case, func, insert, select

from core.events import Event
from core.missions import Value, derived_id, now
from memory import tables
from memory.branches import run_id
from memory.database import Database
from memory.event_rows import from_row
from memory.export_format import CAME_IN, ExportedOpinion
from memory.lineage import in_view
from memory.opinion_places import KINDS, Place, Places

REASONS = {
    "wrong": "Not correct",
    "incomplete": "Incomplete",
    "no_sources": "Sources missing or wrong",
    "off_goal": "Not what I asked for",
    "style": "Tone or form",
    "slow": "Too slow or too costly",
    "helpful": "Helpful",
    "thorough": "Thorough",
    "clear": "Clear",
}
"""Reason -> what its chip says. A new one is one line here."""
_F, _B, _E, _M = tables.feedback.c, tables.feedback_about.c, tables.events.c, tables.missions.c


class Tally(Value):
    """How many found what one operator did with one model, in one version, helpful or not."""

    operator: str
    model: str
    profile_version: str
    prompt_version: str
    what: str  # answer | step
    helpful: int
    not_helpful: int


class Given(Value):
    """One opinion as administrators read it: what it is about and why; who gave it is not shown."""

    at: str
    what: str
    operator: str
    model: str
    value: int
    reasons: tuple[str, ...]
    comment: str


class Opinions:
    """Reads what opinions add up to."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def tally(self) -> list[Tally]:
        """Count all opinions by operator, model, version and prompt, the most talked of first."""
        what = case((_B.step == "", "answer"), else_="step").label("what")
        by = (_B.operator, _B.model, _B.profile_version, _B.prompt_version, what)
        helpful = func.sum(_F.value).label("helpful")
        query = select(*by, helpful, (func.count() - func.sum(_F.value)).label("not_helpful"))
        query = query.select_from(_JOINED).where(~_CAME_IN).group_by(*by).order_by(func.count().desc(), *by)
        return [Tally.model_validate(dict(row._mapping)) for row in await self._database.rows(query)]

    async def newest(self, limit: int = 50) -> list[Given]:
        """List the newest opinions."""
        fields = (_F.created_at, _F.value, _F.comment, _B.step, _B.operator, _B.model, _B.reasons)
        query = select(*fields).select_from(_JOINED).where(~_CAME_IN).order_by(_F.created_at.desc(), _F.id).limit(limit)
        return [
            Given(
                at=row.created_at.isoformat(timespec="seconds"),
                what="step" if row.step else "answer",
                operator=row.operator,
                model=row.model,
                value=row.value,
                reasons=json.loads(row.reasons),
                comment=row.comment,
            )
            for row in await self._database.rows(query)
        ]

    async def exported(self, conversation_id: str, user_id: str) -> list[ExportedOpinion]:
        """List what a user thought in what a conversation shows, by mission and step."""
        here = (_B.mission_id.in_(in_view(conversation_id)), _F.user_id == user_id)
        query = select(_B.mission_id, _B.step, _B.reasons, _F.value, _F.comment).select_from(_JOINED).where(*here)
        return [
            ExportedOpinion(
                mission_id=r.mission_id, step=r.step, value=r.value, comment=r.comment, reasons=json.loads(r.reasons)
            )
            for r in await self._database.rows(query.order_by(_F.created_at, _F.id))
        ]


_JOINED = tables.feedback.join(tables.feedback_about, _B.feedback_id == _F.id)
_CAME_IN = select(_M.id).where(_M.id == _B.mission_id, _M.terms.contains(CAME_IN)).exists()
"""What an imported history says of operators and models is nothing this house has seen: it is not counted."""


def note_about(connection: Connection, feedback_id: str, place: Place, reasons: Sequence[str]) -> None:
    """Keep what an opinion is about; there is none kept about it yet."""
    row = place.model_dump() | {"feedback_id": feedback_id, "reasons": json.dumps(list(reasons))}
    connection.execute(insert(tables.feedback_about), row)


def find_place(connection: Connection, conversation_id: str, for_id: str) -> Place | None:
    """Find which answer or step a line of the chat shows, among the missions a conversation shows, newest first."""
    shown = select(_M.id, _M.number).where(_M.id.in_(in_view(conversation_id))).order_by(_M.number.desc())
    missions = connection.execute(shown).all()
    for mission in missions:
        if for_id in (run_id(mission.id), derived_id(mission.id, "answer")):
            return Places(mission.id, _events(connection, mission)).of("")
    return next((p for m in missions if (p := Places(m.id, _events(connection, m)).shown_as(for_id))), None)


def _events(connection: Connection, mission: Any) -> Iterator[Event]:
    query = select(_E.seq, _E.kind, _E.data).where(_E.mission_number == mission.number, _E.kind.in_(KINDS))
    for seq, kind, data in connection.execute(query.order_by(_E.seq)):
        yield from_row(mission.id, seq, kind, data)


def about_imported(
    connection: Connection, conversation_id: str, user_id: str, given: Sequence[tuple[ExportedOpinion, Place]]
) -> None:
    """Put opinions that came with a conversation beside it, as this user's; of two about one place the later counts."""
    for opinion, place in {(o.mission_id, o.step): (o, p) for o, p in given}.values():
        for_id = derived_id(place.mission_id, place.step) if place.step else run_id(place.mission_id)
        opinion_id = derived_id(user_id, for_id)
        row = {"id": opinion_id, "for_id": for_id, "value": opinion.value, "comment": opinion.comment}
        more = {"conversation_id": conversation_id, "user_id": user_id, "created_at": now()}
        connection.execute(insert(tables.feedback), row | more)
        note_about(connection, opinion_id, place, [r for r in dict.fromkeys(opinion.reasons) if r in REASONS])
