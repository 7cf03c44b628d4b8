"""Server-sent events as raw bytes: the hot loop of every model reply, with caps no server can talk its way around."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import orjson

from agents.llm.faults import fault_in_body
from core.errors import ModelUnavailable

DONE = b"[DONE]"
MISPLACED = (LookupError, TypeError, AttributeError)
"""What reading an event raises if its parts are not where they belong: a bad reply, not a bug of ours."""
_LONGEST_LINE = 4 * 1024 * 1024
_BREATHE_EVERY = 50  # network chunks: reading what is already there never gives way to others by itself


@dataclass(frozen=True)
class Caps:
    """How much one reply may be on the wire: bytes, and network chunks."""

    size: int = 16 * 1024 * 1024
    chunks: int = 200_000

    @classmethod
    def allowing(cls, tokens: int) -> Caps:
        """Leave room for replies of so many tokens, each in an event of its own, thoughts we do not keep included."""
        return cls(max(cls.size, tokens * 1024), max(cls.chunks, tokens * 8))


class _Meter:
    """Counts what arrives, stops what is too much, and now and then gives way to others."""

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._size = self._chunks = 0

    async def count(self, chunk: bytes, rest: bytes) -> None:
        self._chunks += 1
        self._size += len(chunk)
        if self._size > self._caps.size or self._chunks > self._caps.chunks:
            raise ModelUnavailable("too_long", "The model's reply did not end within the size allowed for one.")
        if len(rest) > _LONGEST_LINE:
            raise ModelUnavailable("too_long", "The model's server sent a line without end.")
        if not self._chunks % _BREATHE_EVERY:
            await asyncio.sleep(0)


async def read_events(chunks: AsyncIterator[bytes], caps: Caps) -> AsyncIterator[list[bytes]]:
    """Yield the `data` of the events in each network chunk, undecoded; comments and other fields are passed over.

    Ends after `[DONE]`. Raises ModelUnavailable for a body that is no event stream at all, and for one over the caps.
    """
    meter = _Meter(caps)
    rest, strays = b"", b""
    seen = False
    async for chunk in chunks:
        await meter.count(chunk, rest)
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        events = [line[5:] for line in lines if line.startswith(b"data:")]
        if events and events[-1].strip() == DONE:
            yield events[:-1]
            await _drain(chunks)
            return
        if events:
            seen = True
            yield events
        elif not seen and len(strays) < 4000:
            strays += b"\n".join(lines)
    if rest.startswith(b"data:") and rest[5:].strip() != DONE:
        yield [rest[5:]]
    elif not seen:
        raise fault_in_body(strays + rest)


async def _drain(chunks: AsyncIterator[bytes]) -> None:
    """Read the end of the body, so that the connection can be used again; a server that keeps it open is left alone."""
    with suppress(TimeoutError):
        async with asyncio.timeout(0.2):
            async for _ in chunks:
                return


def decode(data: bytes) -> dict[str, Any]:
    """Parse the data of one event; raises ModelUnavailable if it is not a JSON object."""
    try:
        event = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise ModelUnavailable("bad_reply", f"The model's server sent something that is not JSON ({error}).") from error
    if not isinstance(event, dict):
        raise ModelUnavailable("bad_reply", "The model's server sent an event of an unknown form.")
    return event


def misplaced() -> ModelUnavailable:
    """Make the fault for an event whose parts are not where they belong."""
    return ModelUnavailable("bad_reply", "The model's server sent an event of an unknown form.")
