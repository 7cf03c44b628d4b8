"""What is remembered and what is found again."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from core.missions import Attachment, Source, Value


class Origin(StrEnum):
    """What kind of text a passage was taken from."""

    FILE = "file"
    MESSAGE = "message"
    MEMORY = "memory"


class Memory(Value):
    """One fact worth keeping, who it belongs to and where it came from."""

    id: str
    user_id: str
    text: str
    conversation_id: str
    mission_id: str | None = None
    created_at: datetime


class Passage(Value):
    """A piece of text with its place: `page` and `line` are 1-based, `position` orders passages within one origin."""

    id: str
    user_id: str
    conversation_id: str
    origin: Origin
    origin_id: str
    name: str
    text: str
    position: int = 0
    page: int | None = None
    line: int | None = None


class Recollection(Value):
    """A passage found for a query, with its score (0..1, higher is closer)."""

    passage: Passage
    score: float

    @classmethod
    def of(cls, source: Source) -> Recollection:
        """Take a recollection back from the source it was cited as."""
        passage = Passage(
            id=source.origin_id,
            user_id="",
            conversation_id="",
            origin=Origin(source.origin),
            origin_id=source.origin_id,
            name=source.file,
            text=source.quote,
            page=source.page,
            line=source.line,
        )
        return cls(passage=passage, score=1.0)

    def as_source(self, quote: str | None = None) -> Source:
        """Cite this passage, or one exact part of it."""
        p = self.passage
        return Source(
            file=p.name,
            quote=quote if quote is not None else p.text,
            page=p.page,
            line=p.line,
            origin=p.origin.value,
            origin_id=p.origin_id,
        )


class Said(Value):
    """One earlier message of the conversation."""

    author: str  # user | chief
    text: str
    mission_id: str = ""


class Brief(Value):
    """What the Chief knows of a mission: the goal, its files, the last turns verbatim, what was recalled, what was asked.

    `attachments` holds the files of the whole conversation, those of this mission last; `answers` the questions the
    Chief asked in this mission with the user's replies; `files_made` says that operators left files in this conversation;
    `tainted` says what of all this came from outside ("" if nothing).
    """

    mission_id: str
    conversation_id: str
    user_id: str
    goal: str
    attachments: tuple[Attachment, ...] = ()
    history: tuple[Said, ...] = ()
    recalled: tuple[Recollection, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()
    files_made: bool = False
    tainted: str = ""
