"""What is remembered and what is found again."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum

from core.missions import Attachment, Source, Value, derived_id


class Origin(StrEnum):
    """What kind of text a passage was taken from."""

    FILE = "file"
    MESSAGE = "message"
    MEMORY = "memory"


class Memory(Value):
    """One fact worth keeping, who it belongs to and where it came from; `operator` is "" if a person kept it by hand."""

    id: str
    user_id: str
    text: str
    conversation_id: str
    mission_id: str | None = None
    created_at: datetime
    operator: str = ""
    changed_at: datetime | None = None

    def as_passage(self) -> Passage:
        """Make the passage that this fact is found by."""
        return Passage(
            id=derived_id(self.id, "0"),
            user_id=self.user_id,
            conversation_id=self.conversation_id,
            origin=Origin.MEMORY,
            origin_id=self.id,
            name="memory",
            text=self.text,
        )


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


PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
"""Endings of pictures that models which can see are shown; what a file really is, is told when it is opened."""


def is_picture(name: str) -> bool:
    """Say whether a file is called like a picture that can be shown."""
    return name.lower().endswith(PICTURES)


class Picture(Value):
    """A picture that a model may be shown: the name people know it by, and the hash of its content. Its bytes are in the store
    only, never in an event or a checkpoint."""

    name: str
    hash: str


class ShownPicture(Value):
    """A picture as a model is shown it: written anew and made small; width and height in points."""

    content: bytes
    mime: str
    width: int
    height: int


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
    `tainted` says what of all this came from outside ("" if nothing); `contexts` the documents of the house that match;
    `language` the one the user wants to read ("": theirs); `pictures` those that the Chief is to see.
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
    language: str = ""
    pictures: tuple[Picture, ...] = ()


LONGEST_TITLE = 60
_POLITE = re.compile(
    r"(?:(?:hello|hi|hey|dear \w+|good (?:morning|evening|afternoon)|please|kindly|thanks|thank you|ok(?:ay)?|so|"
    r"(?:can|could|would|will) you(?: please)?|(?:i|we)(?: would|'d)? (?:want|like|need) (?:you )?to|help me(?: to)?|"
    r"bitte|hallo|guten (?:tag|morgen)|(?:kannst|k\u00f6nntest) du)\b[\s,.!:]*)+",
    re.IGNORECASE,
)
_MARKED = re.compile(r"(?<!\w)(\*{1,3}|`+)(\S(?:.*?\S)?)\1(?!\w)")
_LINE = 500  # of a line that is looked at
_VAGUE = 12
"""Characters up to which a goal says too little by itself ("Why?", "Go on", "Sum it up")."""


def short_title(goal: str, answer: str = "") -> str:
    """Name a conversation after its first goal: without greetings, cut at a word; a goal that says little takes the
    first heading of its answer, if there is one."""
    title = _plain_line(goal)
    title = title[match.end() :] if (match := _POLITE.match(title)) else title
    heading = next((_plain_line(line) for line in answer.splitlines() if line.startswith("#")), "")
    if len(title) <= _VAGUE and heading:
        title = heading
    title = title or _plain_line(goal) or "New conversation"
    title = title[0].upper() + title[1:]
    return title if len(title) <= LONGEST_TITLE else title[:LONGEST_TITLE].rsplit(" ", 1)[0].rstrip(",;:-") + " ..."


def _plain_line(text: str) -> str:
    """Take the first line that says something, without the marks of Markdown; a `*` or `>` of a sum stays."""
    begins = (
        re.sub(r"^(?:[#>|\s-]|\*+(?=\s|$))+", "", line.strip()[:_LINE]).rstrip("#| ") for line in text.splitlines()
    )
    lines = (" ".join(_MARKED.sub(r"\2", line).split()) for line in begins)
    return next((line for line in lines if any(map(str.isalnum, line))), "").strip("-. ")
