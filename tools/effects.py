"""The intent journal: what is about to happen outside goes on record first, so that whatever dies whenever, nothing
happens twice, and what may or may not have happened is said instead of repeated."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar
from weakref import WeakValueDictionary

from core.decisions import call_hash
from core.errors import StoreUnavailable
from core.missions import derived_id
from core.ports import Effect, Effects, ToolContext, ToolOutcome, Wish
from tools.define import Tool, ToolResult, Verdict
from tools.sanitise import visible

T = TypeVar("T")
_log = logging.getLogger(__name__)

_INTERRUPTED = "was begun and then interrupted"
_HOW = {"timeout": "took too long to answer", "broken": "broke down on the way"}
_BY_PERSON = ("happened", "retry", "skip")
_WAYS = {
    "check": "have it checked",
    "happened": "say that it happened",
    "retry": "have it done all the same",
    "skip": "leave it out",
}


@dataclass(frozen=True, slots=True)
class Ended:
    """How one run of a tool ended; after "timeout" and "broken" nobody knows what happened outside."""

    status: Literal["ok", "failed", "refused", "timeout", "broken"]
    result: ToolResult

    @property
    def certain(self) -> bool:
        return self.status not in ("timeout", "broken")


@dataclass(frozen=True, slots=True)
class Doing:
    """One call that passed the gate: its tool, its checked arguments, and how it is known on record."""

    tool: Tool
    given: Mapping[str, Any]  # JSON values made safe, as they are judged, shown and hashed
    arguments: Mapping[str, Any]  # the same as the tool takes them
    context: ToolContext
    effect: Effect
    words: str  # what it is about to do, in plain words
    notes: tuple[str, ...]  # what had to be repaired in the arguments
    started: float  # time.perf_counter() when it came to the gate

    @property
    def ways(self) -> tuple[str, ...]:
        """List what a person can decide of it when nobody knows whether it happened."""
        return _BY_PERSON if self.tool.verify is None else ("check", *_BY_PERSON)

    @property
    def decision(self) -> str:
        """Name the decision to do it again; one without a name is carried out once in all: rather ask than repeat unseen."""
        return (self.context.decision or "retry") if self.context.decided == "retry" else ""


class Hands(Protocol):
    """What does the work, within its limits on time, size and secrecy."""

    async def run(self, doing: Doing) -> Ended:
        """Run a call; raises nothing but cancellation."""

    async def verify(self, doing: Doing) -> ToolResult | Verdict:
        """Ask the tool whether the call happened; where it cannot be asked, or fails, it cannot tell."""

    def outcome(self, doing: Doing, ended: Ended) -> ToolOutcome:
        """Make of an ending what is stored and read."""

    def may_repeat(self, name: str) -> bool:
        """Say whether calls of a tool may be made again without harm."""


def effect_of(tool: Tool, given: Mapping[str, Any], context: ToolContext) -> Effect:
    """Name a call by its place in the mission, its tool and its arguments (made safe by `sanitise`)."""
    return Effect(
        mission_id=context.mission_id,
        step=context.step,
        tool=tool.name,
        arguments_hash=call_hash(tool.name, given),
        attempt=context.attempt,
        durable=tool.effect == "once",
    )


def wish_of(doing: Doing, why: str, choices: tuple[str, ...]) -> Wish:
    """Say what a person must allow: this very call, at this place, with these arguments."""
    effect, context = doing.effect, doing.context
    return Wish(
        approval_id=derived_id("approval", effect.mission_id, effect.step, effect.arguments_hash),
        mission_id=context.mission_id,
        conversation_id=context.conversation_id,
        user_id=context.user_id,
        step=context.step,
        tool=doing.tool.name,
        arguments=dict(doing.given),
        arguments_hash=effect.arguments_hash,
        words=visible(doing.words),
        why=why,
        choices=choices,
    )


def effect_key(effect: Effect) -> str:
    """Make the key under which an outside service recognises this very call when it is made again."""
    return derived_id("effect", effect.mission_id, effect.step, effect.arguments_hash)


class IntentJournal:
    """Carries out calls with an effect: on record, done, result on record; a call on record as done is not made again.

    What an `Effects` raises (Conflict, StoreUnavailable) leaves `carry_out`: the effect did not begin then.
    """

    def __init__(self, effects: Effects, hands: Hands) -> None:
        self._effects, self._hands = effects, hands
        self._under_way: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = WeakValueDictionary()

    async def carry_out(self, doing: Doing) -> ToolOutcome:
        """Return the outcome on record, or run the call and put it there; "unsettled" if it may have happened before."""
        effect = doing.effect
        place = (effect.mission_id, effect.step, effect.arguments_hash)
        lock = self._under_way.setdefault(place, asyncio.Lock())
        async with lock:  # the same call made twice at once waits for the first, and has its outcome
            return await self._first_look(doing)

    async def _first_look(self, doing: Doing) -> ToolOutcome:
        decided = doing.context.decided
        # With a decision at hand, or where no harm can come of it, what the step began before does not matter.
        beside = doing.tool.effect != "once" or decided in _BY_PERSON
        intent = await self._effects.begin(doing.effect, beside=beside, decision=doing.decision)
        if intent.others and all(self._hands.may_repeat(name) for name in intent.others):
            intent = await self._effects.begin(doing.effect, beside=True)
        if intent.others:
            return self._changed_course(doing, intent.others)
        if intent.outcome is not None:
            return intent.outcome
        if intent.mine and decided not in ("happened", "skip"):
            return await self._run(doing, intent.runs)
        return await self._look_again(doing, intent.runs)

    async def _look_again(self, doing: Doing, runs: int) -> ToolOutcome:
        """Decide on a call that was begun, and of which nothing more is on record."""
        match doing.context.decided:
            case "happened":
                words = "You said that this happened. What came of it is not known."
                return await self._settle(doing, runs, Ended("ok", ToolResult(words)))
            case "skip":
                words = "Skipped by the user. It may have happened before all the same."
                return await self._settle(doing, runs, Ended("refused", ToolResult(words)))
            case "retry":
                return await self._run_again(doing, runs, doing.decision)
        return await self._look_undecided(doing, runs)

    async def _look_undecided(self, doing: Doing, runs: int) -> ToolOutcome:
        if doing.tool.effect != "once":
            return await self._run_again(doing, runs)
        verdict = await self._hands.verify(doing)
        if isinstance(verdict, ToolResult):
            return await self._settle(doing, runs, Ended("ok", verdict))
        if verdict is Verdict.NOT_HAPPENED:
            return await self._run_again(doing, runs)
        return self._unsettled(doing, _INTERRUPTED)

    async def _run_again(self, doing: Doing, runs: int, decision: str = "") -> ToolOutcome:
        intent = await self._effects.begin(doing.effect, after=runs, decision=decision)
        if intent.outcome is not None:
            return intent.outcome
        if intent.mine:
            return await self._run(doing, intent.runs)
        if decision:  # it was carried out before, and that run was interrupted too
            return await self._look_undecided(doing, intent.runs)
        return self._unsettled(doing, _INTERRUPTED)

    async def _run(self, doing: Doing, runs: int) -> ToolOutcome:
        ended = await self._hands.run(doing)
        if doing.tool.effect == "once" and not ended.certain:
            verdict = await self._hands.verify(doing)
            if verdict is Verdict.UNKNOWN:
                return self._unsettled(doing, _HOW[ended.status])
            ended = Ended("ok", verdict) if isinstance(verdict, ToolResult) else ended
        return await self._conclude(doing, runs, ended)

    async def _settle(self, doing: Doing, runs: int, ended: Ended) -> ToolOutcome:
        outcome = self._hands.outcome(doing, ended)
        await _to_its_end(self._effects.finish(doing.effect, runs, outcome))
        return outcome

    async def _conclude(self, doing: Doing, runs: int, ended: Ended) -> ToolOutcome:
        try:
            return await self._settle(doing, runs, ended)
        except (StoreUnavailable, OSError):
            # It happened, and that is what the operator must hear. If this process dies now, a person will be asked.
            _log.warning("what came of %s at step %s could not be stored", doing.tool.name, doing.effect.step)
            return self._hands.outcome(doing, ended)

    def _unsettled(self, doing: Doing, how: str) -> ToolOutcome:
        words = f"“{visible(doing.words)}” {how}: it may or may not have happened, and was not repeated."
        return self._ask(doing, words, doing.ways)

    def _changed_course(self, doing: Doing, others: tuple[str, ...]) -> ToolOutcome:
        words = (
            f"Before an interruption, this step began something else ({', '.join(others)}), which happened or may have "
            f"happened. Now “{visible(doing.words)}” is due in its place; it may be the same in other words, and was not begun."
        )
        return self._ask(doing, words, _BY_PERSON)

    def _ask(self, doing: Doing, words: str, ways: tuple[str, ...]) -> ToolOutcome:
        *most, last = [_WAYS[way] for way in ways]
        text = f"{words} You can {', '.join(most)}, or {last}."
        outcome = self._hands.outcome(doing, Ended("broken", ToolResult(text)))
        return outcome.model_copy(update={"status": "unsettled", "choices": ways})


async def _to_its_end(writing: Awaitable[T]) -> T:
    """Wait for a short write even when cancelled meanwhile: what happened must be on record."""
    task = asyncio.ensure_future(writing)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled() and (problem := task.exception()):
            _log.warning("what was under way when it was cancelled could not be stored: %s", problem)
        raise
