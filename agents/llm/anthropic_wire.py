"""Our request in the form of Anthropic's messages."""

from __future__ import annotations

import re
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage

from agents.llm.calls import ModelRequest

_KEEP = {"type": "ephemeral"}  # asks the provider to cache everything up to here


def request_body(request: ModelRequest) -> dict[str, Any]:
    """Build `system`, `messages`, and `tools` with `tool_choice`; the stable prefix is marked for the prompt cache."""
    leading = 0
    while leading < len(request.messages) and isinstance(request.messages[leading], SystemMessage):
        leading += 1
    body: dict[str, Any] = {"messages": _turns(request.messages[leading:])}
    system = [block for message in request.messages[:leading] for block in _blocks(message)]
    if system:
        body["system"] = [*system[:-1], system[-1] | {"cache_control": _KEEP}]
    if request.tools:
        tools = [{"name": t.name, "description": t.description, "input_schema": t.parameters} for t in request.tools]
        body["tools"] = [*tools[:-1], tools[-1] | {"cache_control": _KEEP}]
        if request.tool_choice == "required":
            body["tool_choice"] = {"type": "any"}
        elif request.tool_choice != "auto":
            body["tool_choice"] = {"type": "tool", "name": request.tool_choice}
    return body


def _turns(messages: list[BaseMessage]) -> list[dict[str, Any]]:
    """Group messages into turns: neighbours of one role become one message, and the user has the first word."""
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "assistant" if isinstance(message, AIMessage) else "user"
        blocks = _blocks(message)
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    if not turns or turns[0]["role"] != "user":
        turns.insert(0, {"role": "user", "content": [{"type": "text", "text": "Please begin."}]})
    return turns


def _blocks(message: BaseMessage) -> list[dict[str, Any]]:
    if isinstance(message, ToolMessage):
        return [_result(message)]
    blocks = _content(message)
    if isinstance(message, AIMessage):
        blocks += [
            {"type": "tool_use", "id": _safe_id(call["id"]), "name": call["name"], "input": call["args"]}
            for call in message.tool_calls
        ]
    return blocks


def _content(message: BaseMessage) -> list[dict[str, Any]]:
    """List the content blocks; empty text is left out, which the provider would refuse."""
    given = [message.content] if isinstance(message.content, str) else message.content
    blocks = [{"type": "text", "text": part} if isinstance(part, str) else _block(part) for part in given]
    return [b for b in blocks if b.get("type") != "tool_use" and (b.get("type") != "text" or str(b["text"]).strip())]


def _block(part: dict[str, Any]) -> dict[str, Any]:
    """Write a picture in LangChain's form as Anthropic's; every other block is theirs already."""
    if part.get("type") == "image" and "base64" in part:
        source = {"type": "base64", "media_type": part["mime_type"], "data": part["base64"]}
        return {"type": "image", "source": source}
    return dict(part)


def _result(message: ToolMessage) -> dict[str, Any]:
    result = {"type": "tool_result", "tool_use_id": _safe_id(message.tool_call_id), "content": _content(message)}
    return result | {"is_error": True} if message.status == "error" else result


def _safe_id(call_id: str | None) -> str:
    """Fit an id that another provider gave into the letters Anthropic accepts."""
    return re.sub(r"[^a-zA-Z0-9_-]", "_", call_id or "") or "call"
