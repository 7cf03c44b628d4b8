"""The gate: grants, schema, sanitising, time, size, secrecy - and it never raises."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from typing import Annotated, Any

import pytest
from pydantic import Field

from core.decisions import ToolCall
from core.errors import NotFound, Refused, ToolFailure
from core.missions import Artifact, Source
from core.ports import ToolContext
from tools.define import ToolResult, define
from tools.toolbox import GatedToolbox

CONTEXT = ToolContext(
    mission_id="m",
    conversation_id="c",
    user_id="u",
    task_id="t1",
    step="t1/1.0",
    granted=("echo", "wait", "fail", "many"),
)


async def echo(context: ToolContext, text: str, times: int = 1, rest: Any = None) -> str:
    """Say it again."""
    return text * times


async def wait(context: ToolContext, seconds: float) -> str:
    """Wait."""
    await asyncio.sleep(seconds)
    return "waited"


async def fail(context: ToolContext, how: Annotated[str, Field(description="Which way.")]) -> str:
    """Fail."""
    raise {
        "tool": ToolFailure("The file is locked."),
        "missing": NotFound("There is no such file."),
        "refused": Refused("That is not allowed."),
        "timeout": TimeoutError("mine"),
        "recursion": RecursionError(),
        "memory": MemoryError(),
    }.get(how, ZeroDivisionError("a bug with sk-secretsecretsecret in it"))


async def many(context: ToolContext) -> ToolResult:
    """Give sources and a file."""
    source = Source(file="memo.pdf", quote="the password is hunter22, it is", page=2)
    artifact = Artifact(id="a", name="report.md", hash="0" * 64, size=3, mime="text/markdown")
    return ToolResult("found", (source,) * 80, (artifact,))


async def hidden(context: ToolContext) -> str:
    """Never granted here."""
    return "secret"


def gate(seconds: float = 5, output_bytes: int = 2000, at_once: int = 4) -> GatedToolbox:
    tools = [
        define(echo, "Say {text}"),
        define(wait, "Wait"),
        define(fail, "Fail"),
        define(many, "Many"),
        define(hidden, "Hide"),
    ]
    return GatedToolbox(
        tools,
        seconds=seconds,
        output_bytes=output_bytes,
        at_once=at_once,
        mask=lambda text: text.replace("hunter22", "[secret]"),
    )


def call(name: str, **arguments: Any) -> ToolCall:
    return ToolCall(id="1", name=name, arguments=arguments)


async def test_a_granted_call_runs() -> None:
    outcome = await gate().call(call("echo", text="ab", times=2), CONTEXT)
    assert (outcome.status, outcome.output, outcome.size) == ("ok", "abab", 4)
    assert 0 < outcome.seconds < 30


@pytest.mark.parametrize("name", ["hidden", "shell", "echo ", "", "x" * 10_000])
async def test_what_is_not_granted_is_refused_and_the_grants_are_named(name: str) -> None:
    outcome = await gate().call(call(name), CONTEXT)
    assert outcome.status == "refused"
    assert "You may use: echo, wait, fail, many." in outcome.output
    assert len(outcome.output) < 300


async def test_nobody_granted_anything() -> None:
    outcome = await gate().call(call("echo", text="x"), CONTEXT.model_copy(update={"granted": ()}))
    assert outcome.status == "refused"
    assert "no tools" in outcome.output


async def test_wrong_arguments_fail_before_the_tool_runs() -> None:
    outcome = await gate().call(call("echo", text="x", times="3"), CONTEXT)
    assert outcome.status == "failed"
    assert "times: input should be a valid integer" in outcome.output


def nested(depth: int) -> Any:
    value: Any = "core"
    for number in range(depth):
        value = [value] if number % 2 else {"a": value}
    return value


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"text": "x", "times": 2**63}, "beyond 64 bits"),
        ({"text": "x", "rest": [float("nan")]}, "not a number that can be used"),
        ({"text": "x", "rest": {"a": float("-inf")}}, "not a number that can be used"),
        ({"text": "é" * 500_001}, "longer than 1,000,000 bytes"),
        ({"text": "x", "rest": nested(21)}, "deeper than 20"),
        ({"text": "x", "rest": nested(100_000)}, "deeper than 20"),
        ({"text": "x", "rest": {1, 2}}, "JSON does not know"),
    ],
)
async def test_values_nobody_can_store_are_refused_with_the_reason(arguments: dict[str, Any], words: str) -> None:
    outcome = await gate().call(call("echo", **arguments), CONTEXT)
    assert outcome.status == "failed"
    assert words in outcome.output


async def test_characters_nobody_can_store_are_replaced_and_said() -> None:
    outcome = await gate().call(call("echo", text="a\x00b\ud800c"), CONTEXT)
    assert outcome.status == "ok"
    assert outcome.output.startswith("a\ufffdb\ufffdc\nNote:\ntext: characters that cannot be stored")
    assert outcome.model_dump_json()


async def test_time_is_up() -> None:
    started = time.perf_counter()
    outcome = await gate(seconds=0.05).call(call("wait", seconds=30.0), CONTEXT)
    assert outcome.status == "timeout"
    assert "stopped after 0.05 seconds" in outcome.output
    assert time.perf_counter() - started < 20


async def test_cancelling_is_the_only_thing_that_leaves_the_gate() -> None:
    task = asyncio.create_task(gate().call(call("wait", seconds=30.0), CONTEXT))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_only_so_many_at_once() -> None:
    started = time.perf_counter()
    box = gate(at_once=2)
    outcomes = await asyncio.gather(*(box.call(call("wait", seconds=0.05), CONTEXT) for _ in range(6)))
    assert [o.status for o in outcomes] == ["ok"] * 6
    assert time.perf_counter() - started >= 0.15


async def test_waiting_for_a_place_does_not_count_as_working() -> None:
    box = gate(seconds=0.2, at_once=1)
    outcomes = await asyncio.gather(*(box.call(call("wait", seconds=0.1), CONTEXT) for _ in range(4)))
    assert [o.status for o in outcomes] == ["ok"] * 4


@pytest.mark.parametrize(
    ("how", "status", "words"),
    [
        ("tool", "failed", "The file is locked."),
        ("missing", "failed", "There is no such file."),
        ("refused", "refused", "That is not allowed."),
    ],
)
async def test_failures_an_operator_can_act_on_reach_it_word_for_word(how: str, status: str, words: str) -> None:
    outcome = await gate().call(call("fail", how=how), CONTEXT)
    assert (outcome.status, outcome.output) == (status, words)


@pytest.mark.parametrize("how", ["bug", "timeout", "recursion", "memory"])
async def test_a_bug_is_a_short_text_with_an_id_that_is_in_the_log(how: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        outcome = await gate().call(call("fail", how=how), CONTEXT)
    assert outcome.status == "failed"
    assert "sk-secret" not in outcome.output
    error_id = outcome.output.split("error ")[1][:8]
    assert error_id in caplog.text
    assert "Traceback" in caplog.text


async def test_long_output_keeps_head_and_tail_and_says_what_is_left_out() -> None:
    text = "HEAD" + "ä" * 5000 + "TAIL"
    outcome = await gate(output_bytes=1000).call(call("echo", text=text), CONTEXT)
    size = len(text.encode())
    assert outcome.size == size
    assert len(outcome.output.encode()) <= 1000
    assert outcome.output.startswith("HEADä")
    assert outcome.output.endswith("äTAIL")
    assert f"bytes left out of {size:,}" in outcome.output


async def test_secrets_are_masked_even_where_the_output_is_cut() -> None:
    for shift in range(600, 680):
        outcome = await gate(output_bytes=1000).call(call("echo", text="x" * shift + "hunter22" + "y" * 3000), CONTEXT)
        assert "hunter" not in outcome.output
        assert "ter22" not in outcome.output


async def test_sources_are_masked_and_limited_and_artifacts_pass() -> None:
    outcome = await gate().call(call("many"), CONTEXT)
    assert len(outcome.sources) == 50
    assert outcome.sources[0].quote == "the password is [secret], it is"
    assert outcome.artifacts[0].name == "report.md"


def test_offer_keeps_the_order_and_leaves_out_what_is_unknown() -> None:
    assert [spec.name for spec in gate().offer(["wait", "nothing", "echo"])] == ["wait", "echo"]


def test_intent_for_good_bad_and_unknown_calls() -> None:
    assert gate().intent(call("echo", text="the word hunter22")) == "Say the word [secret]"
    assert gate().intent(call("echo", text="\ud800")) == "Say \ufffd"
    assert gate().intent(call("echo")) == "Say …"
    assert gate().intent(call("nonsense")) == "Use nonsense"


def anything(dice: random.Random, depth: int = 0) -> Any:
    """Make some JSON-like value, with a taste for the strange."""
    leaves: list[Any] = [
        None,
        True,
        0,
        -1,
        2**63,
        -(2**70),
        10**5000,
        1.5,
        float("nan"),
        float("inf"),
        "",
        "text",
        "\x00",
        "\ud800",
        "\u202e",
        "x" * 70_000,
        "{text}",
        "../../etc/passwd",
    ]
    if depth > 4 or dice.random() < 0.5:
        return dice.choice(leaves)
    if dice.random() < 0.5:
        return [anything(dice, depth + 1) for _ in range(dice.randrange(4))]
    keys = ["text", "times", "how", "seconds", "rest", "\ud800", "", "__class__"]
    return {dice.choice(keys): anything(dice, depth + 1) for _ in range(dice.randrange(4))}


async def test_property_the_gate_never_raises_whatever_the_arguments() -> None:
    dice = random.Random(20261120)
    box = gate(seconds=0.01)
    statuses: set[str] = set()
    for _ in range(1500):
        given = anything(dice)
        arguments = given if isinstance(given, dict) else {dice.choice(["text", "how", "seconds"]): given}
        name = dice.choice(["echo", "wait", "fail", "many", "hidden", "\ud800"])
        one = ToolCall.model_construct(id="1", name=name, arguments=arguments)
        assert isinstance(box.intent(one), str)
        outcome = await box.call(one, CONTEXT)
        assert len(outcome.output.encode()) <= 2000
        assert outcome.model_dump_json()
        statuses.add(outcome.status)
    assert statuses >= {"ok", "failed", "refused"}
