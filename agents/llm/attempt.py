"""One attempt at one model call: the deltas read within every limit on time and size."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass

from agents.llm.assembly import Assembly, Finish
from agents.llm.calls import CallSite, ModelRequest, Tokens
from agents.llm.catalog import estimate, estimate_request
from agents.llm.faults import call_errors, fault_of
from agents.llm.streams import Delta, DeltaSource
from core.decisions import ToolCall
from core.errors import ModelUnavailable
from core.settings import Settings

_GRACE_SECONDS = 3.0
_LONGEST_TOKEN = 32  # characters, on average over a reply
_BREATHE_EVERY = 50  # deltas: a model that never waits must not keep others waiting


@dataclass(frozen=True)
class Limits:
    """Seconds for the beginning of a reply, for a pause in it, and for a whole call; characters of a reply."""

    first_token: float
    silence: float
    total: float
    characters: int

    @property
    def grace(self) -> float:
        """Seconds to wait after the finish reason, when only usage and the end of the stream are still to come."""
        return min(_GRACE_SECONDS, self.silence)

    @classmethod
    def of(cls, settings: Settings, request: ModelRequest) -> Limits:
        return cls(
            first_token=settings.model_first_token_seconds,
            silence=settings.model_silence_seconds,
            total=settings.model_total_seconds,
            characters=(request.max_tokens or settings.model_max_tokens) * _LONGEST_TOKEN,
        )


class Attempt:
    """Runs once; afterwards it knows the reply or the fault, the time it took, and what it used."""

    def __init__(
        self, source: DeltaSource, request: ModelRequest, site: CallSite, limits: Limits, deadline: float
    ) -> None:
        self._source, self._request, self._site = source, request, site
        self._limits, self._deadline = limits, deadline
        self._assembly = Assembly(limits.characters)
        self._started = asyncio.get_running_loop().time()
        self._progress = False
        self.result: tuple[str, tuple[ToolCall, ...], Finish] | None = None
        self.fault: ModelUnavailable | None = None
        self.first_token_seconds: float | None = None
        self.seconds = 0.0

    @property
    def said_something(self) -> bool:
        return self._assembly.text_length > 0

    async def run(self) -> None:
        """Read the reply; sets `result`, or `fault` with a sentence on what happened."""
        loop = asyncio.get_running_loop()
        try:
            await self._read(loop)
            self.result = self._assembly.complete()
        except call_errors() as error:
            self.fault = self._place(fault_of(error))
        finally:
            self.seconds = loop.time() - self._started

    async def _read(self, loop: asyncio.AbstractEventLoop) -> None:
        try:
            async with asyncio.timeout_at(min(self._started + self._limits.first_token, self._deadline)) as timer:
                async with aclosing(self._source.deltas(self._request)) as deltas:  # type: ignore[type-var]
                    count = 0
                    async for delta in deltas:
                        now = loop.time()
                        self._take(delta, now)
                        pause = self._limits.grace if self._assembly.finish else self._limits.silence
                        due = min(now + pause, self._deadline)
                        if abs(due - (timer.when() or 0)) > pause / 20:  # to the letter it would cost more than reading
                            timer.reschedule(due)
                        count += 1
                        if not count % _BREATHE_EVERY:
                            await asyncio.sleep(0)
        except call_errors() as error:
            if self._assembly.finish and fault_of(error).kind in ("connection", "cut_stream", "timeout"):
                return  # the reply was complete; only its wrapping is missing
            if timer.expired():
                raise self._lateness(loop.time()) from error
            raise

    def _take(self, delta: Delta, now: float) -> None:
        self._progress = True
        if self.first_token_seconds is None and (delta.text or delta.tool_calls):
            self.first_token_seconds = now - self._started
        offset = self._assembly.text_length
        self._assembly.add(delta)
        if delta.text:
            self._site.on_text(delta.text, offset)

    def _lateness(self, now: float) -> ModelUnavailable:
        limits = self._limits
        if now >= self._deadline - 0.001:
            return ModelUnavailable("timeout", f"The model was not done within {limits.total:g} seconds.")
        if not self._progress:
            return ModelUnavailable(
                "timeout", f"The model did not begin to answer within {limits.first_token:g} seconds."
            )
        return ModelUnavailable(
            "timeout", f"The model fell silent for {limits.silence:g} seconds in the middle of its reply."
        )

    def _place(self, fault: ModelUnavailable) -> ModelUnavailable:
        """Call a connection lost in the middle of a reply what it is: a reply cut off."""
        if fault.kind == "connection" and self._progress:
            return ModelUnavailable("cut_stream", "The model's reply broke off before its end.")
        return fault

    def tokens(self) -> Tokens | None:
        """Count what was used, estimated where the provider did not say, or said what cannot be; None if the call was turned
        away unworked."""
        said = self._assembly.usage
        if said is not None and said.possible:
            return said
        worked = self._progress or self.fault is None or self.fault.kind == "timeout"
        if not worked:
            return None
        return Tokens(estimate_request(self._request), estimate(self._assembly.written()))
