"""Everything that can go wrong with a model ends in a definite state, within its limits, said in plain words."""

from __future__ import annotations

import asyncio
import socket
import time
from types import SimpleNamespace
from typing import Any

import pytest
from llm_fixtures import KEY, MODELS, desk_at
from wire_replies import FAULTS, WireReply
from wire_servers import WireServer

from agents.llm.gateway import GaveUp

TEXT = "A reply of some length, so that it can be cut in the middle. " * 4
CALL = [("call_1", "add", {"a": 12345, "b": 67890, "c": "some more text"})]

SHORT = {"model_first_token_seconds": 0.8, "model_silence_seconds": 0.6, "model_total_seconds": 5}
PATIENT = {"model_first_token_seconds": 3, "model_silence_seconds": 2, "model_total_seconds": 30}
"""Limits where a model says nothing any more: with room for a second attempt, which a busy machine answers late."""

# fault -> (kind, is it tried again)
OUTCOMES = {
    "status_flood": ("server", True),
    "hang": ("timeout", True),
    "stall": ("timeout", True),
    "stall_midway": ("timeout", True),
    "drip": ("timeout", True),
    "cut": ("cut_stream", True),
    "reset": ("cut_stream", True),
    "no_finish": ("cut_stream", True),
    "cut_arguments": ("cut_stream", True),
    "half_arguments": ("bad_reply", True),
    "list_arguments": ("bad_reply", True),
    "garbage": ("bad_reply", True),
    "bad_utf8": ("bad_reply", True),
    "odd_event": ("bad_reply", True),
    "odd_finish": ("bad_reply", True),
    "html": ("bad_reply", True),
    "json_error": ("server", True),
    "error_event": ("server", True),
    "empty": ("cut_stream", True),
    "flood": ("too_long", False),
    "length": ("too_long", False),
    "refusal": ("refused", False),
}
BENIGN = {"no_usage", "no_done", "repeat_names", "no_ids", "index_zero"}
STATUSES = {
    400: ("refused", False, "invalid_request_error"),
    401: ("auth", False, "STAFFWORK_"),
    402: ("credit", False, "credit"),
    403: ("auth", False, "STAFFWORK_"),
    404: ("not_found", False, "name of the model"),
    413: ("too_long", False, "Ask for less"),
    429: ("rate_limit", True, "Try again"),
    500: ("server", True, "try again"),
    503: ("server", True, "try again"),
    529: ("server", True, "try again"),
}


def a_reply(fault: str) -> WireReply:
    calls: Any = CALL if fault in ("cut_arguments", "half_arguments", "list_arguments", "length") else ()
    return WireReply(TEXT, calls, fault=fault)


def limits(fault: str, short: dict[str, float]) -> dict[str, float]:
    """Choose short limits for faults that reach one, and long ones for all others."""
    return short if OUTCOMES[fault][0] == "timeout" else {}


def test_every_fault_of_the_servers_has_an_outcome() -> None:
    assert set(FAULTS) == set(OUTCOMES) | BENIGN | {"status", "status_stall", "flood_comments"}


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
@pytest.mark.parametrize("fault", sorted(OUTCOMES))
async def test_a_fault_ends_in_a_definite_state(fault: str, wire: Any) -> None:
    kind, again = OUTCOMES[fault]
    with WireServer([a_reply(fault)], wire) as server:
        async with desk_at(server, MODELS[wire], model_max_tokens=64, **limits(fault, SHORT)) as desk:
            began = time.monotonic()
            error = await desk.fail()
            seconds = time.monotonic() - began
    attempts = 2 if again else 1
    assert error.kind == kind, error
    assert [row.outcome for row in desk.rows] == [kind] * attempts
    assert len(server.asked) == attempts
    assert len(desk.retries) == attempts - 1
    assert seconds < 30, (
        "limits below a second, and much slack for a busy machine: nobody waits for a default limit of minutes"
    )
    assert MODELS[wire] in str(error)
    assert isinstance(error, GaveUp)
    assert error.usage.model_calls == attempts


MENDED = sorted(f for f, (_, again) in OUTCOMES.items() if again)


