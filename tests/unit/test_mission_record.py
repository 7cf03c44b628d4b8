"""What is taken from the journal when a mission goes on: what was used, and how long it was at work."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.budget import Usage
from core.events import (
    BriefAssembled,
    Event,
    MissionAccepted,
    MissionEnded,
    MissionStarted,
    ModelFailed,
    ModelReplied,
    QuestionAnswered,
    QuestionAsked,
    ToolReturned,
)
from core.missions import Status
from graphs.mission_run import Record

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def at(second: float, kind: type[Event], **more: object) -> Event:
    return kind(mission_id="m", at=BEGAN + timedelta(seconds=second), **more)


def test_waiting_in_the_queue_and_for_an_answer_is_no_time_at_work() -> None:
    record = Record(
        [
            at(0, MissionAccepted, conversation_id="c", goal="g"),
            at(100, MissionStarted),
            at(103, QuestionAsked, step="ask.1", question="Which year?"),
            at(104, MissionEnded, status=Status.WAITING_ANSWER, answer="Which year?"),
            at(90_000, QuestionAnswered, step="ask.1", answer="2025"),
            at(90_001, MissionStarted),
            at(90_007, BriefAssembled, history_messages=0, tokens=1),
        ]
    )
    assert record.seconds == 10
    assert {s: a.answer for s, a in record.standing.answers.items()} == {"ask.1": "2025"}


def test_a_crash_counts_until_its_last_event_only() -> None:
    record = Record(
        [at(0, MissionStarted), at(5, BriefAssembled, history_messages=0, tokens=1), at(500, MissionStarted)]
    )
    assert record.seconds == 5


def test_what_was_used_includes_calls_that_were_given_up() -> None:
    spent = Usage(model_calls=1, tokens_in=10)
    about = {"step": "t1/1", "tool": "now", "status": "ok", "output": "", "size": 0, "seconds": 0.1}
    record = Record(
        [
            at(0, ModelReplied, step="plan", role="chief", model="x", usage=spent),
            at(1, ModelFailed, step="t1/1", reason="busy", usage=spent + spent),
            at(2, ToolReturned, **about),
        ]
    )
    assert (record.used.model_calls, record.used.tokens_in, record.used.tool_calls) == (3, 30, 1)
