"""What a conversation is when it leaves the house as a file: version 1 of the format, described in docs/export.schema.json."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from core.events import Event, MissionAccepted, MissionEnded
from core.missions import Priority, Status, Value

FORMAT = "staffwork-conversation"
VERSION = 1
IMPORTED = "import"
"""The origin of missions that came as a file."""
CAME_IN = f'"origin":"{IMPORTED}"'
"""How that stands in the terms of a mission."""
MANIFEST = "conversation.json"
"""The name of the description in a zip; contents are beside it as `files/<sha256>`."""

Id = Annotated[str, Field(min_length=1, max_length=64)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Name = Annotated[str, Field(max_length=1000)]


class ExportedMission(Value):
    """One mission: all that happened in it, from its acceptance on, numbered from 1 without gaps."""

    id: Id
    priority: Priority = Priority.MEDIUM
    status: Status
    created_at: datetime
    origin: str = Field(default="chat", max_length=100)
    events: Annotated[tuple[Event, ...], Field(min_length=1, max_length=200_000)]

    @property
    def goal(self) -> str:
        first = self.events[0]
        return first.goal if isinstance(first, MissionAccepted) else ""


class ExportedFile(Value):
    """A file; its content is under its hash."""

    id: Id
    name: Name
    hash: Hash
    size: Count
    mime: str = Field(max_length=200)
    created_at: datetime


class ExportedAttachment(ExportedFile):
    """A file the person gave, the mission it was first given with, and how they want it used ("" as usual)."""

    mission_id: Id | None = None
    use: Literal["", "text", "search", "tools"] = ""


class ExportedArtifact(ExportedFile):
    """One version of a file that was made, with its tags."""

    mission_id: Id
    task_id: str | None = Field(default=None, max_length=64)
    version: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    step: str = Field(default="", max_length=200)
    restored_from: str = Field(default="", max_length=64)
    tags: Annotated[tuple[Annotated[str, Field(max_length=60)], ...], Field(max_length=50)] = ()


class ExportedOpinion(Value):
    """What the person thought of an answer or a step: `value` 1 is helpful, 0 is not; `step` "" is the answer."""

    mission_id: Id
    step: str = Field(default="", max_length=200)
    value: Annotated[int, Field(ge=0, le=1)]
    reasons: Annotated[tuple[Annotated[str, Field(max_length=40)], ...], Field(max_length=20)] = ()
    comment: str = Field(default="", max_length=4000)


class ExportedConversation(Value):
    """A whole conversation; `contents` is empty in a zip, where each content is a file of its own.

    `left_out` says of which contents only the description goes along, and why.
    """

    format: Literal["staffwork-conversation"]
    version: Literal[1]
    exported_at: datetime
    title: str = Field(max_length=1000)
    created_at: datetime
    missions: Annotated[tuple[ExportedMission, ...], Field(max_length=5000)] = ()
    attachments: Annotated[tuple[ExportedAttachment, ...], Field(max_length=5000)] = ()
    artifacts: Annotated[tuple[ExportedArtifact, ...], Field(max_length=20_000)] = ()
    feedback: Annotated[tuple[ExportedOpinion, ...], Field(max_length=20_000)] = ()
    left_out: dict[Hash, str] = Field(default_factory=dict)
    contents: dict[Hash, str] = Field(default_factory=dict, description="SHA-256 to content, as base64")

    @property
    def files(self) -> list[ExportedFile]:
        return [*self.attachments, *self.artifacts]

    def hashes(self) -> set[str]:
        """Name every content that is described."""
        return {file.hash for file in self.files}


def wrong(conversation: ExportedConversation) -> str:
    """Say what contradicts itself in a conversation ("" if nothing does): ids twice, gaps, events of another mission."""
    missions = [m.id for m in conversation.missions]
    files = [f.id for f in conversation.files]
    for what, ids in (("mission", missions), ("file", files)):
        if len(set(ids)) < len(ids):
            return f"one {what} stands in it twice"
    if {opinion.mission_id for opinion in conversation.feedback} - set(missions):
        return "an opinion is about a mission that is not in it"
    homes = {a.mission_id for a in conversation.attachments} | {a.mission_id for a in conversation.artifacts}
    if homes - {None, *missions}:
        return "a file belongs to a mission that is not in it"
    if any(not _YEARS[0] <= moment.year <= _YEARS[1] or moment.tzinfo is None for moment in _moments(conversation)):
        return "a date in it is none that can be kept; write dates with their time zone"
    return next((words for m in conversation.missions if (words := _wrong_in(m.id, m.events))), "")


_YEARS = (1990, 2200)


def _moments(conversation: ExportedConversation) -> Iterator[datetime]:
    yield conversation.created_at
    yield from (mission.created_at for mission in conversation.missions)
    yield from (file.created_at for file in conversation.files)
    for event in (e for m in conversation.missions for e in m.events):
        yield event.at
        if isinstance(event, MissionEnded) and event.wake_at is not None:
            yield event.wake_at


def _wrong_in(mission_id: str, events: Sequence[Event]) -> str:
    if not isinstance(events[0], MissionAccepted):
        return f"mission {mission_id} does not begin with its goal"
    for number, event in enumerate(events, 1):
        if event.mission_id != mission_id:
            return f"event {number} of mission {mission_id} is of another mission"
        if event.seq != number:
            return f"the events of mission {mission_id} are not numbered from 1 without gaps"
        if number > 1 and isinstance(event, MissionAccepted):
            return f"mission {mission_id} begins twice"
        if not 0 <= event.attempt <= 1_000_000:
            return f"event {number} of mission {mission_id} counts attempts oddly"
    return ""
