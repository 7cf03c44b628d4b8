"""Our request in the form of OpenAI's chat completions, which most other servers speak too."""

from __future__ import annotations

from typing import Any

import orjson
from langchain_core.messages import AIMessage, BaseMessage, SystemMessage, ToolMessage, convert_to_openai_messages

from agents.llm.calls import ModelRequest
from agents.llm.streams import as_openai_tool


def request_body(request: ModelRequest) -> dict[str, Any]:
    """Build `messages`, and `tools` with `tool_choice` where there are any."""
    body: dict[str, Any] = {"messages": [_message(message) for message in request.messages]}
    if request.tools:
        body["tools"] = [as_openai_tool(tool) for tool in request.tools]
        if request.tool_choice == "required":
            body["tool_choice"] = "required"
        elif request.tool_choice != "auto":
            body["tool_choice"] = {"type": "function", "function": {"name": request.tool_choice}}
    return body


def _message(message: BaseMessage) -> dict[str, Any]:
    if not isinstance(message.content, str):  # pictures and other blocks: LangChain knows every form of them
        return dict(convert_to_openai_messages(message))
    content = message.content
    if isinstance(message, AIMessage):
        said: dict[str, Any] = {"role": "assistant", "content": content}
        if message.tool_calls:
            said["tool_calls"] = [_call(call) for call in message.tool_calls]
        return said
    if isinstance(message, ToolMessage):
        return {"role": "tool", "tool_call_id": message.tool_call_id, "content": content}
    return {"role": "system" if isinstance(message, SystemMessage) else "user", "content": content}


def _call(call: Any) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": orjson.dumps(call["args"]).decode()}
    return {"id": call["id"] or "", "type": "function", "function": function}
