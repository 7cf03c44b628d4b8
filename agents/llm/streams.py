"""The fast seam: a model's reply as a stream of small deltas, and the way between deltas and LangChain's chunks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast, runtime_checkable

import orjson
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

from agents.llm.calls import ModelRequest, Tokens
from core.errors import ModelUnavailable
from core.ports import ToolSpec


@dataclass(slots=True)
class ToolPiece:
    """A fragment of one tool call: `index` orders the calls of a reply, `arguments` continues the JSON text so far."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(slots=True)
class Delta:
    """What one stream event added. An empty one says that the model is at work (it thinks) and counts as progress.

    `usage` replaces any usage seen before; `finish` is the provider's own finish reason, "" until it is there.
    """

    text: str = ""
    tool_calls: Sequence[ToolPiece] = ()
    usage: Tokens | None = None
    finish: str = ""


@runtime_checkable
class DeltaSource(Protocol):
    """Streams one reply; closing the iterator early ends the request."""

    def deltas(self, request: ModelRequest) -> AsyncIterator[Delta]: ...


def source_of(model: BaseChatModel) -> DeltaSource:
    """See any chat model as a source of deltas: ours are one already, all others are adapted through `astream`."""
    return model if isinstance(model, DeltaSource) else AdaptedChat(model)


class AdaptedChat:
    """Reads deltas from any LangChain chat model, without LangChain's callbacks."""

    def __init__(self, model: BaseChatModel) -> None:
        self._model = model

    async def deltas(self, request: ModelRequest) -> AsyncIterator[Delta]:
        model: Any = self._model
        if request.tools:
            choice = {} if request.tool_choice == "auto" else {"tool_choice": request.tool_choice}
            model = model.bind_tools([as_openai_tool(tool) for tool in request.tools], **choice)
        options = {} if request.max_tokens is None else {"max_tokens": request.max_tokens}
        used = Tokens()
        try:
            async for message in model.astream(request.messages, config={"callbacks": []}, **options):
                yield _delta_of(message, used)
        except ValueError as error:  # how LangChain's models report an error body or a reply they cannot read
            raise ModelUnavailable("bad_reply", f"The model's reply could not be read: {error}") from error


def _delta_of(message: AIMessage, used: Tokens) -> Delta:
    delta = Delta(text=str(message.text), finish=_finish_of(message))
    if isinstance(message, AIMessageChunk):
        delta.tool_calls = [
            ToolPiece(piece["index"] or 0, piece["id"] or "", piece["name"] or "", piece["args"] or "")
            for piece in message.tool_call_chunks
        ]
    elif message.tool_calls:  # a model that cannot stream gives one whole message
        delta.tool_calls = [_piece_of(i, call) for i, call in enumerate(message.tool_calls)]
    if message.usage_metadata:
        _count(used, message.usage_metadata)
        delta.usage = used
    return delta


def _piece_of(index: int, call: Any) -> ToolPiece:
    try:
        arguments = orjson.dumps(call["args"]).decode()
    except TypeError as error:  # numbers beyond 64 bits, half a surrogate pair, nesting without end
        raise ModelUnavailable("bad_reply", f"The model's call of {call['name'][:60]} is not JSON: {error}.") from error
    return ToolPiece(index, call["id"] or "", call["name"], arguments)


def _finish_of(message: AIMessage) -> str:
    facts = message.response_metadata
    for name in ("finish_reason", "stop_reason", "done_reason", "stopReason"):
        if facts.get(name):
            return str(facts[name]).lower()
    whole = not isinstance(message, AIMessageChunk)  # nothing was streamed, so nothing can have been cut off
    return ("tool_calls" if message.tool_calls else "stop") if whole else ""


def _count(used: Tokens, usage: UsageMetadata) -> None:
    """Add what one chunk reports: LangChain's chunks carry shares of the usage, to be summed."""
    details = usage.get("input_token_details") or {}
    used.tokens_in += usage["input_tokens"]
    used.tokens_out += usage["output_tokens"]
    used.cached += details.get("cache_read") or 0
    used.cache_written += details.get("cache_creation") or 0


def as_openai_tool(tool: ToolSpec) -> dict[str, Any]:
    """Describe a tool in the form that OpenAI introduced and everyone reads."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def as_request(messages: list[BaseMessage], options: dict[str, Any]) -> ModelRequest:
    """Turn what LangChain hands to `_astream` (messages and bound options) into our own request."""
    functions = [tool["function"] for tool in options.get("tools") or ()]
    tools = tuple(
        ToolSpec(name=f["name"], description=f.get("description", ""), parameters=f.get("parameters", {}))
        for f in functions
    )
    choice = options.get("tool_choice") or "auto"
    named = choice["function"]["name"] if isinstance(choice, dict) else choice
    return ModelRequest(messages, tools, tool_choice=str(named), max_tokens=options.get("max_tokens"))


def as_chunk(delta: Delta) -> ChatGenerationChunk:
    """Turn a delta into the chunk LangChain streams."""
    pieces = [
        tool_call_chunk(name=p.name or None, args=p.arguments, id=p.id or None, index=p.index) for p in delta.tool_calls
    ]
    message = AIMessageChunk(
        content=delta.text,
        tool_call_chunks=pieces,
        usage_metadata=_usage_of(delta.usage),
        response_metadata={"finish_reason": delta.finish} if delta.finish else {},
        chunk_position="last" if delta.finish else None,
    )
    return ChatGenerationChunk(message=message)


def _usage_of(tokens: Tokens | None) -> UsageMetadata | None:
    if tokens is None:
        return None
    total = tokens.tokens_in + tokens.tokens_out
    details = {"cache_read": tokens.cached, "cache_creation": tokens.cache_written}
    usage = {"input_tokens": tokens.tokens_in, "output_tokens": tokens.tokens_out, "total_tokens": total}
    return cast(UsageMetadata, usage | {"input_token_details": details})
