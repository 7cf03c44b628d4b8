"""Replies over the providers' real formats, with the real SDKs: streaming, tools, usage, price, requests that conform."""

from __future__ import annotations

from decimal import Decimal

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from llm_fixtures import KEY, MODELS, desk_at
from wire_checks import violations
from wire_replies import WireReply
from wire_servers import WireServer

from core.decisions import Reply

TWO_CALLS = [("call_1", "add", {"a": 2, "b": [1, {"c": 'é " \\ 😀'}]}), ("call_2", "now", {})]
LONG = "The quick brown fox, naïve and 😀, jumps over the lazy dog. " * 5

both_wires = pytest.mark.parametrize("wire", ["openai", "anthropic"])


@both_wires
async def test_text_streams_in_pieces_and_is_recorded(wire: str) -> None:
    with WireServer(
        [WireReply(LONG, tokens_in=1000, tokens_out=75, tokens_cached=800, first_token=0.05)], wire
    ) as server:
        async with desk_at(server, MODELS[wire]) as desk:
            reply = await desk.ask()
    assert (reply.text, reply.finish, reply.tool_calls, reply.model) == (LONG, "stop", (), MODELS[wire])
    assert desk.text == LONG
    assert desk.restarts == 0
    [row] = desk.rows
    assert (row.outcome, row.role, row.operator, row.step, row.task_id) == ("ok", "operator", "analyst", "t1/1", "t1")
    assert (row.tokens_in, row.tokens_out, row.tokens_cached) == (1000, 75, 800)
    assert row.first_token_seconds is not None
    assert 0.04 < row.first_token_seconds <= row.seconds
    # 200 fresh tokens, 800 from the cache at a tenth, 75 out, at the list prices per million
    price = {"openai": "0.00022", "anthropic": "0.003275"}[wire]
    assert (row.cost, row.priced_by) == (Decimal(price), "genai-prices")
    assert reply.usage.model_calls == 1
    assert (reply.usage.cost, reply.usage.unpriced_calls) == (row.cost, 0)
    assert server.violations == []


@both_wires
async def test_parallel_tool_calls_arrive_whole(wire: str) -> None:
    with WireServer([WireReply("Let me see.", TWO_CALLS)], wire) as server:
        async with desk_at(server, MODELS[wire]) as desk:
            reply = await desk.ask()
    assert [(c.id, c.name, c.arguments) for c in reply.tool_calls] == TWO_CALLS
    assert (reply.text, reply.finish) == ("Let me see.", "tool_calls")


@both_wires
async def test_a_whole_transcript_conforms_to_the_provider(wire: str) -> None:
    calls = [{"id": "call:1", "name": "add", "args": {"a": 1}}, {"id": "call_2", "name": "now", "args": {}}]
    transcript = [
        SystemMessage("You are an operator."),
        SystemMessage("You have tools."),
        HumanMessage("Add."),
        AIMessage("", tool_calls=calls),
        ToolMessage("3", tool_call_id="call:1"),
        ToolMessage("failed: no clock", tool_call_id="call_2", status="error"),
        HumanMessage("A note arrived."),
        SystemMessage("Two steps are left."),
        AIMessage("Three."),
        HumanMessage("Thanks, go on."),
    ]
    with WireServer([WireReply("Done.")], wire) as server:
        async with desk_at(server, MODELS[wire]) as desk:
            for choice in ("auto", "required", "add"):
                await desk.ask(*transcript, tool_choice=choice)
    assert server.violations == []
    body = server.asked[-1].body
    assert server.connections == 1, "a finished stream's connection is used again"
    if wire == "openai":
        assert [m["role"] for m in body["messages"]].count("tool") == 2
        assert body["tool_choice"] == {"type": "function", "function": {"name": "add"}}
        assert body["max_completion_tokens"] == 8192
        assert "max_tokens" not in body
    else:
        assert body["tool_choice"] == {"type": "tool", "name": "add"}
        assert [b.get("cache_control") for b in body["system"]] == [None, {"type": "ephemeral"}]
        assert [t.get("cache_control") for t in body["tools"]] == [None, {"type": "ephemeral"}]
        results = [b for m in body["messages"] for b in m["content"] if b["type"] == "tool_result"]
        assert [b.get("is_error", False) for b in results] == [False, True]


