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


class Context(Value):
    """A context document: Markdown that is given to whoever works on something its triggers match.

    `owner` is a user's id, "" for the whole house; `shipped` ones are files of the product. A document replaces another one of
    the same `name` that is of the house, or shipped. `draft` says why nobody is given it yet ("" once a person accepted it).
    `triggers` are words (* stands for anything within a word), `operators` who is given it whatever the goal.
    """

    id: str
    owner: str = ""
    name: str
    title: str
    triggers: tuple[str, ...] = ()
    operators: tuple[str, ...] = ()
    text: str
    enabled: bool = True
    draft: str = ""
    shipped: bool = False
    version: int = 1
    changed_by: str = ""
    changed_at: datetime | None = None


class Past(Value):
    """One thing of a conversation's own past: a message, a mission or a step; `place` names where it stands."""

    kind: str
    mission_id: str
    place: str
    words: str
    at: datetime


class Said(Value):
    """One earlier message of the conversation."""

    author: str  # user | chief
    text: str
    mission_id: str = ""


class Brief(Value):
    """What the Chief knows of a mission: the goal, its files, the last turns verbatim, what was recalled, what was asked.

    `attachments` holds the files of the whole conversation, those of this mission last; `answers` the questions the
    Chief asked in this mission with the user's replies; `files_made` says that operators left files in this conversation;
    `tainted` says what of all this came from outside ("" if nothing); `contexts` the documents of the house that match.
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
    contexts: tuple[Source, ...] = ()
