"""One reply as it grows from deltas, and the strict checks it must pass before anyone may use it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal
from uuid import uuid4

import orjson

from agents.llm.calls import Tokens
from agents.llm.streams import Delta, ToolPiece
from core.decisions import ToolCall
from core.errors import ModelUnavailable

Finish = Literal["stop", "tool_calls", "length"]

_FINISHES: dict[str, Finish] = {
    "stop": "stop",
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_calls": "tool_calls",
    "tool_use": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}
_DEEPEST = 100  # levels of arguments: what is deeper can be read, but neither be stored nor sent back
_MOST_CALLS = 64  # of one reply
_LONGEST_NAME = 200  # characters; providers allow 64
_REFUSALS = frozenset({"content_filter", "refusal", "safety", "guardrail_intervened"})


class _Call:
    """One tool call in the making."""

    __slots__ = ("arguments", "id", "name")

    def __init__(self, piece: ToolPiece) -> None:
        self.id, self.name, self.arguments = piece.id, piece.name, piece.arguments

    def is_other_than(self, piece: ToolPiece) -> bool:
        """Say whether a piece with the same index begins another call: some servers give every call index 0."""
        if piece.id:
            return bool(self.id) and piece.id != self.id
        return bool(piece.name and piece.arguments and _is_object(self.arguments))

    def extend(self, piece: ToolPiece) -> None:
        self.id = self.id or piece.id
        if (
            piece.name != self.name and len(self.name) <= _LONGEST_NAME
        ):  # some servers repeat the whole name in every piece
            self.name += piece.name
        self.arguments += piece.arguments

    def complete(self) -> ToolCall:
        if not self.name:
            raise ModelUnavailable("bad_reply", "The model called a tool without naming it.")
        if len(self.name) > _LONGEST_NAME:
            raise ModelUnavailable("bad_reply", f"The model called a tool by a name of {len(self.name):,} characters.")
        try:
            arguments = orjson.loads(self.arguments.strip() or "{}")
        except orjson.JSONDecodeError as error:
            raise ModelUnavailable("bad_reply", f"The model's call of {self.name} broke off or is not JSON.") from error
        if not isinstance(arguments, dict):
            raise ModelUnavailable("bad_reply", f"The model's call of {self.name} has no object of arguments.")
        if _is_too_deep(arguments):
            raise ModelUnavailable(
                "bad_reply", f"The model's call of {self.name} is nested deeper than {_DEEPEST} levels."
            )
        return ToolCall(id=self.id or f"call_{uuid4().hex[:16]}", name=self.name, arguments=arguments)


class Assembly:
    """Collects the deltas of one reply; `longest` caps its characters, tool arguments included."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        self._texts: list[str] = []
        self._calls: list[_Call] = []
        self._at: dict[int, _Call] = {}
        self.characters = 0
        self.text_length = 0
        self.usage: Tokens | None = None
        self.finish = ""

    @property
    def text(self) -> str:
        return "".join(self._texts)

    def add(self, delta: Delta) -> None:
        """Take one delta in; raises ModelUnavailable once the reply is longer than any may be."""
        if delta.text:
            self._texts.append(delta.text)
            self.text_length += len(delta.text)
            self.characters += len(delta.text)
        for piece in delta.tool_calls:
            self._add_piece(piece)
            self.characters += len(piece.arguments)
        self.usage = delta.usage or self.usage
        self.finish = delta.finish or self.finish
        if self.characters > self._longest:
            raise ModelUnavailable("too_long", "The model's reply did not end within the length allowed for one.")

    def _add_piece(self, piece: ToolPiece) -> None:
        call = self._at.get(piece.index)
        if call is None or call.is_other_than(piece):
            self._at[piece.index] = call = _Call(piece)
            self._calls.append(call)
        else:
            call.extend(piece)

    def complete(self) -> tuple[str, tuple[ToolCall, ...], Finish]:
        """Return text, tool calls and finish reason; raises ModelUnavailable unless the reply is whole and sound."""
        finish = self._terminal_finish()
        if finish == "length" and self._calls:
            raise ModelUnavailable("too_long", "The model ran out of room in the middle of calling a tool.")
        if len(self._calls) > _MOST_CALLS:
            raise ModelUnavailable(
                "bad_reply", f"The model called {len(self._calls):,} tools at once, more than {_MOST_CALLS}."
            )
        calls = tuple(call.complete() for call in self._calls)
        if finish == "tool_calls" and not calls:
            raise ModelUnavailable("bad_reply", "The model ended to call a tool, but called none.")
        text = self.text
        if not calls and not text.strip():
            kind = "too_long" if finish == "length" else "bad_reply"
            raise ModelUnavailable(kind, "The model's reply was empty.")
        return text, calls, "tool_calls" if calls else finish

    def _terminal_finish(self) -> Finish:
        if not self.finish:
            raise ModelUnavailable("cut_stream", "The model's reply broke off before its end.")
        if self.finish in _REFUSALS:
            raise ModelUnavailable("refused", "The model, or a filter of its provider, declined to answer this.")
        if self.finish not in _FINISHES:
            raise ModelUnavailable("bad_reply", f"The model's reply ended in an unknown way ({self.finish[:40]}).")
        return _FINISHES[self.finish]

    def written(self) -> Iterable[str]:
        """List everything the model wrote, for estimating tokens."""
        return [*self._texts, *(call.name + call.arguments for call in self._calls)]


def _is_object(text: str) -> bool:
    try:
        return isinstance(orjson.loads(text), dict)
    except orjson.JSONDecodeError:
        return False


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(_DEEPEST):
        level = [inner for outer in level for inner in _parts(outer)]
        if not level:
            return False
    return True


def _parts(value: object) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