def test_the_checks_of_the_servers_find_bad_requests() -> None:
    headers = {"authorization": "Bearer x"}
    good = {"model": "m", "stream": True, "messages": [{"role": "user", "content": "hi"}]}
    assert violations("openai", headers, good) == []
    assert violations("openai", {}, good) == ["no key"]
    assert violations("openai", headers, good | {"messages": [{"role": "boss", "content": "hi"}]})
    assert violations("openai", headers, good | {"max_tokens": "many"})
    assert violations("openai", headers, good | {"max_token": 1}) == ["unknown key max_token"]
    orphan = [{"role": "user", "content": "hi"}, {"role": "tool", "content": "3", "tool_call_id": "c"}]
    assert violations("openai", headers, good | {"messages": orphan})
    assert any("max_tokens" in problem for problem in violations("anthropic", headers, good))
    assert violations("anthropic", headers, good | {"max_tokens": 1}) == []
    twice = [{"role": "user", "content": "hi"}, {"role": "user", "content": "hi"}]
    assert violations("anthropic", headers, good | {"max_tokens": 1, "messages": twice})


@pytest.mark.parametrize("fault", ["repeat_names", "no_ids", "no_usage", "no_done", "index_zero", ""])
async def test_compatible_servers_may_be_sloppy(fault: str) -> None:
    with WireServer([WireReply("Hm.", TWO_CALLS, fault=fault)]) as server:
        async with desk_at(server, "compatible:qwen3:8b", model_silence_seconds=1) as desk:
            reply = await desk.ask()
    assert [(c.name, c.arguments) for c in reply.tool_calls] == [call[1:] for call in TWO_CALLS]
    assert len({c.id for c in reply.tool_calls}) == 2
    assert all(c.id for c in reply.tool_calls)
    [row] = desk.rows
    assert (row.cost, row.priced_by) == (None, "unpriced")
    assert (reply.usage.cost, reply.usage.unpriced_calls) == (0, 1)
    if fault == "no_usage":
        assert row.tokens_in > 20  # four characters a token: the question and two tools
        assert 10 < row.tokens_out < 40
        assert row.tokens_cached == 0
    assert server.asked[0].body["model"] == "qwen3:8b"
    assert server.asked[0].body["max_tokens"] == 8192
    assert "max_completion_tokens" not in server.asked[0].body


async def test_a_compatible_server_needs_no_key_and_may_have_a_price_by_setting() -> None:
    with WireServer([WireReply("Hi.", tokens_in=2_000_000, tokens_out=1_000_000)]) as server:
        options = {"compatible_api_key": "", "price_in": "0.5", "price_out": "2"}
        async with desk_at(server, "compatible:local", **options) as desk:
            reply = await desk.ask()
    assert (reply.usage.cost, desk.rows[0].priced_by) == (Decimal(3), "settings")


async def test_openrouter_reports_its_own_price_and_learns_only_our_name() -> None:
    with WireServer([WireReply("Hi.", cost=0.00123)]) as server:
        async with desk_at(server, "openrouter:anthropic/claude-opus-4.8") as desk:
            reply = await desk.ask()
    assert (reply.usage.cost, desk.rows[0].priced_by) == (Decimal("0.00123"), "provider")
    [asked] = server.asked
    assert asked.body["usage"] == {"include": True}
    assert (asked.headers["http-referer"], asked.headers["x-title"]) == ("Staffwork", "Staffwork")
    assert server.violations == []


async def test_a_truncated_text_says_so() -> None:
    with WireServer([WireReply("Half a sent", fault="length")]) as server:
        async with desk_at(server, MODELS["openai"]) as desk:
            reply = await desk.ask()
    assert (reply.text, reply.finish) == ("Half a sent", "length")


async def test_variables_meant_for_other_programs_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGSMITH_GATEWAY", "LANGSMITH_TRACING"):
        monkeypatch.setenv(name, "true")
    for name in ("OPENAI_BASE_URL", "ANTHROPIC_BASE_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9/elsewhere")
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, "not-ours")
    for name in ("OPENAI_CUSTOM_HEADERS", "ANTHROPIC_CUSTOM_HEADERS"):
        monkeypatch.setenv(name, "Authorization: Bearer not-ours\nX-Api-Key: not-ours\nX-Other: not-ours")
    for wire, model in MODELS.items():
        with WireServer([WireReply("Hi.")], wire) as server:  # type: ignore[arg-type]
            async with desk_at(server, model) as desk:
                assert isinstance(await desk.ask(), Reply)
        sent = server.asked[0].headers
        assert sent["authorization"] == f"Bearer {KEY}"
        assert "not-ours" not in str(sent)
