"""The one gate: every tool call of every role passes here, and nothing a tool or a model does wrong gets out of it.

In this order: grant, arguments (repaired, then held against the schema), policy by risk and taint, what a person allowed,
the intent on record, the run within its time, the result masked and cut, and marked if it came from outside.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from core.decisions import ToolCall
from core.errors import Refused, StaffworkError
from core.missions import Artifact, Source
from core.ports import Authority, Effects, ToolContext, ToolOutcome, ToolSpec, Wish
from tools.define import Tool, ToolResult, Verdict
from tools.effects import Doing, Ended, IntentJournal, effect_key, effect_of, wish_of
from tools.policy import Policy
from tools.sanitise import repair, sanitise

T = TypeVar("T")

_log = logging.getLogger(__name__)
_MOST_SOURCES = 50
_LONGEST_QUOTE = 1_000  # characters; the beginning of an exact quote is still exact


class _TimedOut(Exception):
    """The gate's own time limit; a TimeoutError of a tool is that tool's failure."""


class GatedToolbox:
    """Lets tool calls through within their grants; what they do outside goes on record first, if `effects` are given.

    `seconds` bounds one call, `output_bytes` what an operator reads of it, `at_once` the calls under way together.
    Without an `authority` nobody can be asked, so what would have to be is refused.
    """

    def __init__(
        self,
        tools: Sequence[Tool],
        *,
        seconds: float,
        output_bytes: int,
        at_once: int,
        mask: Callable[[str], str],
        effects: Effects | None = None,
        policy: Policy | None = None,
        authority: Authority | None = None,
    ) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._mask, self._policy, self._authority = mask, policy or Policy(), authority
        self._hands = _Hands(self._tools, seconds, output_bytes, mask)
        self._places = asyncio.Semaphore(at_once)
        self._journal = None if effects is None else IntentJournal(effects, self._hands)

    def offer(self, names: Sequence[str]) -> tuple[ToolSpec, ...]:
        """Describe the named tools, in the order given; unknown names are left out."""
        return tuple(self._tools[name].spec for name in names if name in self._tools and self._tools[name].there())

    def intent(self, call: ToolCall) -> str:
        """Say in plain words what a call is about to do."""
        tool = self._tools.get(call.name)
        return self._mask(repair(tool.words(call.arguments) if tool else f"Use {call.name[:80]}"))

    async def call(self, call: ToolCall, context: ToolContext) -> ToolOutcome:
        """Run one call within its grants; never raises for what a tool or a model did wrong.

        Raises Conflict or StoreUnavailable if a call with an effect cannot go on record, or if what people allowed cannot
        be looked up; then it was not begun.
        """
        started = time.perf_counter()
        doing = await self._hands.tried(call.name, self._checked(call, context, started))
        if isinstance(doing, Ended):
            return self._hands.plain_outcome(doing, time.perf_counter() - started)
        wish = await self._hands.tried(call.name, self._to_be_allowed(doing))
        if isinstance(wish, Ended):
            return self._hands.plain_outcome(wish, time.perf_counter() - started)
        if wish is not None and not (self._authority and await self._authority.permits(wish)):
            return self._hands.unasked(wish, time.perf_counter() - started)
        async with self._places:
            if self._journal is not None and doing.tool.effect != "none":
                return await self._journal.carry_out(doing)
            return self._hands.outcome(doing, await self._hands.run(doing))

    async def _checked(self, call: ToolCall, context: ToolContext, started: float) -> Doing:
        tool = self._granted(call.name, context)
        # Repaired first and checked second, so that what was checked is exactly what runs.
        given, notes = sanitise(call.arguments)
        arguments = tool.check(given)
        effect = effect_of(tool, given, context)
        context = context.model_copy(update={"effect_key": effect_key(effect), "role": await self._role(tool, context)})
        return Doing(tool, given, arguments, context, effect, self.intent(call), tuple(notes), started)

    async def _to_be_allowed(self, doing: Doing) -> Wish | None:
        """Return what a person must allow first; None if it may run. Raises Refused if it may not at all."""
        context, given = doing.context, doing.given
        if doing.tool.roles and context.role not in doing.tool.roles:
            raise Refused(f"{doing.tool.name} is only for missions of: {', '.join(doing.tool.roles)}.")
        ruling = self._policy.judge(doing.tool.as_called(given), given, context, context.role)
        match ruling.answer:
            case "allow":
                return None
            case "deny":
                raise Refused(f"{doing.tool.name} is not allowed here. {ruling.why}")
        if self._authority is None:
            raise Refused(f"{doing.tool.name} needs somebody's approval, and nobody can be asked here. {ruling.why}")
        return wish_of(doing, ruling.why, ruling.choices)

    async def _role(self, tool: Tool, context: ToolContext) -> str:
        matters = self._policy.by_role or tool.roles or tool.judge
        return await self._authority.role_of(context.user_id) if self._authority and matters else ""

    def _granted(self, name: str, context: ToolContext) -> Tool:
        if name in self._tools and name in context.granted:
            if self._tools[name].there():
                return self._tools[name]
            raise Refused(f"{name} is not there just now. Try another way, or again later.")
        names = ", ".join(n for n in context.granted if n in self._tools)
        raise Refused(f"You may not use {name[:80]!r}. You may use: {names or 'no tools'}.")


class _Hands:
    """Runs what is a tool's own, and lets nothing it does wrong get further; keeps time, size and secrecy."""

    def __init__(
        self, tools: Mapping[str, Tool], seconds: float, output_bytes: int, mask: Callable[[str], str]
    ) -> None:
        self._tools, self._seconds, self._output_bytes, self._mask = tools, seconds, output_bytes, mask

    async def run(self, doing: Doing) -> Ended:
        """Run a call; raises nothing but cancellation."""
        work = self._in_time(doing.tool.run(doing.context, doing.arguments))
        result = await self.tried(doing.tool.name, work)
        return result if isinstance(result, Ended) else Ended("ok", result)

    async def verify(self, doing: Doing) -> ToolResult | Verdict:
        """Ask the tool whether the call happened; where it cannot be asked, or fails, it cannot tell."""
        if doing.tool.verify is None:
            return Verdict.UNKNOWN
        check = self._in_time(doing.tool.verify(doing.context, doing.arguments))
        found = await self.tried(f"the check of {doing.tool.name}", check)
        return found if isinstance(found, ToolResult | Verdict) else Verdict.UNKNOWN

    def may_repeat(self, name: str) -> bool:
        """Say whether calls of a tool may be made again without harm; not if there is no such tool any more."""
        return name in self._tools and self._tools[name].effect != "once"

    async def tried(self, name: str, work: Awaitable[T]) -> T | Ended:
        """Wait for something of a tool's, and say how it ended if not well."""
        try:
            return await work
        except Refused as error:
            return Ended("refused", ToolResult(str(error), tainted=error.tainted))
        except _TimedOut:
            words = f"{name} was stopped after {self._seconds:g} seconds. Try a smaller piece of the work."
            return Ended("timeout", ToolResult(words))
        except StaffworkError as error:
            return Ended("failed", ToolResult(str(error), tainted=error.tainted))
        except asyncio.CancelledError:
            this = asyncio.current_task()
            if this is None or this.cancelling():
                raise
            return Ended("broken", ToolResult(_bug(name)))  # nobody cancelled the call: a library of the tool's did
        except Exception:  # border: one tool call
            return Ended("broken", ToolResult(_bug(name)))

    async def _in_time(self, work: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self._seconds) as limit:
                return await work
        except TimeoutError:
            if limit.expired():
                raise _TimedOut from None
            raise

    def outcome(self, doing: Doing, ended: Ended) -> ToolOutcome:
        """Make of an ending what is stored and read."""
        result = ended.result
        if doing.notes and ended.status == "ok":
            text = "\n".join([result.text, "Note:", *doing.notes])
            ended = replace(ended, result=replace(result, text=text))
        outcome = self.plain_outcome(ended, time.perf_counter() - doing.started)
        more: dict[str, Any] = {"tainted": doing.tool.taints or result.tainted, "grants": ended.result.grants}
        # A receipt: what a tool itself says it did not do has none, and what nobody knows of is on it, too.
        if ended.result.changed and ended.status in ("ok", "timeout", "broken"):
            more |= {"risks": tuple(sorted(doing.tool.risks - {"read"})), "undo": doing.tool.undo}
        return outcome.model_copy(update=more)

    def unasked(self, wish: Wish, seconds: float) -> ToolOutcome:
        """Say that a call was not begun, because a person must allow it first."""
        outcome = self.plain_outcome(Ended("refused", ToolResult(wish.why)), seconds)
        return outcome.model_copy(update={"status": "approval", "wish": wish})

    def plain_outcome(self, ended: Ended, seconds: float) -> ToolOutcome:
        """Repair, mask and cut what an ending says."""
        result, text = ended.result, repair(ended.result.text)
        return ToolOutcome(
            status="failed" if ended.status == "broken" else ended.status,
            # Masked before it is cut: half a secret at the cut would not be recognised.
            output=_cut(self._mask(text), self._output_bytes),
            size=len(text.encode()),
            seconds=seconds,
            sources=tuple(self._source(source) for source in result.sources[:_MOST_SOURCES]),
            artifacts=tuple(self._artifact(artifact) for artifact in result.artifacts),
            pictures=tuple(p.model_copy(update={"name": self._mask(repair(p.name))}) for p in result.pictures),
        )

    def _source(self, source: Source) -> Source:
        quote = self._mask(repair(source.quote))[:_LONGEST_QUOTE]
        return source.model_copy(update={"quote": quote, "file": self._mask(repair(source.file))})

    def _artifact(self, artifact: Artifact) -> Artifact:
        return artifact.model_copy(update={"name": self._mask(repair(artifact.name))})


def _bug(name: str) -> str:
    error_id = secrets.token_hex(4)
    _log.exception("tool %s failed, error %s", repair(name[:80]), error_id)
    return f"{name[:80]} broke down (error {error_id}). It is not your fault; try another way."


def _cut(text: str, most: int) -> str:
    """Keep the beginning and the end of a text that has too many bytes, and say between them how many are left out."""
    data = text.encode()
    if len(data) <= most:
        return text
    room = max(most - 80, 0)  # the sentence between them takes its place too
    head, tail = data[: room * 2 // 3], data[len(data) - room // 3 :]
    left_out = len(data) - len(head) - len(tail)
    between = f"\n[... {left_out:,} bytes left out of {len(data):,} ...]\n"
    return head.decode(errors="ignore") + between + tail.decode(errors="ignore")
