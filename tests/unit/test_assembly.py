"""A reply counts only when it is whole and sound."""

from __future__ import annotations

from typing import Any

import pytest

from agents.llm.assembly import Assembly
from agents.llm.calls import Tokens
from agents.llm.streams import Delta, ToolPiece
from core.errors import ModelUnavailable


def assembled(*deltas: Delta, longest: int = 1000) -> Assembly:
    assembly = Assembly(longest)
    for delta in deltas:
        assembly.add(delta)
    return assembly


def kind_of(*deltas: Delta) -> str:
    with pytest.raises(ModelUnavailable) as caught:
        assembled(*deltas).complete()
    return caught.value.kind


def calls_of(*pieces: ToolPiece) -> list[tuple[str, dict[str, Any]]]:
    assembly = assembled(*(Delta(tool_calls=[p]) for p in pieces), Delta(finish="tool_calls"))
    return [(call.name, call.arguments) for call in assembly.complete()[1]]


def test_text_usage_and_finish_may_come_in_any_order() -> None:
    assembly = assembled(Delta("Hel"), Delta(finish="stop"), Delta(usage=Tokens(3, 2)), Delta("lo"))
    assert assembly.complete() == ("Hello", (), "stop")
    assert assembly.usage == Tokens(3, 2)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("stop", "stop"), ("end_turn", "stop"), ("stop_sequence", "stop"), ("length", "length"), ("max_tokens", "length")],
)
def test_terminal_finish_reasons(theirs: str, ours: str) -> None:
    assert assembled(Delta("x", finish=theirs)).complete()[2] == ours


def test_no_reply_without_a_terminal_finish() -> None:
    assert kind_of(Delta("looks complete.")) == "cut_stream"
    assert kind_of(Delta("x", finish="bananas")) == "bad_reply"
    assert kind_of(Delta("x", finish="content_filter")) == "refused"
    assert kind_of(Delta("x", finish="refusal")) == "refused"


def test_an_empty_reply_is_none() -> None:
    assert kind_of(Delta(" \n", finish="stop")) == "bad_reply"
    assert kind_of(Delta(finish="length")) == "too_long"
    assert kind_of(Delta("x", finish="tool_calls")) == "bad_reply"


@pytest.mark.parametrize(
    "raw", ['{"a": 1', '{"a": 1}}', "[1]", '"a"', "1", "null", "{'a': 1}", '{"a": NaN}', '{"a": "\\ud800"}']
)
def test_arguments_must_be_exactly_one_object(raw: str) -> None:
    assert kind_of(Delta(tool_calls=[ToolPiece(0, "c", "add", raw)], finish="tool_calls")) == "bad_reply"


def test_a_call_cut_off_by_the_length_limit_is_refused_even_if_it_parses() -> None:
    assert kind_of(Delta(tool_calls=[ToolPiece(0, "c", "add", '{"a": 1}')], finish="length")) == "too_long"


def test_a_call_without_a_name_is_refused() -> None:
    assert kind_of(Delta(tool_calls=[ToolPiece(0, "c", "", "{}")], finish="tool_calls")) == "bad_reply"


def test_calls_end_in_tool_calls_whatever_the_server_says() -> None:
    assembly = assembled(Delta(tool_calls=[ToolPiece(0, "c", "now")], finish="stop"))
    _, [call], finish = assembly.complete()
    assert (call.id, call.arguments, finish) == ("c", {}, "tool_calls")


def test_parallel_calls_keep_their_order() -> None:
    pieces = [
        ToolPiece(0, "a", "add", '{"a"'),
        ToolPiece(1, "b", "now", "{"),
        ToolPiece(0, arguments=":1}"),
        ToolPiece(1, arguments="}"),
    ]
    assert calls_of(*pieces) == [("add", {"a": 1}), ("now", {})]


def test_a_name_repeated_in_every_piece_is_one_name() -> None:
    assert calls_of(*(ToolPiece(0, "c", "add", part) for part in ('{"a"', ": ", "1}"))) == [("add", {"a": 1})]
    assert calls_of(*(ToolPiece(0, "", "add", part) for part in ('{"a"', ": ", "1}"))) == [("add", {"a": 1})]


def test_a_name_in_two_parts_is_put_together() -> None:
    assert calls_of(ToolPiece(0, "c", "read_"), ToolPiece(0, "", "file"), ToolPiece(0, arguments="{}")) == [
        ("read_file", {})
    ]


def test_calls_that_share_an_index_are_told_apart() -> None:
    by_id = [ToolPiece(0, "a", "add", "{}"), ToolPiece(0, "b", "add", "{}")]
    assert len(calls_of(*by_id)) == 2
    without_ids = [ToolPiece(0, "", "add", '{"a": 1}'), ToolPiece(0, "", "add", '{"a": 2}')]
    assert calls_of(*without_ids) == [("add", {"a": 1}), ("add", {"a": 2})]


def test_missing_ids_are_made_up_and_differ() -> None:
    pieces = [ToolPiece(0, "", "now"), ToolPiece(1, "", "now")]
    _, calls, _ = assembled(Delta(tool_calls=pieces, finish="tool_calls")).complete()
    assert len({call.id for call in calls}) == 2
    assert all(call.id for call in calls)


def test_a_reply_beyond_the_longest_is_stopped() -> None:
    assembled(Delta("x" * 10), longest=10)
    with pytest.raises(ModelUnavailable) as caught:
        assembled(Delta("x" * 6), Delta(tool_calls=[ToolPiece(0, "c", "add", "y" * 6)]), longest=10)
    assert caught.value.kind == "too_long"
