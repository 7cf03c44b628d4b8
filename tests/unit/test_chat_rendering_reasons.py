"""Each step says who did it with which model and why, what it was given, and what went in and out."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from chat.rendering import picture_of
from core import events as e
from core.budget import Usage

AT = datetime(2026, 1, 2, tzinfo=UTC)
USED = Usage(model_calls=1, tokens_in=2000, tokens_out=310, tokens_cached=500, cost=Decimal("0.0123"))
WHERE: dict[str, Any] = {
    "task_id": "t1",
    "step": "t1/1",
    "role": "operator",
    "operator": "analyst",
    "model": "openai:gpt",
}


def given_of(*told: tuple[Any, dict[str, Any]]) -> list[str]:
    begun = [(e.MissionAccepted, {"conversation_id": "c", "goal": "?"}), (e.MissionStarted, {})]
    events = [kind(mission_id="m", seq=n, at=AT, **fields) for n, (kind, fields) in enumerate([*begun, *told], 1)]
    picture = picture_of("m", "msg", events)
    return [line.given for line in picture.lines.values() if line.kind in ("llm", "tool") and line.given]


def test_a_model_call_says_whose_it_is_and_why_this_model() -> None:
    asked = (e.ModelAsked, {**WHERE, "why": "strong tier, as the profile says", "prompt": "96fe44de9fe7"})
    [before] = given_of(asked)
    assert before == "analyst asks openai\\:gpt, prompt 96fe44de9fe7: strong tier, as the profile says"
    [after] = given_of(asked, (e.ModelReplied, {**WHERE, "usage": USED, "text": "Hm.", "heard": ("x",)}))
    assert after.removeprefix(before) == (
        "\n\nIn: 2,000 tokens (500 from the cache), out: 310 tokens, $0.0123; 1 message from others"
    )


def test_where_no_reason_is_on_record_none_is_made_up() -> None:
    assert given_of((e.ModelAsked, WHERE), (e.ModelReplied, {**WHERE, "usage": USED})) == []


def test_a_task_names_its_operator_version_and_what_it_builds_on() -> None:
    task = {
        "task_id": "t2",
        "operator": "analyst",
        "title": "Analyst",
        "goal": "Add",
        "profile_version": "v7",
        "needs": ("t1",),
    }
    [given] = given_of((e.TaskStarted, task))
    assert given == "Add\n\nOperator: analyst, profile v7. With the reports of t1"
