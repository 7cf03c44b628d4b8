"""Checks every request against the SDKs' own request types, and against the rules their types cannot say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

EXTRAS = {"openai": {"usage"}, "anthropic": set[str]()}
"""Top-level keys that are not the SDK's: `usage` is OpenRouter's."""


@cache
def _request_type(wire: str) -> tuple[TypeAdapter[Any], frozenset[str]]:
    if wire == "openai":
        from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming as Openai

        return TypeAdapter(Openai), frozenset(Openai.__required_keys__ | Openai.__optional_keys__)
    from anthropic.types.message_create_params import MessageCreateParamsStreaming as Anthropic

    return TypeAdapter(Anthropic), frozenset(Anthropic.__required_keys__ | Anthropic.__optional_keys__)


def violations(wire: str, headers: Mapping[str, str], body: dict[str, Any]) -> list[str]:
    """List what is wrong with a request."""
    adapter, keys = _request_type(wire)
    found = [f"unknown key {key}" for key in sorted(set(body) - keys - EXTRAS[wire])]
    try:
        _exhaust(adapter.validate_python(body))
    except ValidationError as error:
        found += [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_url=False)][:5]
    if not headers.get("authorization", "").removeprefix("Bearer ").strip() and not headers.get("x-api-key"):
        found.append("no key")
    if body.get("stream") is not True:
        found.append("not a stream")
    return found + list(_openai_rules(body) if wire == "openai" else _anthropic_rules(body))


def _exhaust(value: Any) -> None:
    """Walk through a validated value: pydantic checks the items of an Iterable only when they are taken."""
    if isinstance(value, Mapping):
        for part in value.values():
            _exhaust(part)
    elif not isinstance(value, str | bytes) and hasattr(value, "__iter__"):
        for part in value:
            _exhaust(part)


def _openai_rules(body: dict[str, Any]) -> Iterator[str]:
    open_calls: set[str] = set()
    for message in body["messages"]:
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                yield f"a tool result for {message['tool_call_id']!r}, which was never called"
            open_calls.discard(message["tool_call_id"])
            continue
        if open_calls:
            yield f"no result for {sorted(open_calls)}"
        calls = message.get("tool_calls") or []
        if any(not call["id"] for call in calls):
            yield "a tool call without id"
        open_calls = {call["id"] for call in calls}
    if not body["messages"]:
        yield "no messages"


def _anthropic_rules(body: dict[str, Any]) -> Iterator[str]:
    messages = body["messages"]
    if not messages or messages[0]["role"] != "user":
        yield "the user must have the first word"
    expected: set[str] = set()
    for number, message in enumerate(messages):
        if number and message["role"] == messages[number - 1]["role"]:
            yield "two messages of one role in a row"
        blocks = message["content"] if isinstance(message["content"], list) else []
        if any(b["type"] == "text" and not b["text"].strip() for b in blocks) or not message["content"]:
            yield "an empty text"
        answered = {b["tool_use_id"] for b in blocks if b["type"] == "tool_result"}
        if answered != expected:
            yield f"results for {sorted(answered)}, calls were {sorted(expected)}"
        expected = {b["id"] for b in blocks if b["type"] == "tool_use"}
    if str(body).count("cache_control") > 4:
        yield "more than four cache marks"
