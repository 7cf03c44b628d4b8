"""How much of a conversation a page is shown: its newest missions at first, and what came before when it is asked for.

Chainlit's page takes seconds for hundreds of missions, whatever is folded. What stands before the part that is shown has a
line of its own, which shows nothing: a run without steps. When the page asks for more, that line is given the missions
before it, and another such line for what is still left. Nothing else on the page is drawn anew.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from chat.audience import openings
from chat.desk import desk
from chat.picture import Picture
from chat.rendering import RUN, picture_of
from chat.wire import Element, Step, elements_of, moment, steps_of
from core.errors import BadInput
from core.missions import ENDED, derived_id
from memory.branches import run_id
from memory.missions import MissionRow

AT_FIRST = 10
MORE = 30
"""Missions that are shown when a conversation is opened, and that are added each time; one that has hardly more is shown whole."""


@dataclass(frozen=True)
class Part:
    """Missions that follow one another, as the page wants them; `left` stand before `oldest`."""

    steps: list[Step]
    elements: list[Element]
    oldest: str
    left: int


@dataclass(frozen=True)
class Place:
    """Where a line stands: the mission, and the lines around it, outermost first."""

    mission_id: str
    path: list[str]


class Talk:
    """One conversation of one person: who asks is checked when it is opened."""

    def __init__(self, conversation_id: str, user_id: str, rows: Sequence[MissionRow], begun: dict[str, str]) -> None:
        self._id, self._user_id = conversation_id, user_id
        self._rows, self._begun = rows, begun
        self._ids = [row.mission.id for row in rows]

    @staticmethod
    async def open(conversation_id: str, user_id: str) -> Talk:
        """Look up its missions; raises NotFound if it is not this user's."""
        office = desk().office
        await office.conversations.get(conversation_id, user_id)
        rows = await office.missions.in_view(conversation_id)
        return Talk(conversation_id, user_id, rows, await openings(office, conversation_id, user_id))

    async def first(self, shown: str = "", followed: Collection[str] = ()) -> Part:
        """Draw the newest missions: as far as those that have not ended or are `followed`, and as the one `shown` before."""
        wanted = {shown, *followed}
        more = (n for n, row in enumerate(self._rows) if row.status not in ENDED or row.mission.id in wanted)
        begin = min([len(self._rows) - AT_FIRST, *more])
        return await self._part(0 if begin < AT_FIRST else begin, len(self._rows))

    async def before(self, oldest: str, reach: str = "") -> Part:
        """Draw what comes before a mission, at least as far as `reach`; raises BadInput for a mission it does not hold."""
        if oldest not in self._ids:
            raise BadInput("This conversation has changed. Reload the page.")
        end = self._ids.index(oldest)
        begin = min([end - MORE, *([self._ids.index(reach)] if reach in self._ids else [])])
        return await self._part(0 if begin < AT_FIRST else begin, end)

    def shows(self, oldest: str, mission_id: str) -> bool:
        """Say whether a page that shows this conversation from a mission on shows another one."""
        return self._ids.index(mission_id) >= self._ids.index(oldest) if oldest in self._ids else True

    async def find(self, lines: Sequence[str]) -> Place | None:
        """Find the first of these lines that there is, and what it stands in; one that names its mission saves the search."""
        asked = set(lines)
        known = [m for m in self._ids if asked & {self._begun.get(m, m), run_id(m), derived_id(m, "answer")}]
        for mission_id in known or reversed(self._ids):
            picture = await self._picture(mission_id)
            if found := next((line for line in lines if line in picture.lines), None):
                return Place(mission_id, _around(picture, found))
        return None

    async def _picture(self, mission_id: str) -> Picture:
        return picture_of(
            mission_id, self._begun.get(mission_id, mission_id), await desk().office.journal.read(mission_id)
        )

    async def _part(self, begin: int, end: int) -> Part:
        pictures = [await self._picture(mission_id) for mission_id in self._ids[begin:end]]
        given = await desk().feedback.of_conversation(self._id, self._user_id)
        feedback = {f.for_id: {"id": f.id, "forId": f.for_id, "value": f.value, "comment": f.comment} for f in given}
        steps = nested([step for p in pictures for step in steps_of(p, self._id, feedback)])
        if begin > 0:
            steps.insert(0, self._gap(self._rows[begin]))
        elements = [element for p in pictures for element in elements_of(p, self._id)]
        return Part(steps, elements, self._ids[begin] if self._ids else "", begin)

    def _gap(self, row: MissionRow) -> Step:
        """Make the line for what is left out before a mission."""
        at = moment(row.mission.created_at)
        about = {
            "id": gap_id(self._id, row.mission.id),
            "threadId": self._id,
            "parentId": None,
            "name": RUN,
            "type": "run",
        }
        return about | {"input": "", "output": "", "createdAt": at, "start": at, "end": at, "metadata": {}}


def gap_id(conversation_id: str, oldest: str) -> str:
    """Name the line for what is left out before a mission."""
    return derived_id(conversation_id, "before", oldest)


def nested(steps: Sequence[Step]) -> list[Step]:
    """Put every step into the one it belongs to: the page would look for the place of each among all others."""
    known = {step["id"]: dict(step) for step in steps}
    roots = []
    for step in known.values():
        home = known.get(step["parentId"] or "")
        if home is None:
            roots.append(step)
        else:
            home.setdefault("steps", []).append(step)
    return roots


def _around(picture: Picture, line_id: str) -> list[str]:
    """Name the lines around one, outermost first, and itself at last."""
    path: list[str] = []
    step: Any = picture.lines.get(line_id)
    while step is not None and step.id not in path:
        if step.kind != "run":  # which shows nothing by itself
            path.insert(0, step.id)
        step = picture.lines.get(step.parent or "")
    return path
