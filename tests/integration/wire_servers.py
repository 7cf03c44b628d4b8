"""Model servers on loopback that speak the providers' real formats, driven by a script; for tests and benchmarks.

`models` are listed at /models, and with a `key` any other is refused by repeating it.
`with WireServer(script, wire="openai") as server:` serves at `server.base_url` from a thread with an event loop of its own.
The script is a function from a request's JSON to a WireReply, or a list of replies, of which the last one is repeated.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

from wire_checks import violations
from wire_replies import AnthropicWire, Frames, OpenAIWire, Tap, WireReply

Script = Callable[[dict[str, Any]], WireReply]

_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass
class Asked:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class WireServer:
    """Plays replies; afterwards `asked` holds the requests and `violations` what was wrong with them."""

    def __init__(
        self,
        script: Script | Sequence[WireReply],
        wire: Literal["openai", "anthropic"] = "openai",
        *,
        check: bool = True,
        models: Sequence[str] = (),
        key: str = "",
    ) -> None:
        self._script = script
        self._kind = wire
        self._check = check
        self._models, self._key = models, key
        self._wire = OpenAIWire() if wire == "openai" else AnthropicWire()
        self.asked: list[Asked] = []
        self.violations: list[str] = []
        self.connections = 0
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}" + ("/v1" if self._kind == "openai" else "")

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10), "the server did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._converse, "127.0.0.1", 0, limit=16 * 1024 * 1024, backlog=1024)
        self._port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()  # asyncio.run cancels the conversations that are still open

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client hung up, or the test is over
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False closes the connection."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        headers = {k.strip().lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = json.loads(await reader.readexactly(int(headers.get("content-length", 0))) or b"{}")
        path = first.split(" ")[1]
        if self._key and self._key not in (
            headers.get("x-api-key"),
            headers.get("authorization", "").removeprefix("Bearer "),
        ):
            return await self._plain(writer, 401, self._echo(headers))
        if self._models and path.partition("?")[0].endswith("/models"):
            rows = [{"id": name, "object": "model"} for name in self._models]
            return await self._plain(writer, 200, json.dumps({"object": "list", "data": rows}).encode())
        if not path.endswith(self._wire.path):
            return await self._plain(writer, 404, b'{"error": {"message": "no such path"}}')
        self.asked.append(Asked(path, headers, body))
        if self._check:
            self.violations += violations(self._kind, headers, body)
        return await self._play(self._next(body), body, writer)

    def _echo(self, headers: dict[str, str]) -> bytes:
        """Refuse a key as some providers do: by repeating it."""
        given = headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")
        words = f"Incorrect API key provided: {given}. It begins with {given[:8]}****{given[-4:]}."
        return json.dumps(
            {"error": {"message": words, "type": "invalid_request_error", "code": "invalid_api_key"}}
        ).encode()

    def _next(self, body: dict[str, Any]) -> WireReply:
        if callable(self._script):
            return self._script(body)
        return self._script[min(len(self.asked), len(self._script)) - 1]

    async def _play(self, reply: WireReply, body: dict[str, Any], writer: asyncio.StreamWriter) -> bool:
        match reply.fault:
            case "status":
                extra = f"retry-after: {reply.retry_after}\r\n" if reply.retry_after else ""
                return await self._plain(writer, reply.status, self._wire.error_body(reply), extra=extra)
            case "status_flood" | "status_stall":
                writer.write(b"HTTP/1.1 %d Status\r\ntransfer-encoding: chunked\r\n\r\n" % reply.status)
                return await _Stream(writer, self._wire, reply).send(Frames())
            case "hang":
                await asyncio.sleep(3600)
            case "html":
                return await self._plain(writer, 200, b"<html><body>It works!</body></html>", "text/html")
            case "json_error":
                return await self._plain(writer, 200, self._wire.error_body(reply))
            case "empty":
                return await self._plain(writer, 200, b"", "text/event-stream")
        await asyncio.sleep(reply.first_token)
        writer.write(_STREAM)
        return await _Stream(writer, self._wire, reply).send(self._wire.frames(reply, body))

    async def _plain(
        self, writer: asyncio.StreamWriter, status: int, body: bytes, mime: str = "application/json", extra: str = ""
    ) -> bool:
        head = f"HTTP/1.1 {status} Status\r\ncontent-type: {mime}\r\n{extra}content-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        return True


class _Stream:
    """One event stream under way."""

    def __init__(self, writer: asyncio.StreamWriter, wire: OpenAIWire | AnthropicWire, reply: WireReply) -> None:
        self._writer, self._wire, self._reply = writer, wire, reply
        loop = asyncio.get_running_loop()
        self._now, self._due = loop.time, loop.time()

    async def send(self, frames: Frames) -> bool:
        """Send a reply with its fault; False closes the connection."""
        await self._put(*frames.opening)
        await self._trouble()
        if self._reply.fault in ("stall_midway", "cut", "reset", "error_event"):
            await self._paced(frames.text[: len(frames.text) // 2])
            return await self._break()
        await self._paced(frames.text, self._reply.tap)
        await self._paced(frames.calls)
        if self._reply.fault == "cut_arguments":
            return False
        if self._reply.fault != "no_finish":
            await self._put(*frames.ending)
        if self._reply.fault == "no_done":
            await asyncio.sleep(3600)
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()
        return True

    async def _trouble(self) -> None:
        """Send what some faults have instead of text, or before it."""
        match self._reply.fault:
            case "stall" | "status_stall":
                await asyncio.sleep(3600)
            case "status_flood":
                await self._repeat(b"no " * 20_000)
            case "drip":
                await self._repeat(self._wire.keep_alive, 0.02)
            case "flood_comments":
                await self._repeat(self._wire.keep_alive * 200)
            case "flood":
                await self._repeat(self._wire.endless())
            case "garbage":
                await self._put(b'data: {"choices": [{"delta": {"con\n\n')
            case "bad_utf8":
                await self._put(self._wire.endless().replace(b"flood", b"fl\xffd"))
            case "odd_event":
                await self._put(self._wire.odd_event())

    async def _break(self) -> bool:
        if self._reply.fault == "stall_midway":
            await asyncio.sleep(3600)
        if self._reply.fault == "error_event":
            await self._put(self._wire.error_event(self._reply))
        elif self._reply.fault == "reset":
            await asyncio.sleep(0.05)  # what was sent arrives; a reset takes back what is still in the buffers
            self._writer.transport.abort()
        return False

    async def _paced(self, events: list[bytes], tap: Tap | None = None) -> None:
        pause = self._reply.piece / 4 / self._reply.tokens_per_second if self._reply.tokens_per_second else 0.0
        self._due = self._now()
        for sent, event in enumerate(events):
            while tap is not None and sent * self._reply.piece >= tap.characters:
                await asyncio.sleep(0.02)
            if pause:
                self._due += pause
                await asyncio.sleep(max(self._due - self._now(), 0))
            await self._put(event)

    async def _repeat(self, event: bytes, pause: float = 0.0) -> None:
        while True:
            await self._put(event)
            await asyncio.sleep(pause)

    async def _put(self, *events: bytes) -> None:
        for event in events:
            self._writer.write(b"%x\r\n%b\r\n" % (len(event), event))
        await self._writer.drain()
