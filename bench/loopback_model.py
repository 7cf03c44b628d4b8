"""A model server on loopback for benchmarks: plays one delegated mission (plan, 3 operators with 2 tool calls each, report).

Speaks OpenAI chat completions as a stream; started as a process of its own, so that its CPU is not counted:
`python bench/loopback_model.py PACE` prints its port. PACE 1 is 200 ms to the first token and 100 tokens/s; 0 is at once.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import dataclass
from typing import Any

FIRST_TOKEN, TOKEN = 0.2, 0.01
PER_EVENT = 3  # tokens of text in one stream event
PLAN_NOTE, PLAN_ARGUMENTS, CALL, TEXT = 24, 60, 40, 300


def seconds(tokens: int) -> float:
    """Tell how long one paced reply of so many tokens takes."""
    return FIRST_TOKEN + tokens * TOKEN


CRITICAL_PATH = seconds(PLAN_NOTE + PLAN_ARGUMENTS) + 2 * seconds(CALL) + seconds(TEXT) + seconds(TEXT)
CALLS = 1 + 3 * 3 + 1


@dataclass
class Counted:
    requests: int = 0
    received: int = 0
    events: int = 0
    prompt_tokens: int = 0


def choose(body: dict[str, Any]) -> tuple[int, str, dict[str, Any] | None]:
    """Return (tokens of text, name of the tool to call, its arguments) for a request."""
    tools = {t["function"]["name"] for t in body.get("tools", [])}
    if "make_plan" in tools:
        tasks = [{"id": f"t{i}", "operator": "analyst", "goal": f"Work out part {i} of the goal."} for i in (1, 2, 3)]
        return PLAN_NOTE, "make_plan", {"note": "Three parts at once.", "tasks": tasks}
    if "finish" not in tools:
        return TEXT, "", None
    done = sum(m["role"] == "tool" for m in body["messages"])
    return (0, "calculate", {"expression": f"{done + 1} + 41"}) if done < 2 else (TEXT, "", None)


def deltas(body: dict[str, Any]) -> list[tuple[int, dict[str, Any]]]:
    """Split a reply into (tokens, delta) as a provider streams it."""
    text, tool, arguments = choose(body)
    parts: list[tuple[int, dict[str, Any]]] = [
        (PER_EVENT, {"content": "word word thing "}) for _ in range(text // PER_EVENT)
    ]
    if tool:
        raw, spent = json.dumps(arguments), PLAN_ARGUMENTS if tool == "make_plan" else CALL
        call = {"index": 0, "id": "call_1", "type": "function", "function": {"name": tool, "arguments": ""}}
        parts.append((0, {"tool_calls": [call]}))
        step = -(-len(raw) // 4)
        pieces = [raw[i : i + step] for i in range(0, len(raw), step)]
        for piece in pieces:
            parts.append((spent // len(pieces), {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}))
    return parts


def chunk(delta: dict[str, Any], finish: str | None, usage: dict[str, Any] | None = None) -> bytes:
    choices = [] if usage else [{"index": 0, "delta": delta, "finish_reason": finish}]
    event = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "bench", "choices": choices}
    if usage:
        event["usage"] = usage
    line = f"data: {json.dumps(event)}\n\n".encode()
    return f"{len(line):x}\r\n".encode() + line + b"\r\n"


class LoopbackModel:
    """Serves the script and counts what it was asked."""

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self.counted = Counted()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next((int(v) for k, v in _headers(head) if k == "content-length"), 0)
                payload = await reader.readexactly(length)
                await (self._count(writer) if head.startswith(b"GET") else self._reply(json.loads(payload), writer))
                self.counted.received += 0 if head.startswith(b"GET") else len(head) + length
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _count(self, writer: asyncio.StreamWriter) -> None:
        body = json.dumps(vars(self.counted)).encode()
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
        )
        await writer.drain()

    async def _reply(self, body: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        prompt = (len(json.dumps(body["messages"])) + len(json.dumps(body.get("tools", [])))) // 4
        self.counted.requests += 1
        self.counted.prompt_tokens += prompt
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        loop = asyncio.get_running_loop()
        due = loop.time() + FIRST_TOKEN * self._pace
        parts = deltas(body)
        for tokens, delta in parts:
            if self._pace:
                due += tokens * TOKEN * self._pace
                await asyncio.sleep(max(due - loop.time(), 0))
            writer.write(chunk(delta, None))
        finish = "tool_calls" if "tool_calls" in parts[-1][1] else "stop"
        spent = sum(t for t, _ in parts)
        usage = {"prompt_tokens": prompt, "completion_tokens": spent, "total_tokens": prompt + spent}
        end = chunk({}, finish) + chunk({}, None, usage)
        done = b"data: [DONE]\n\n"
        writer.write(end + f"{len(done):x}\r\n".encode() + done + b"\r\n0\r\n\r\n")
        self.counted.events += len(parts) + 3
        await writer.drain()


def _headers(head: bytes) -> list[tuple[str, str]]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    return [(k.strip().lower(), v.strip()) for k, _, v in (line.partition(":") for line in lines)]


async def main(pace: float) -> None:
    model = LoopbackModel(pace)
    server = await asyncio.start_server(model.serve, "127.0.0.1", 0, limit=1 << 24, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1])))
