"""Embedding for real: the local model without a network, and a loopback server that speaks the wire format."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from core.errors import ModelUnavailable
from core.settings import Settings
from memory.embeddings import LocalEmbedder, RemoteEmbedder, open_embedder

Answer = tuple[int, Any]


def length(vector: list[float]) -> float:
    return math.sqrt(sum(x * x for x in vector))


def likeness(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


async def test_local_vectors_have_unit_length_and_meaning():
    embedder = LocalEmbedder()
    cat, kitten, invoice = await embedder.embed(["a cat sleeps", "the kitten is sleeping", "unpaid invoices of March"])
    assert len(cat) == embedder.dimensions == 256
    assert all(abs(length(v) - 1) < 1e-5 for v in (cat, kitten, invoice))
    assert likeness(cat, kitten) > likeness(cat, invoice) + 0.2


async def test_texts_without_words_still_have_a_vector():
    vectors = await LocalEmbedder().embed(["", " \n", "\x00", "\ud800", "x" * 1_000_000])
    assert all(abs(length(v) - 1) < 1e-5 for v in vectors)
    assert await LocalEmbedder().embed([]) == []


@asynccontextmanager
async def server(answer: Callable[[dict[str, Any], str], Answer]) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            headers = head.decode().lower()
            size = int(headers.split("content-length:")[1].split("\r\n")[0])
            status, body = answer(json.loads(await reader.readexactly(size)), headers)
            content = json.dumps(body).encode()
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
            await writer.drain()

    async def serve_politely(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    listening = await asyncio.start_server(serve_politely, "127.0.0.1", 0)
    async with listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/v1"


async def test_a_remote_model_is_asked_in_batches_and_answers_are_put_in_order():
    asked: list[dict[str, Any]] = []
    seen: list[str] = []

    def answer(question: dict[str, Any], headers: str) -> Answer:
        asked.append(question)
        seen.append(headers)
        rows = [{"index": i, "embedding": [float(text), 3.0, 4.0]} for i, text in enumerate(question["input"])]
        return 200, {"data": rows[::-1]}

    async with server(answer) as url:
        embedder = RemoteEmbedder("tiny", url, "sk-test")
        assert embedder.dimensions == 0
        vectors = await embedder.embed([str(n) for n in range(150)])
    assert embedder.dimensions == 3
    assert [len(q["input"]) for q in asked] == [64, 64, 22]
    assert asked[0]["model"] == "tiny"
    assert "post /v1/embeddings" in seen[0]
    assert "authorization: bearer sk-test" in seen[0]
    assert vectors[0] == [0.0, 0.6, 0.8]
    assert all(abs(length(v) - 1) < 1e-9 for v in vectors)
    assert [round(v[0] / v[1] * 3) for v in vectors] == list(range(150))


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((401, {"error": "key sk-test is wrong"}), "auth"),
        ((402, {}), "credit"),
        ((404, {}), "not_found"),
        ((429, {}), "rate_limit"),
        ((503, {}), "server"),
        ((200, {"data": []}), "bad_reply"),
        ((200, {"data": [{"index": 0}]}), "bad_reply"),
        ((200, {"data": [{"index": 0, "embedding": [0, 0]}]}), "bad_reply"),
        ((200, "words"), "bad_reply"),
    ],
)
async def test_every_failure_has_a_kind_and_plain_words(answer, kind):
    async with server(lambda *_: answer) as url:
        with pytest.raises(ModelUnavailable) as failure:
            await RemoteEmbedder("tiny", url, "sk-test").embed(["x"])
    assert failure.value.kind == kind
    assert "tiny" in str(failure.value)
    assert "sk-test" not in str(failure.value)


async def test_a_server_that_is_away_or_silent_is_told_apart():
    async with server(lambda *_: (200, {})) as url:
        pass
    with pytest.raises(ModelUnavailable) as away:
        await RemoteEmbedder("tiny", url, "").embed(["x"])
    assert away.value.kind == "connection"

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    listening = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        with pytest.raises(ModelUnavailable) as slow:
            await RemoteEmbedder("tiny", f"http://127.0.0.1:{port}", "", seconds=0.1).embed(["x"])
    assert slow.value.kind == "timeout"


def test_the_setting_chooses_the_embedder(settings: Settings):
    assert open_embedder(settings).name == "wordllama-256-v1"
    remote = Settings(embeddings="compatible:nomic", compatible_base_url="http://127.0.0.1:1/v1")
    assert open_embedder(remote).name == "remote-nomic"
