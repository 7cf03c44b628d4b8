"""How work gets stuck: the patterns in what one task does, told from its replies and outcomes alone."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agents.llm.advice import asks_for_less
from agents.role_tools import FINISH
from core.decisions import ToolCall
from core.events import (
    Event,
    LimitReached,
    MessageSent,
    ModelAsked,
    ModelFailed,
    ModelReplied,
    QuestionAnswered,
    TaskEnded,
    ToolReturned,
)
from core.missions import Status

Pattern = Literal[
    "no_progress", "same_result", "same_error", "monologue", "alternating", "too_long", "circle", "budget"
]

SAME_RESULT = 4  # looking again twice is diligence; the fourth time tells nothing that the third did not
SAME_ERROR = 3  # the second try is for bad luck; what fails a third time unchanged fails the fourth time too
ALTERNATIONS = 3  # write, check, write, check is work; a third pair with the very same results is none
SILENT_REPLIES = 3  # replies that neither call a tool nor end the task
TOO_LONG = 2  # replies or questions without room, one after the other; tries of the same task in another way included
RELAPSES = 2  # after a nudge: the next step may have been decided before it was read, the one after that was not
LOOP_TEXT, LOOP_REPEATS = 4000, 4  # the last characters, if they are so often the same: no ruler is as long
_KEPT = 2 * ALTERNATIONS


def digest(*parts: object) -> str:
    """Make one short text of any values, the same for the same ones: objects with their names in order."""
    try:
        text = json.dumps(parts, sort_keys=True, default=repr)
    except (RecursionError, ValueError, TypeError):  # deeper than Python's stack, or names that have no order
        text = f"{len(parts)} parts that cannot be written down"
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


@dataclass(slots=True)
class _Round:
    """The calls of one reply and what came of them; in whichever order they ended, the same round has the same key."""

    step: str
    calls: list[str]
    tools: str
    outcomes: list[str] = field(default_factory=list)
    failures: int = 0

    @property
    def failed(self) -> bool:
        return self.failures > 0 and self.failures == len(self.outcomes)

    @property
    def key(self) -> str:
        # Errors may name a time or an id of their own: that the calls failed is all that counts.
        return digest(sorted(self.calls), "failed" if self.failed else sorted(self.outcomes))


class Loop:
    """Whether the text of a reply repeats itself without end; keeps the last characters only."""

    def __init__(self) -> None:
        self._step, self._tail, self._unread = "", "", 0
        self.found = False

    def add(self, step: str, offset: int, text: str) -> bool:
        """Take a piece of a reply's text (another step, or offset 0, begins anew); say whether it has just become a loop."""
        if step != self._step or offset == 0:
            self._step, self._tail, self._unread, self.found = step, "", 0, False
        self._tail = (self._tail + text)[-LOOP_TEXT:]
        self._unread += len(text)
        most = LOOP_TEXT // LOOP_REPEATS
        if self._unread >= most and len(self._tail) == LOOP_TEXT:
            self._unread, before = 0, self.found
            self.found = self._tail.find(self._tail[: LOOP_TEXT - most], 1) > 0
            return self.found and not before
        return False