@pytest.mark.parametrize(
    ("wire", "fault"), [("openai", f) for f in MENDED] + [("anthropic", f) for f in ("cut", "garbage")]
)
async def test_another_attempt_mends_it_and_the_text_starts_over(wire: Any, fault: str) -> None:
    with WireServer([a_reply(fault), WireReply("All is well.")], wire) as server:
        async with desk_at(server, MODELS[wire], **limits(fault, PATIENT)) as desk:
            reply = await desk.ask()
    assert reply.text == desk.text == "All is well."
    assert [row.outcome for row in desk.rows] == [OUTCOMES[fault][0], "ok"]
    assert reply.usage.model_calls == 2
    assert reply.usage.tokens_in == sum(row.tokens_in for row in desk.rows)
    assert reply.usage.cost == sum(row.cost or 0 for row in desk.rows)


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_statuses_say_who_can_do_what(wire: Any) -> None:
    status = 0

    def script(body: dict[str, Any]) -> WireReply:
        message = f"No: {KEY} is wrong, so is {KEY[:8]}*********{KEY[-4:]}."
        return WireReply(fault="status", status=status, message=message, error_type="invalid_request_error")

    with WireServer(script, wire) as server:
        async with desk_at(server, MODELS[wire]) as desk:
            for status, (kind, again, words) in STATUSES.items():  # the script reads it
                asked = len(server.asked)
                error = await desk.fail()
                assert error.kind == kind, status
                assert words in str(error)
                assert str(status) in str(error)
                assert len(server.asked) - asked == (2 if again else 1)
                said = str(error) + str(desk.retries)
                assert KEY not in said
                assert KEY[-4:] not in said
                assert "[secret]" in said
    assert {row.cost for row in desk.rows} == {0}, "a call that was turned away costs nothing"


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_an_error_whose_words_never_come_is_known_by_its_status(wire: Any) -> None:
    with WireServer([WireReply(fault="status_stall", status=401)], wire) as server:
        async with desk_at(server, MODELS[wire]) as desk:
            error = await desk.fail()
    assert (error.kind, len(server.asked)) == ("auth", 1)


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (429, "You exceeded your current quota (insufficient_quota).", "credit"),
        (400, "Your credit balance is too low to access the API.", "credit"),
        (400, "This model's maximum context length is 8192 tokens.", "too_long"),
        (400, "prompt is too long: 250000 tokens > 200000 maximum", "too_long"),
    ],
)
async def test_the_message_tells_more_than_the_status(status: int, message: str, kind: str) -> None:
    with WireServer([WireReply(fault="status", status=status, message=message)]) as server:
        async with desk_at(server, MODELS["openai"]) as desk:
            error = await desk.fail()
    assert (error.kind, len(server.asked)) == (kind, 1)


async def test_retry_after_is_honoured() -> None:
    busy = WireReply(fault="status", status=429, retry_after="0.3")
    with WireServer([busy, WireReply("Here you are.")]) as server:
        async with desk_at(server, MODELS["openai"]) as desk:
            began = time.monotonic()
            reply = await desk.ask()
            seconds = time.monotonic() - began
    assert reply.text == "Here you are."
    assert seconds >= 0.3
    assert desk.retries[0][1] == 0.3


async def test_retry_after_beyond_the_deadline_fails_at_once_and_says_so() -> None:
    with WireServer([WireReply(fault="status", status=429, retry_after="3600")]) as server:
        async with desk_at(server, MODELS["openai"]) as desk:
            began = time.monotonic()
            error = await desk.fail()
            seconds = time.monotonic() - began
    assert seconds < 30
    assert (error.kind, len(server.asked)) == ("rate_limit", 1)
    assert "3600 seconds" in str(error)


async def test_the_total_deadline_ends_a_reply_that_goes_on_and_on() -> None:
    slow = WireReply("word " * 400, tokens_per_second=40, piece=4)
    with WireServer([slow]) as server:
        async with desk_at(server, MODELS["openai"], model_total_seconds=0.5) as desk:
            began = time.monotonic()
            error = await desk.fail()
            seconds = time.monotonic() - began
    assert seconds < 30
    assert error.kind == "timeout"
    assert "0.5 seconds" in str(error)


async def test_nobody_there_is_said_plainly() -> None:
    with socket.socket() as taken:  # bound, so that no other server gets the port, and not listening
        taken.bind(("127.0.0.1", 0))
        nobody = SimpleNamespace(base_url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        async with desk_at(nobody, MODELS["openai"]) as desk:
            error = await desk.fail()
    assert error.kind == "connection", error
    assert "STAFFWORK_OPENAI_BASE_URL" in str(error)


@pytest.mark.parametrize(("wire", "fault"), [("openai", "flood"), ("anthropic", "flood_comments")])
async def test_a_flood_does_not_starve_others(wire: Any, fault: str) -> None:
    pauses: list[float] = []

    async def breathe() -> None:
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.005)
            pauses.append(time.monotonic() - began)

    with WireServer([WireReply(fault=fault)], wire) as server:
        short = {"model_first_token_seconds": 0.6, "model_total_seconds": 0.9, "model_attempts": 1}
        async with desk_at(server, MODELS[wire], **short) as desk:
            other = asyncio.create_task(breathe())
            began = time.monotonic()
            error = await desk.fail()
            seconds = time.monotonic() - began
            other.cancel()
    assert error.kind in ("too_long", "timeout")
    assert seconds < 30
    pauses.sort()
    assert pauses[int(len(pauses) * 0.95)] < 0.5  # half of the second that is allowed, at most


async def test_cancelling_is_recorded_and_frees_the_slot() -> None:
    with WireServer([WireReply(fault="stall"), WireReply("Next.")]) as server:
        async with desk_at(server, MODELS["openai"], model_calls_at_once=1, model_first_token_seconds=30) as desk:
            asking = asyncio.create_task(desk.ask())
            while not server.asked:
                await asyncio.sleep(0.01)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
            assert (await desk.ask()).text == "Next."
    assert [row.outcome for row in desk.rows] == ["cancelled", "ok"]


async def test_model_calls_at_once_are_limited() -> None:
    with WireServer([WireReply("Done.", first_token=0.05)], check=False) as server:
        async with desk_at(server, MODELS["openai"], model_calls_at_once=2) as desk:
            began = time.monotonic()
            await asyncio.gather(*(desk.ask() for _ in range(6)))
            seconds = time.monotonic() - began
    assert server.connections <= 2
    assert seconds >= 0.15  # three rounds of two
