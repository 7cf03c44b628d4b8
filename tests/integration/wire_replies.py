"""What a loopback model server can be told to reply, and how OpenAI and Anthropic put that on the wire."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

FAULTS = {
    "status": "an HTTP error: `status`, `message`, `retry_after`",
    "status_flood": "an HTTP error whose body never ends",
    "status_stall": "an HTTP error whose body never comes",
    "hang": "no answer at all, not even headers",
    "stall": "headers and the opening, then nothing",
    "stall_midway": "half of the text, then nothing",
    "drip": "keep-alives for ever, no content",
    "cut": "the socket is closed in the middle of the text",
    "reset": "the socket is reset in the middle of the text",
    "no_finish": "the whole text and a clean end of the body, but no finish reason",
    "cut_arguments": "the socket is closed in the middle of tool arguments",
    "half_arguments": "half the tool arguments, then a finish reason as if all were there",
    "list_arguments": "tool arguments that are JSON, but no object",
    "garbage": "an event that is not JSON",
    "bad_utf8": "an event with a byte that is not UTF-8",
    "odd_event": "an event whose parts are not where they belong",
    "html": "a web page with status 200",
    "json_error": "one line of JSON with an error, with status 200",
    "empty": "status 200 and an empty body",
    "error_event": "half of the text, then an error event: `message`, `error_type`",
    "flood": "text without end, as fast as the socket takes it",
    "flood_comments": "keep-alives without end, as fast as the socket takes it",
    "length": "the reply ends because it is too long",
    "refusal": "the provider's filter ended the reply",
    "odd_finish": "a finish reason nobody knows",
    "no_usage": "no usage is reported",
    "no_done": "no [DONE] (OpenAI), and the connection stays open after the finish reason",
    "repeat_names": "the tool's name in every piece of its call (OpenAI)",
    "no_ids": "tool calls without ids",
    "index_zero": "every tool call has index 0 (OpenAI)",
}


@dataclass
class Tap:
    """Lets only so many characters of a reply's text through, in whole pieces, until the test opens it further."""

    characters: int = 0

    def open(self, characters: int = sys.maxsize) -> None:
        self.characters = characters


