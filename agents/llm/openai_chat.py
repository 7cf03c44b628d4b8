"""Chat models behind OpenAI's chat completions: OpenAI itself, OpenRouter, and any compatible server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from decimal import Decimal, InvalidOperation
from typing import Any

from langchain_core.language_models.base import LangSmithParams
from pydantic import PrivateAttr

from agents.llm.calls import ModelRequest, Tokens
from agents.llm.delta_chat import DeltaChat
from agents.llm.faults import fault_in_event
from agents.llm.openai_wire import request_body
from agents.llm.sse import MISPLACED, Caps, decode, misplaced, read_events
from agents.llm.streams import Delta, ToolPiece


class OpenAIChat(DeltaChat):
    """Streams replies through the official SDK's client, reading the event stream's bytes ourselves.

    The SDK makes the request (auth, base URL, pool, errors); its typed object per event would cost five times the CPU.
    """

    client: Any  # openai.AsyncOpenAI; shared by the models of one provider, closed by the router
    name_on_wire: str
    provider: str = "openai"
    max_tokens: int = 8192

    _create: Any = PrivateAttr()
    _omit: Any = PrivateAttr()

    def model_post_init(self, context: Any) -> None:
        from openai import omit

        super().model_post_init(context)
        self._omit = omit
        self._create = self.client.chat.completions.with_streaming_response.create  # loads that part of the SDK

    @property
    def _llm_type(self) -> str:
        return f"staffwork-{self.provider}"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> LangSmithParams:
        return LangSmithParams(ls_provider=self.provider, ls_model_name=self.name_on_wire, ls_model_type="chat")

    async def deltas(self, request: ModelRequest) -> AsyncIterator[Delta]:
        most = request.max_tokens or self.max_tokens
        body = request_body(request) | (
            {"max_completion_tokens": most} if self.provider == "openai" else {"max_tokens": most}
        )
        body |= {"model": self.name_on_wire, "stream_options": {"include_usage": True}}
        if self.provider == "openrouter":
            body["usage"] = {"include": True}  # makes the price part of the stream
        # All of it in extra_body: the SDK would hold each part against its types, which costs more CPU than sending it.
        created = self._create(model=self._omit, messages=self._omit, stream=True, extra_body=body)
        async with created as response, aclosing(response.iter_bytes()) as chunks:
            async for events in read_events(chunks, Caps.allowing(most)):
                try:
                    delta = _delta_of(events)
                except MISPLACED as error:
                    raise misplaced() from error
                if delta is not None:
                    yield delta


def _delta_of(events: list[bytes]) -> Delta | None:
    """Read the events of one network chunk into one delta; None if they say nothing new."""
    text = ""
    delta: Delta | None = None
    for data in events:
        event = decode(data)
        choices = event.get("choices")
        if choices:
            choice = choices[0]
            new = choice.get("delta") or {}
            if content := new.get("content"):
                text += content
            elif not (new.get("tool_calls") or _thinks(new) or choice.get("finish_reason")):
                continue
            delta = delta or Delta()
            if pieces := new.get("tool_calls"):
                delta.tool_calls = [*delta.tool_calls, *map(_piece, pieces)]
            if finish := choice.get("finish_reason"):
                delta.finish = finish
        elif event.get("error"):
            raise fault_in_event(event["error"])
        if usage := event.get("usage"):
            delta = delta or Delta()
            delta.usage = _tokens(usage)
    if text and delta is not None:
        delta.text = text
    return delta


def _thinks(new: dict[str, Any]) -> bool:
    return bool(new.get("reasoning_content") or new.get("reasoning"))


def _piece(piece: dict[str, Any]) -> ToolPiece:
    function = piece.get("function") or {}
    arguments = function.get("arguments") or ""
    return ToolPiece(piece.get("index") or 0, piece.get("id") or "", function.get("name") or "", arguments)


def _tokens(usage: dict[str, Any]) -> Tokens:
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0
    cost = usage.get("cost")
    try:
        price = None if cost is None else Decimal(str(cost))
    except InvalidOperation:
        price = None
    return Tokens(usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0, cached, cost=price)