class Habits:
    """What one task does again and again. Feed it in order: what it returns are the patterns that have become clear.

    `excuse(pattern)` after a nudge: from there on the same thing counts as a relapse much sooner.
    Nothing of the texts is kept but their digests, and of those the last few rounds.
    """

    def __init__(self) -> None:
        self._rounds: deque[_Round] = deque(maxlen=_KEPT)
        self._open: _Round | None = None
        self._told: dict[Pattern, set[str]] = {}
        self._silent, self._said = 0, ""
        self.overflows = 0
        self._loop = Loop()
        self.fresh = False  # whether the last round was none of those it was nudged for
        self.about = ""  # the tools of the last two rounds

    def asked(self) -> list[Pattern]:
        """The model is asked again: whatever the calls before had as outcomes, there are no more."""
        return self._close() if self._open else []

    def listen(self, step: str, offset: int, text: str) -> bool:
        """Text of a reply arrives; say whether with it the reply has begun to repeat itself without end."""
        return self._loop.add(step, offset, text)

    @property
    def looping(self) -> bool:
        return self._loop.found

    def replied(self, step: str, text: str, calls: Sequence[ToolCall], finish: str) -> list[Pattern]:
        """A whole reply arrived; `calls` without the one that ends the task."""
        self.overflows *= finish == "length"  # a reply that had room ends the row
        too_long = self.overflowed() if finish == "length" else []
        if calls:
            names = " and ".join(dict.fromkeys(c.name[:40] for c in calls))
            self._open = _Round(step, [digest(c.name, c.arguments) for c in calls], names)
            self._silent, self._said = 0, ""
            return too_long
        same = bool(text) and digest(text) == self._said
        self._silent, self._said = self._silent + 1, digest(text)
        most = RELAPSES if "monologue" in self._told else SILENT_REPLIES
        return [*too_long, "monologue"] if same or self._silent >= most else too_long

    def returned(self, outcome: str, ok: bool) -> list[Pattern]:
        """One of the calls under way came to an end; `outcome` is the digest of it."""
        if self._open is None:
            return []
        self._open.outcomes.append(outcome)
        self._open.failures += not ok
        return self._close() if len(self._open.outcomes) >= len(self._open.calls) else []

    def overflowed(self) -> list[Pattern]:
        """A question or a reply did not fit."""
        self.overflows += 1
        return ["too_long"] if self.overflows >= TOO_LONG or "too_long" in self._told else []

    def excuse(self, pattern: Pattern) -> None:
        """Forget what led to a pattern, but not that it was seen."""
        told = self._told.setdefault(pattern, set())
        if pattern in ("same_result", "same_error", "alternating"):
            told.update(r.key for r in list(self._rounds)[-2:])
        self.fresh = False
        self.start_over(pattern)

    def start_over(self, pattern: Pattern) -> None:
        """Count from here on."""
        match pattern:
            case "same_result" | "same_error" | "alternating":
                self._rounds.clear()
            case "monologue":
                self._silent, self._said = 0, ""
            case "too_long":
                self.overflows = 0
            case _:
                pass  # not told from habits

    def _close(self) -> list[Pattern]:
        assert self._open is not None
        self._rounds.append(self._open)
        self.about = " and ".join(dict.fromkeys(r.tools for r in list(self._rounds)[-2:]))
        self._open = None
        self.fresh = not any(self._rounds[-1].key in keys for keys in self._told.values())
        return list(self._patterns([r.key for r in self._rounds], self._rounds[-1].failed))

    def _patterns(self, keys: list[str], failed: bool) -> Iterator[Pattern]:
        run = next((n for n, key in enumerate(reversed(keys)) if key != keys[-1]), len(keys))
        if run >= (SAME_ERROR if failed else SAME_RESULT):
            yield "same_error" if failed else "same_result"
        if len(keys) == _KEPT and keys == keys[:2] * ALTERNATIONS:
            yield "alternating"
        for pattern, told in self._told.items():
            if len(keys) >= RELAPSES and all(key in told for key in keys[-RELAPSES:]):
                yield pattern


def told(habits: Habits, event: Event) -> list[Pattern]:
    """Tell a task's habits what happened; of a subtask's end, it is the parent's."""
    match event:
        case ModelAsked():
            return habits.asked()
        case ModelReplied():
            calls = [call for call in event.tool_calls if call.name != FINISH]
            ends = bool(event.tool_calls) and not calls
            return [] if ends else habits.replied(event.step, event.text, calls, event.finish)
        case ModelFailed() if asks_for_less(event.reason):
            habits.overflows += 1  # its task is over; who does it again is told at once
            return []
    outcome = _outcome(event)
    return habits.returned(*outcome) if outcome else []


def _outcome(event: Event) -> tuple[str, bool] | None:
    """Make one short text of what came of a call, and say whether it went well; None if the event is no such thing."""
    match event:
        case ToolReturned():
            return digest(event.status, event.output, event.size), event.status == "ok"
        case TaskEnded():
            ended = digest(event.operator, event.status, event.summary, event.result)
            return ended, event.status is Status.COMPLETED
        case QuestionAnswered():
            return digest(event.answer, event.unanswered), not event.unanswered
        case LimitReached(limit="delegation"):
            return digest(event.words), False
        case MessageSent() if event.message.message_type == "note":
            return "sent", True
    return None
