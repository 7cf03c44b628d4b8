"""What a role can answer: each role makes one judgement per call and returns one of these."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from core.budget import Usage
from core.missions import Plan, Source, Value


class ToolCall(Value):
    """One call a model wants made; `id` is the model's own, `arguments` parsed strictly from its JSON."""

    id: str
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)


def call_hash(tool: str, arguments: Mapping[str, Any]) -> str:
    """Name what a call does by its tool and its arguments (JSON values): the same call has the same name (SHA-256, hex)."""
    canonical = json.dumps([tool, arguments], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def looks_like(pattern: str, text: str) -> bool:
    """Say whether a whole text looks like a pattern, in which * stands for anything, \\* for a star, and all else for itself.

    In linear time, whatever the text: it may be a hostile one.
    """
    if "*" not in pattern:  # most of them
        return text == pattern
    first, *rest = (part.replace("\0", "*") for part in pattern.replace("\\*", "\0").split("*"))
    if not rest:
        return text == first
    *between, last = rest
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    place, end = len(first), len(text) - len(last)
    for part in between:
        place = text.find(part, place, end)
        if place < 0:
            return False
        place += len(part)
    return True


class Reply(Value):
    """One complete model reply: text, tool calls and what it used. There is no reply without a terminal finish reason."""

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    finish: Literal["stop", "tool_calls", "length"] = "stop"
    model: str = ""
    usage: Usage = Field(default_factory=Usage)


class Answer(Value):
    """The Chief answers at once."""

    kind: Literal["answer"] = "answer"
    text: str


class Ask(Value):
    """The Chief needs something only the user knows."""

    kind: Literal["ask"] = "ask"
    question: str


class Delegate(Value):
    """The Chief hands out tasks."""

    kind: Literal["delegate"] = "delegate"
    plan: Plan


ChiefDecision = Answer | Ask | Delegate


class Act(Value):
    """The operator wants tools called (and perhaps subtasks started) before it goes on."""

    kind: Literal["act"] = "act"
    calls: tuple[ToolCall, ...]
    text: str = ""


class Finish(Value):
    """The operator is done, or cannot go on and says why; `did` is what it says it did, each with the receipt it names."""

    kind: Literal["finish"] = "finish"
    status: Literal["completed", "failed"] = "completed"
    summary: str
    result: str = ""
    did: tuple[tuple[str, str], ...] = ()


OperatorDecision = Act | Finish


class Accept(Value):
    """The reviewer is satisfied; `shortfall` says in plain words what is still not fully met, if anything."""

    kind: Literal["accept"] = "accept"
    shortfall: str = ""


class SendBack(Value):
    """The reviewer wants some tasks done again, each for the reason given (task id -> reason)."""

    kind: Literal["send_back"] = "send_back"
    reasons: dict[str, str]


Review = Accept | SendBack


class Receipt(Value):
    """What one call did, as the gate put it on record at its step; `words` are code's own, `claims` what operators said of it.

    `undo` says how a person takes it back ("" if nobody can); not `certain`: it may or may not have happened.
    """

    step: str
    task_id: str | None = None
    operator: str = ""
    tool: str
    words: str
    risks: tuple[str, ...] = ()
    undo: str = ""
    certain: bool = True
    claims: tuple[str, ...] = ()


class Account(Value):
    """What a mission did, from what is on record, and what was only said; `more` receipts are left out.

    `flags` is what operators want looked at, `contexts` the context documents that were given to somebody.
    """

    receipts: tuple[Receipt, ...] = ()
    more: int = 0
    unverified: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    contexts: tuple[Source, ...] = ()
