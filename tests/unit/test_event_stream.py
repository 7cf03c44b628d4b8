"""The bytes of an event stream, cut anywhere, are the same events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from agents.llm.sse import Caps, decode, read_events
from core.errors import ModelUnavailable

STREAM = (
    b": comment\n\n"
    b'event: message\r\ndata: {"a": "\xc3\xa9"}\r\n\r\n'
    b'data:{"b": 2}\n\n'
    b'id: 7\nretry: 10\ndata: {"c": 3}\n\n'
    b": keep-alive\n\ndata: [DONE]\n\n"
)


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def events(parts: Iterable[bytes], caps: Caps | None = None) -> list[dict[str, object]]:
    return [decode(data) async for group in read_events(chunks(*parts), caps or Caps()) for data in group]


async def kind_of(*parts: bytes, caps: Caps | None = None) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        await events(parts, caps)
    return caught.value.kind


async def test_every_cut_gives_the_same_events() -> None:
    whole = [{"a": "é"}, {"b": 2}, {"c": 3}]
    assert await events([STREAM]) == whole
    for cut in range(1, len(STREAM)):
        assert await events([STREAM[:cut], STREAM[cut:]]) == whole, cut
    assert await events([STREAM[i : i + 1] for i in range(len(STREAM))]) == whole


async def test_nothing_counts_after_done() -> None:
    assert await events([b'data: {"a": 1}\n\ndata: [DONE]\n\n', b'data: {"b": 2}\n\n']) == [{"a": 1}]


async def test_a_last_line_without_its_end_still_counts() -> None:
    assert await events([b'data: {"a": 1}\n\n', b'data: {"b": 2}']) == [{"a": 1}, {"b": 2}]
    assert await events([b'data: {"a": 1}\n\n', b"data: [DONE]"]) == [{"a": 1}]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "cut_stream"),
        (b"<!doctype html><title>Hi</title>", "bad_reply"),
        (b"Bad gateway", "bad_reply"),
        (b'{"error": {"message": "quota", "code": "insufficient_quota"}}', "credit"),
        (b'{"error": {"message": "slow down", "code": 429}}\n', "rate_limit"),
        (b'{"error": "model is loading"}', "server"),
        (b'{"error": {"mess', "bad_reply"),
        (b": only\n\n: comments\n\n", "bad_reply"),
        (b"data: {not json}\n\n", "bad_reply"),
        (b'data: "text"\n\n', "bad_reply"),
        (b'data: {"a": "\xff"}\n\n', "bad_reply"),
    ],
)
async def test_what_is_no_event_stream_is_named(body: bytes, kind: str) -> None:
    assert await kind_of(body) == kind


async def test_bytes_and_chunks_are_capped() -> None:
    event = b'data: {"a": 1}\n\n'
    assert await kind_of(*[event] * 10, caps=Caps(size=100)) == "too_long"
    assert await kind_of(*[event] * 10, caps=Caps(chunks=5)) == "too_long"
    assert await kind_of(*[b": x\n"] * 10, caps=Caps(chunks=5)) == "too_long"
    assert await kind_of(*[b"x" * 1024 * 1024] * 6) == "too_long"


async def test_a_stream_that_never_waits_lets_others_breathe() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(tick())
    assert await events([*[b": keep-alive\n"] * 5000, b'data: {"a": 1}\n\n']) == [{"a": 1}]
    other.cancel()
    assert ticks >= 100
