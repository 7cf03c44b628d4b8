"""Anthropic's chat models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import orjson
from langchain_core.language_models.base import LangSmithParams
from pydantic import PrivateAttr

from agents.llm.anthropic_wire import request_body
from agents.llm.calls import ModelRequest, Tokens
from agents.llm.delta_chat import DeltaChat
from agents.llm.faults import fault_in_event
from agents.llm.sse import MISPLACED, Caps, decode, misplaced, read_events
from agents.llm.streams import Delta, ToolPiece


class AnthropicChat(DeltaChat):
    """Streams replies through the official SDK's client, reading the event stream's bytes ourselves."""

    client: Any  # anthropic.AsyncAnthropic; closed by the router
    name_on_wire: str
    max_tokens: int = 8192

    _create: Any = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        super().model_post_init(context)
        self._create = self.client.messages.with_streaming_response.create  # loads that part of the SDK

    @property
    def _llm_type(self) -> str:
        return "staffwork-anthropic"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return LangSmithParams(ls_provider="anthropic", ls_model_name=self.name_on_wire, ls_model_type="chat")

    async def deltas(self, request: ModelRequest) -> AsyncIterator[Delta]:
        most = request.max_tokens or self.max_tokens
        created = self._create(
            model=self.name_on_wire,
            max_tokens=most,
            messages=[],  # the real ones are in extra_body: the SDK would walk through each of them, which costs CPU
            stream=True,
            extra_body=request_body(request),
        )
        reading = _Reading()
        async with created as response, aclosing(response.iter_bytes()) as chunks:
            async for events in read_events(chunks, Caps.allowing(most)):
                try:
                    delta = reading.delta_of(events)
                except MISPLACED as error:
                    raise misplaced() from error
                if delta is not None:
                    yield delta


class _Reading:
    """What is known of one reply so far: usage comes in parts, which add up to the whole."""

    def __init__(self) -> None:
        self._usage: dict[str, int] = {}

    def delta_of(self, events: list[bytes]) -> Delta | None:
        """Read the events of one network chunk into one delta; None if they say nothing new."""
        text = ""
        progress = False
        delta = Delta()
        for data in events:
            event = decode(data)
            kind = event.get("type")
            if kind == "content_block_delta":
                new = event["delta"]
                if new.get("type") == "text_delta":
                    text += new["text"]
                elif new.get("type") == "input_json_delta":
                    delta.tool_calls = [*delta.tool_calls, ToolPiece(event["index"], arguments=new["partial_json"])]
                progress = True
            elif kind == "content_block_start":
                progress = self._start(event, delta) or progress
            elif kind in ("message_start", "message_delta"):
                progress = self._frame(event, delta) or progress
            elif kind == "error":
                raise fault_in_event(event.get("error"))
        delta.text += text
        return delta if progress else None

    def _start(self, event: dict[str, Any], delta: Delta) -> bool:
        block = event.get("content_block") or {}
        if block.get("type") != "tool_use":
            delta.text += block.get("text") or ""
            return bool(delta.text)
        whole = orjson.dumps(block["input"]).decode() if block.get("input") else ""  # {} means that it comes in deltas
        delta.tool_calls = [*delta.tool_calls, ToolPiece(event["index"], block.get("id") or "", block["name"], whole)]
        return True

    def _frame(self, event: dict[str, Any], delta: Delta) -> bool:
        """Take usage from the first and the last frame of a message, and the finish reason from the last."""
        usage = (event.get("message") or event).get("usage") or {}
        self._usage |= {name: count for name, count in usage.items() if isinstance(count, int)}
        if event["type"] == "message_start":
            return False
        delta.finish = (event.get("delta") or {}).get("stop_reason") or ""
        delta.usage = self._tokens()
        return True

    def _tokens(self) -> Tokens:
        read, written = self._usage.get("cache_read_input_tokens", 0), self._usage.get("cache_creation_input_tokens", 0)
        fresh = self._usage.get("input_tokens", 0)
        return Tokens(fresh + read + written, self._usage.get("output_tokens", 0), read, written)
