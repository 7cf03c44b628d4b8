"""Pictures in a question to a model: messages name them by the hash of their content, and their bytes join them only here.

What is not shown (the model cannot see, there are too many, the file is gone) is said in its place, to the model and to the
person: a model that is told so need not guess.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from agents.llm.calls import ModelRequest
from core.errors import StaffworkError
from core.memories import Picture, ShownPicture

_MARK = "pictures"
_TOKENS = "picture_tokens"
_POINTS_PER_TOKEN, _LEAST_TOKENS = 750, 85
_NEVER_GUESS = "You do not see it: say so if it matters, and never guess what is in it."
_OLDER = "only {most} pictures are shown at a time, the newest ones. Call view_picture to see this one again."
_TOO_MUCH = "it would exceed the {most} MB of pictures that one call may have (STAFFWORK_PICTURES_MB_PER_CALL)."
_REFUSED = "the model's server did not take it."
_SPOKEN_OF = ("image", "picture", "vision", "modalit", "multimodal", "content type", "content part")


class PictureRoom(Protocol):
    """Opens pictures where strangers' files may be opened."""

    async def shown(self, picture: Picture) -> ShownPicture:
        """Make a picture fit to be shown; raises a StaffworkError in words for people."""
        ...


@dataclass(frozen=True)
class Prepared:
    """A question with its pictures in it: the names of those shown, their hashes, and in words for people what is not shown."""

    request: ModelRequest
    shown: tuple[str, ...] = ()
    hashes: frozenset[str] = frozenset()
    unseen: str = ""


def marked(pictures: Iterable[Picture]) -> dict[str, Any]:
    """Name pictures in a message (its additional_kwargs)."""
    named = [picture.model_dump() for picture in pictures]
    return {_MARK: named} if named else {}


def picture_tokens(messages: Sequence[BaseMessage]) -> int:
    """Estimate the tokens of the pictures in messages."""
    return sum(int(message.additional_kwargs.get(_TOKENS, 0)) for message in messages)


def has_pictures(request: ModelRequest) -> bool:
    return any(_named(message) for message in request.messages)


def speaks_of_pictures(words: str) -> bool:
    """Say whether the words of a refusal are about pictures."""
    low = words.lower()
    return any(word in low for word in _SPOKEN_OF)


async def prepare(
    request: ModelRequest,
    room: PictureRoom | None,
    *,
    blind: str,
    most: int,
    megabytes: int,
    refused: frozenset[str] = frozenset(),
) -> Prepared:
    """Put the pictures that messages name into them, or say there why not.

    `blind` says why this model is shown none ("" if it is); `refused` are hashes of those its server did not take.
    """
    opened = _Opening(room, blind, most, megabytes * 1_000_000, refused)
    for message in reversed(request.messages):  # the newest first: they are what is talked about
        for picture in reversed(_named(message)):
            await opened.take(picture)
    latest = max((i for i, m in enumerate(request.messages) if isinstance(m, AIMessage)), default=-1)
    fresh = [picture for message in request.messages[latest + 1 :] for picture in _named(message)]
    return Prepared(
        replace(request, messages=_written(request.messages, opened)),
        tuple(dict.fromkeys(name for name, _ in opened.shown.values())),
        frozenset(opened.shown),
        " ".join(dict.fromkeys(f"{p.name} was not shown: {opened.why[p.hash]}" for p in fresh if p.hash in opened.why)),
    )


class _Opening:
    """Opens pictures one by one, within the limits of one call."""

    def __init__(
        self, room: PictureRoom | None, blind: str, most: int, most_bytes: int, refused: frozenset[str]
    ) -> None:
        self._room, self._blind, self._most, self._refused = room, blind, most, refused
        self._limit = self._left = most_bytes
        self.shown: dict[str, tuple[str, ShownPicture]] = {}
        self.why: dict[str, str] = {}

    async def take(self, picture: Picture) -> None:
        """Open one that was not looked at yet, or note why it is not shown."""
        if picture.hash in self.shown or picture.hash in self.why:
            return
        if self._blind or self._room is None:
            self.why[picture.hash] = self._blind or "pictures cannot be opened here."
        elif picture.hash in self._refused:
            self.why[picture.hash] = _REFUSED
        elif len(self.shown) >= self._most:
            self.why[picture.hash] = _OLDER.format(most=self._most)
        else:
            await self._open(self._room, picture)

    async def _open(self, room: PictureRoom, picture: Picture) -> None:
        try:
            found = await room.shown(picture)
        except StaffworkError as problem:
            self.why[picture.hash] = str(problem)
            return
        if len(found.content) > self._left:
            self.why[picture.hash] = _TOO_MUCH.format(most=self._limit // 1_000_000)
            return
        self._left -= len(found.content)
        self.shown[picture.hash] = picture.name, found


def _named(message: BaseMessage) -> list[Picture]:
    return [Picture.model_validate(one) for one in message.additional_kwargs.get(_MARK, ())]


def _written(messages: Sequence[BaseMessage], opened: _Opening) -> list[BaseMessage]:
    """Write the messages with their pictures, each picture once: at the place where it was named last.

    Results of tools are text with most providers, so the pictures of neighbouring results follow them in a message of their own.
    """
    last = {picture.hash: i for i, message in enumerate(messages) for picture in _named(message)}
    written: list[BaseMessage] = []
    waiting: list[Picture] = []
    for number, message in enumerate(messages):
        if waiting and not isinstance(message, ToolMessage):
            written.append(_with(HumanMessage("What view_picture returned:"), waiting, opened))
            waiting = []
        named = _named(message)
        here = [p for p in named if p.hash in opened.shown and last[p.hash] == number]
        lost = [p for p in named if p.hash in opened.why]
        plain = _without(message, lost, opened) if named else message
        if isinstance(message, ToolMessage):
            waiting += here
        written.append(_with(plain, here, opened) if here and not isinstance(message, ToolMessage) else plain)
    return [*written, _with(HumanMessage("What view_picture returned:"), waiting, opened)] if waiting else written


def _without(message: BaseMessage, lost: Sequence[Picture], opened: _Opening) -> BaseMessage:
    notes = [f"[{_plain(p.name)} is not shown: {opened.why[p.hash]} {_NEVER_GUESS}]" for p in lost]
    rest = {name: value for name, value in message.additional_kwargs.items() if name != _MARK}
    text = "\n".join([str(message.text), *notes])
    return message.model_copy(update={"content": text, "additional_kwargs": rest})


def _with(message: BaseMessage, pictures: Sequence[Picture], opened: _Opening) -> BaseMessage:
    blocks: list[dict[str, Any]] = [{"type": "text", "text": str(message.text)}]
    tokens = 0
    for picture in {p.hash: p for p in pictures}.values():
        found = opened.shown[picture.hash][1]
        tokens += max(found.width * found.height // _POINTS_PER_TOKEN, _LEAST_TOKENS)  # as providers count them
        blocks += [
            {"type": "text", "text": f"The picture {_plain(picture.name)} ({found.width} x {found.height} points):"},
            {"type": "image", "base64": base64.b64encode(found.content).decode(), "mime_type": found.mime},
        ]
    return message.model_copy(
        update={"content": blocks, "additional_kwargs": message.additional_kwargs | {_TOKENS: tokens}}
    )


def _plain(name: str) -> str:
    """Write a name, which a stranger may have chosen, so that it cannot be more than a name."""
    return "".join(c if c.isprintable() and c not in "<>[]" else " " for c in name)[:120]