@dataclass
class WireReply:
    """One reply: text, tool calls as (id, name, arguments), usage, pacing in seconds and tokens per second, or a fault.

    With a `tap` the text comes only as far as that is open.
    """

    text: str = ""
    calls: Sequence[tuple[str, str, dict[str, Any]]] = ()
    tokens_in: int = 100
    tokens_out: int = 20
    tokens_cached: int = 0
    tokens_written: int = 0
    cost: float | None = None
    first_token: float = 0.0
    tokens_per_second: float = 0.0  # 0: no pacing
    piece: int = 8  # characters of text per event, four to a token
    tap: Tap | None = None
    fault: str = ""
    status: int = 500
    message: str = "Something is wrong here."
    error_type: str = "api_error"
    retry_after: str = ""

    def __post_init__(self) -> None:
        assert not self.fault or self.fault in FAULTS, self.fault

    def pieces(self) -> list[str]:
        return [self.text[i : i + self.piece] for i in range(0, len(self.text), self.piece)]

    def argument_pieces(self, arguments: dict[str, Any]) -> list[str]:
        raw = json.dumps([arguments] if self.fault == "list_arguments" else arguments)
        step = max(self.piece, 1)
        parts = [raw[i : i + step] for i in range(0, len(raw), step)]
        return parts[: len(parts) // 2] if self.fault in ("half_arguments", "cut_arguments") else parts


@dataclass
class Frames:
    """A reply as events ready to be sent, in the order of the fields."""

    opening: list[bytes] = field(default_factory=list)
    text: list[bytes] = field(default_factory=list)
    calls: list[bytes] = field(default_factory=list)
    ending: list[bytes] = field(default_factory=list)


class OpenAIWire:
    """Chat completions as a stream of chunks."""

    path = "/chat/completions"
    keep_alive = b": OPENROUTER PROCESSING\n\n"

    def frames(self, reply: WireReply, body: dict[str, Any]) -> Frames:
        model = body.get("model", "")
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model}

        def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
            return _data(head | {"choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]})

        frames = Frames([chunk({"role": "assistant", "content": "", "refusal": None})])
        frames.text = [chunk({"content": piece}) for piece in reply.pieces()]
        for number, call in enumerate(reply.calls):
            frames.calls += [chunk({"tool_calls": [p]}) for p in self._call(reply, number, call)]
        finish = {"length": "length", "refusal": "content_filter", "odd_finish": "bananas"}.get(reply.fault)
        frames.ending = [chunk({}, finish or ("tool_calls" if reply.calls else "stop"))]
        if reply.fault != "no_usage" and (body.get("stream_options") or {}).get("include_usage"):
            frames.ending.append(_data(head | {"choices": [], "usage": self._usage(reply)}))
        if reply.fault != "no_done":
            frames.ending.append(b"data: [DONE]\n\n")
        return frames

    def _call(self, reply: WireReply, number: int, call: tuple[str, str, dict[str, Any]]) -> list[dict[str, Any]]:
        call_id, name, arguments = call
        index = 0 if reply.fault == "index_zero" else number
        first: dict[str, Any] = {"index": index, "type": "function", "function": {"name": name, "arguments": ""}}
        if reply.fault != "no_ids":
            first["id"] = call_id
        again = {"name": name} if reply.fault == "repeat_names" else {}
        rest = [{"index": index, "function": again | {"arguments": p}} for p in reply.argument_pieces(arguments)]
        return [first, *rest]

    def _usage(self, reply: WireReply) -> dict[str, Any]:
        total = reply.tokens_in + reply.tokens_out
        usage: dict[str, Any] = {"prompt_tokens": reply.tokens_in, "completion_tokens": reply.tokens_out}
        usage |= {"total_tokens": total, "prompt_tokens_details": {"cached_tokens": reply.tokens_cached}}
        return usage if reply.cost is None else usage | {"cost": reply.cost}

    def endless(self) -> bytes:
        return _data({"choices": [{"index": 0, "delta": {"content": "flood "}, "finish_reason": None}]})

    def odd_event(self) -> bytes:
        return _data({"choices": ["what"]})

    def error_event(self, reply: WireReply) -> bytes:
        return _data({"error": {"message": reply.message, "type": reply.error_type, "code": None}})

    def error_body(self, reply: WireReply) -> bytes:
        return json.dumps({"error": {"message": reply.message, "type": reply.error_type, "code": None}}).encode()


class AnthropicWire:
    """Messages as a stream of typed events."""

    path = "/v1/messages"
    keep_alive = b'event: ping\ndata: {"type": "ping"}\n\n'

    def frames(self, reply: WireReply, body: dict[str, Any]) -> Frames:
        usage = {"input_tokens": reply.tokens_in - reply.tokens_cached - reply.tokens_written, "output_tokens": 1}
        usage |= {"cache_read_input_tokens": reply.tokens_cached, "cache_creation_input_tokens": reply.tokens_written}
        message: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "model": body.get("model")}
        message |= {"content": [], "stop_reason": None, "stop_sequence": None}
        if reply.fault != "no_usage":
            message["usage"] = usage
        frames = Frames([_event("message_start", message=message), self.keep_alive])
        if reply.text:
            deltas = [{"type": "text_delta", "text": piece} for piece in reply.pieces()]
            frames.text = self._block(0, {"type": "text", "text": ""}, deltas)
        for number, (call_id, name, arguments) in enumerate(reply.calls, 1 if reply.text else 0):
            start = {"type": "tool_use", "id": "" if reply.fault == "no_ids" else call_id, "name": name, "input": {}}
            parts = reply.argument_pieces(arguments)
            frames.calls += self._block(number, start, [{"type": "input_json_delta", "partial_json": p} for p in parts])
        frames.ending = self._ending(reply)
        return frames

    def _block(self, index: int, start: dict[str, Any], deltas: list[dict[str, Any]]) -> list[bytes]:
        inner = [_event("content_block_delta", index=index, delta=delta) for delta in deltas]
        opened = _event("content_block_start", index=index, content_block=start)
        return [opened, *inner, _event("content_block_stop", index=index)]

    def _ending(self, reply: WireReply) -> list[bytes]:
        odd = {"length": "max_tokens", "refusal": "refusal", "odd_finish": "bananas"}.get(reply.fault)
        delta = {"stop_reason": odd or ("tool_use" if reply.calls else "end_turn"), "stop_sequence": None}
        usage = {} if reply.fault == "no_usage" else {"usage": {"output_tokens": reply.tokens_out}}
        return [_event("message_delta", delta=delta, **usage), _event("message_stop")]

    def endless(self) -> bytes:
        return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": "flood "})

    def odd_event(self) -> bytes:
        return _event("content_block_delta", index=0)

    def error_event(self, reply: WireReply) -> bytes:
        return _event("error", error={"type": reply.error_type, "message": reply.message})

    def error_body(self, reply: WireReply) -> bytes:
        return json.dumps({"type": "error", "error": {"type": reply.error_type, "message": reply.message}}).encode()


def _data(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _event(kind: str, **fields: Any) -> bytes:
    return b"event: " + kind.encode() + b"\n" + _data({"type": kind} | fields)
