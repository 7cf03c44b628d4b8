"""The one gate: every tool call of every role passes here, and nothing a tool or a model does wrong gets out of it."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable, Sequence
from typing import Literal

from core.decisions import ToolCall
from core.errors import Refused, StaffworkError
from core.missions import Artifact, Source
from core.ports import ToolContext, ToolOutcome, ToolSpec
from tools.define import Tool, ToolResult
from tools.sanitise import repair, sanitise

_log = logging.getLogger(__name__)
_MOST_SOURCES = 50
_LONGEST_QUOTE = 1_000  # characters; the beginning of an exact quote is still exact

Ending = Literal["ok", "failed", "refused", "timeout"]


class _TimedOut(Exception):
    """The gate's own time limit; a TimeoutError of a tool is that tool's failure."""


class GatedToolbox:
    """Runs tool calls within grants, time, size and secrecy; only cancellation ever leaves `call`.

    `seconds` bounds one call, `output_bytes` what an operator reads of it, `at_once` the calls under way together.
    """

    def __init__(
        self, tools: Sequence[Tool], *, seconds: float, output_bytes: int, at_once: int, mask: Callable[[str], str]
    ) -> None:
        self._tools = {tool.name: tool for tool in tools}
        self._seconds, self._output_bytes, self._mask = seconds, output_bytes, mask
        self._places = asyncio.Semaphore(at_once)

    def offer(self, names: Sequence[str]) -> tuple[ToolSpec, ...]:
        """Describe the named tools, in the order given; unknown names are left out."""
        return tuple(self._tools[name].spec for name in names if name in self._tools)

    def intent(self, call: ToolCall) -> str:
        """Say in plain words what a call is about to do."""
        tool = self._tools.get(call.name)
        return self._mask(repair(tool.words(call.arguments) if tool else f"Use {call.name[:80]}"))

    async def call(self, call: ToolCall, context: ToolContext) -> ToolOutcome:
        """Run one call within its grants; never raises for what a tool or a model did wrong."""
        started = time.perf_counter()
        status: Ending = "ok"
        try:
            result = await self._run(call, context)
        except Refused as error:
            status, result = "refused", ToolResult(str(error))
        except _TimedOut:
            words = f"{call.name} was stopped after {self._seconds:g} seconds. Try a smaller piece of the work."
            status, result = "timeout", ToolResult(words)
        except StaffworkError as error:
            status, result = "failed", ToolResult(str(error))
        except Exception:  # border: one tool call
            status, result = "failed", ToolResult(self._bug(call))
        return self._outcome(status, result, time.perf_counter() - started)

    async def _run(self, call: ToolCall, context: ToolContext) -> ToolResult:
        tool = self._granted(call.name, context)
        # Repaired first and checked second, so that what was checked is exactly what runs.
        given, notes = sanitise(call.arguments)
        arguments = tool.check(given)
        async with self._places:
            result = await self._in_time(tool, context, arguments)
        if not notes:
            return result
        return ToolResult("\n".join([result.text, "Note:", *notes]), result.sources, result.artifacts)

    def _granted(self, name: str, context: ToolContext) -> Tool:
        if name in self._tools and name in context.granted:
            return self._tools[name]
        names = ", ".join(n for n in context.granted if n in self._tools)
        raise Refused(f"You may not use {name[:80]!r}. You may use: {names or 'no tools'}.")

    async def _in_time(self, tool: Tool, context: ToolContext, arguments: dict[str, object]) -> ToolResult:
        try:
            async with asyncio.timeout(self._seconds) as limit:
                return await tool.run(context, arguments)
        except TimeoutError:
            if limit.expired():
                raise _TimedOut from None
            raise

    def _bug(self, call: ToolCall) -> str:
        error_id = secrets.token_hex(4)
        _log.exception("tool %s failed, error %s", repair(call.name[:80]), error_id)
        return f"{call.name[:80]} broke down (error {error_id}). It is not your fault; try another way."

    def _outcome(self, status: Ending, result: ToolResult, seconds: float) -> ToolOutcome:
        text = repair(result.text)
        return ToolOutcome(
            status=status,
            # Masked before it is cut: half a secret at the cut would not be recognised.
            output=_cut(self._mask(text), self._output_bytes),
            size=len(text.encode()),
            seconds=seconds,
            sources=tuple(self._source(source) for source in result.sources[:_MOST_SOURCES]),
            artifacts=tuple(self._artifact(artifact) for artifact in result.artifacts),
        )

    def _source(self, source: Source) -> Source:
        quote = self._mask(repair(source.quote))[:_LONGEST_QUOTE]
        return source.model_copy(update={"quote": quote, "file": self._mask(repair(source.file))})

    def _artifact(self, artifact: Artifact) -> Artifact:
        return artifact.model_copy(update={"name": self._mask(repair(artifact.name))})


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
