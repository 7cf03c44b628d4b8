"""Events: one closed vocabulary; written, read again, and replayed without harm."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest
from pydantic import ValidationError

from core.budget import Usage
from core.decisions import ToolCall
from core.events import (
    EVENTS,
    ArtifactMade,
    BriefAssembled,
    Event,
    LimitReached,
    MessageSent,
    MissionAccepted,
    MissionEnded,
    MissionStarted,
    ModelAsked,
    ModelFailed,
    ModelReplied,
    ModelRetried,
    PlanMade,
    PlanRefused,
    QuestionAnswered,
    QuestionAsked,
    ReviewGiven,
    TaskEnded,
    TaskStarted,
    TextStreamed,
    ToolCalled,
    ToolReturned,
)
from core.missions import Artifact, Attachment, Envelope, Source, Status, Task
from core.steering import (
    ApprovalDecided,
    ApprovalRequested,
    AttentionNeeded,
    AttentionSettled,
    Intervened,
    Order,
    OrderGiven,
    OrderKind,
    OrderSettled,
    PlanDecided,
    PlanProposed,
    StatusChanged,
    StepHeld,
    StepReleased,
)

FILE = Attachment(id="a1", name="sales.csv", hash="ab" * 32, size=10, mime="text/csv")
MADE = Artifact(id="f1", name="memo.md", hash="cd" * 32, size=4, mime="text/markdown")
SOURCE = Source(file="memo.pdf", quote="Risk one", page=2)
USAGE = Usage(model_calls=1, tokens_in=10, tokens_out=5, cost=Decimal("0.00012"))
CALL = ToolCall(id="c1", name="query_table", arguments={"sql": "select 1", "nested": {"n": [1, 2]}})
NOTE = Envelope(message_id="e1", sender="chief", recipient="*", message_type="note", content="hello")
ORDER = Order(id="o1", mission_id="m", kind=OrderKind.INSTRUCT, by="ada", text="Leave out the taxes.")

EXAMPLES = [
    MissionAccepted(mission_id="m", conversation_id="c", goal="Compare", attachments=(FILE,)),
    MissionStarted(mission_id="m"),
    BriefAssembled(mission_id="m", history_messages=2, tokens=300, recalled=(SOURCE,)),
    ModelAsked(mission_id="m", step="plan", role="chief", model="rehearsal:"),
    TextStreamed(mission_id="m", step="report", offset=4, text="more"),
    ModelRetried(mission_id="m", step="plan", reason="rate_limit", wait=1.5),
    ModelFailed(mission_id="m", step="plan", reason="The server is busy.", usage=USAGE),
    ModelReplied(mission_id="m", step="t1/1", role="operator", model="x", tool_calls=(CALL,), usage=USAGE),
    PlanMade(mission_id="m", tasks=(Task(id="t1", operator="analyst", goal="sum"),)),
    PlanRefused(mission_id="m", step="plan", problems=("There is no operator magician.",)),
    TaskStarted(mission_id="m", task_id="t1", operator="analyst", title="Analyst", profile_version="1", goal="sum"),
    ToolCalled(mission_id="m", task_id="t1", step="t1/1.0", tool="query_table", arguments=CALL.arguments),
    ToolReturned(mission_id="m", task_id="t1", step="t1/1.0", tool="x", status="ok", output="1", size=1, seconds=0.1),
    ArtifactMade(mission_id="m", artifact=MADE),
    MessageSent(mission_id="m", message=NOTE),
    TaskEnded(mission_id="m", task_id="t1", operator="analyst", status=Status.COMPLETED, summary="done", usage=USAGE),
    ReviewGiven(mission_id="m", step="review", verdict="send_back", reasons={"t1": "no total"}),
    QuestionAsked(mission_id="m", step="plan", question="Which year?"),
    QuestionAnswered(mission_id="m", step="plan", answer="2025"),
    LimitReached(mission_id="m", limit="tokens", allowed="10", words="Stopped."),
    OrderGiven(mission_id="m", by="user:ada", order=ORDER),
    OrderSettled(mission_id="m", order_id="o1", outcome="applied", words="Seen by Analyst at t1/2"),
    StatusChanged(mission_id="m", task_id="t1", status=Status.WAITING_ANSWER, reason="It asks you something."),
    StepHeld(mission_id="m", task_id="t1", step="t1/2", what="think", words="Analyst thinks about the next step"),
    StepReleased(mission_id="m", task_id="t1", step="t1/2", choice="continue", by="user:ada"),
    PlanProposed(
        mission_id="m",
        step="approve.1",
        tasks=(Task(id="t1", operator="analyst", goal="sum"),),
        choices=("accept", "edit", "stop"),
        operators=("analyst",),
        most=30,
    ),
    PlanDecided(mission_id="m", step="approve.1", choice="replan", reason="Cheaper.", by="user:ada"),
    AttentionNeeded(mission_id="m", step="t1/2.0", tool="send", words="It may have been sent.", choices=("retry",)),
    AttentionSettled(mission_id="m", step="t1/2.0", choice="retry", by="user:ada"),
    ApprovalRequested(
        mission_id="m",
        step="t1/2.0",
        approval_id="a",
        tool="pay",
        arguments={"amount": 5},
        arguments_hash="ef" * 32,
        words="Pay 5",
        why="It spends money.",
        choices=("once", "reject"),
        expires_at=datetime(2027, 1, 1, tzinfo=UTC),
    ),
    ApprovalDecided(mission_id="m", step="t1/2.0", approval_id="a", decision="reject", reason="No.", by="user:ada"),
    Intervened(mission_id="m", task_id="t1", pattern="same_result", action="nudge", words="The same call three times."),
    MissionEnded(
        mission_id="m", status=Status.COMPLETED, answer="42", sources=(SOURCE,), artifacts=(MADE,), usage=USAGE
    ),
]


@cache
def published() -> jsonschema.Draft202012Validator:
    page = Path(__file__).resolve().parents[2] / "docs" / "events.schema.json"
    return jsonschema.Draft202012Validator(json.loads(page.read_text(encoding="utf-8")))


def by_kind(event: Any) -> str:
    return str(event.kind)


def test_there_is_an_example_of_every_kind():
    assert {type(example) for example in EXAMPLES} == set(get_args(get_args(Event)[0]))


@pytest.mark.parametrize("event", EXAMPLES, ids=by_kind)
def test_an_event_is_read_back_as_it_was_written(event):
    written = EVENTS.dump_json(event)
    assert EVENTS.validate_json(written) == event
    assert json.loads(written)["kind"] == event.kind


@pytest.mark.parametrize("event", EXAMPLES, ids=by_kind)
def test_what_is_written_fits_the_published_schema(event):
    published().validate(json.loads(EVENTS.dump_json(event)))


@pytest.mark.parametrize("event", EXAMPLES, ids=by_kind)
def test_a_key_does_not_depend_on_when_it_was_written(event):
    again = event.model_copy(update={"seq": 99, "attempt": 7})
    assert again.key == event.key


def test_keys_name_what_may_happen_once():
    keys = [example.key for example in EXAMPLES if example.key is not None]
    assert len(keys) == len(set(keys))
    assert (
        ToolReturned(mission_id="m", step="t1/2.0", tool="x", status="ok", output="", size=0, seconds=0).key
        == "tool_returned:t1/2.0"
    )
    assert PlanMade(mission_id="m", version=2, tasks=()).key == "plan_made:2"


def test_the_same_kind_for_another_task_has_another_key():
    common: dict[str, Any] = {"mission_id": "m", "operator": "analyst", "status": Status.COMPLETED, "summary": ""}
    assert TaskEnded(task_id="t1", **common).key != TaskEnded(task_id="t2", **common).key


@pytest.mark.parametrize(
    "repeatable", [MissionStarted, TextStreamed, ModelRetried, ModelFailed, LimitReached, MissionEnded]
)
def test_what_may_happen_again_has_no_key(repeatable):
    [example] = [e for e in EXAMPLES if type(e) is repeatable]
    assert example.key is None


def test_an_unknown_kind_and_an_unknown_field_are_refused():
    with pytest.raises(ValidationError):
        EVENTS.validate_python({"kind": "coffee_made", "mission_id": "m"})
    with pytest.raises(ValidationError):
        EVENTS.validate_python({"kind": "mission_started", "mission_id": "m", "colour": "red"})


def test_events_are_frozen():
    with pytest.raises(ValidationError):
        EXAMPLES[0].seq = 3


def test_money_stays_exact():
    event = EVENTS.validate_json(EVENTS.dump_json(EXAMPLES[-1]))
    assert isinstance(event, MissionEnded)
    assert event.usage.cost == Decimal("0.00012")
