"""A link and what it shows: a copy of chosen parts of a conversation. What is not a field here is never shared."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Literal

from core.missions import Value

Include = Literal["answers", "steps"]
Audience = Literal["people", "public"]
Visited = Literal["page", "file", "copy"]


class SharedStep(Value):
    """One line of the work: what was done, how long it took, and in an operator's own words what came of it."""

    label: str
    depth: int = 0
    seconds: float | None = None
    failed: bool = False
    summary: str = ""


class SharedSource(Value):
    """A place in a file that an answer quotes; `position` is that of the file in the snapshot's own list, if it is there."""

    file: str
    place: str = ""
    quote: str = ""
    position: int | None = None
    page: int | None = None
    line: int | None = None
    problem: str = ""


class SharedMessage(Value):
    """One message; `files` are positions in the snapshot's own list. Words of the user are plain, of others Markdown."""

    author: Literal["user", "chief"]
    text: str
    at: datetime
    steps: tuple[SharedStep, ...] = ()
    sources: tuple[SharedSource, ...] = ()
    files: tuple[int, ...] = ()
    took: str = ""  # calls, tokens and price; for the person it belongs to, never under a link


class SharedFile(Value):
    """A file that goes with a conversation; `id` names it while it is chosen, and is not kept."""

    name: str
    hash: str
    size: int
    mime: str
    id: str = ""


class Snapshot(Value):
    """A conversation at one moment; `left_out` counts messages that were still worked on."""

    messages: tuple[SharedMessage, ...] = ()
    files: tuple[SharedFile, ...] = ()
    left_out: int = 0

    def cut(self, *, steps: bool, files: Collection[str]) -> Snapshot:
        """Keep only what was chosen: the work between the messages or not, and the files with these ids."""
        kept = [n for n, file in enumerate(self.files) if file.id in files]
        moved = {old: new for new, old in enumerate(kept)}
        messages = [
            m.model_copy(
                update={
                    "steps": m.steps if steps else (),
                    "files": tuple(moved[n] for n in m.files if n in moved),
                    "sources": tuple(_moved(s, moved) for s in m.sources),
                    "took": "",
                }
            )
            for m in self.messages
        ]
        chosen = tuple(self.files[n].model_copy(update={"id": ""}) for n in kept)
        return self.model_copy(update={"messages": tuple(messages), "files": chosen})

    def rewritten(self, change: Callable[[str, str], str]) -> Snapshot:
        """Pass every word a reader sees through `change(text, where)`; `where` is for people."""
        messages = tuple(_rewritten(m, f"message {n}", change) for n, m in enumerate(self.messages, 1))
        files = tuple(
            f.model_copy(update={"name": change(f.name, f"name of file {n}")}) for n, f in enumerate(self.files, 1)
        )
        return self.model_copy(update={"messages": messages, "files": files})


class Share(Value):
    """One link; `people` are those with an account here. `expires_at` None: never. `protected`: it asks for a password."""

    id: str
    user_id: str
    conversation_id: str
    title: str
    include: Include = "answers"
    audience: Audience = "people"
    protected: bool = False
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    views: int = 0
    viewed_at: datetime | None = None

    def state(self, moment: datetime) -> Literal["live", "expired", "revoked"]:
        """Say whether the link works."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= moment else "live"


class Visit(Value):
    """Somebody looked: at the page, at a file, or made a copy; `who` is a name or a network address without its end."""

    at: datetime
    what: Visited
    who: str


def _moved(source: SharedSource, moved: Mapping[int, int]) -> SharedSource:
    """Point to the file of a source where it is now; None if it does not go with the conversation."""
    at = None if source.position is None else moved.get(source.position)
    return source.model_copy(update={"position": at})


def _rewritten(message: SharedMessage, where: str, change: Callable[[str, str], str]) -> SharedMessage:
    steps = tuple(
        s.model_copy(
            update={
                "label": change(s.label, f"a step of {where}"),
                "summary": change(s.summary, f"a step of {where}"),
            }
        )
        for s in message.steps
    )
    sources = tuple(
        s.model_copy(
            update={
                "file": change(s.file, f"a source of {where}"),
                "quote": change(s.quote, f"a source of {where}"),
            }
        )
        for s in message.sources
    )
    words = {"text": change(message.text, where), "steps": steps, "sources": sources}
    return message.model_copy(update=words)
