"""What the chat shows of a call that waits for approval: its line, its card, and the click that decides it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from test_chat_rendering import PLANNED, TASK, at, drawn, happened, line
from test_chat_rendering_steering import view_of

from chat.rendering import render
from chat.steering import Click
from core import steering as s
from core.steering import OrderKind
from tools.sanitise import in_full, visible

ASKED = happened(s.ApprovalRequested, 4, task_id="t1", step="t1/1.0", approval_id="a1", tool="send_mail", words="Send hello to bob",
                 arguments={"to": "bob\u202e", "text": "a\nto: eve"}, arguments_hash="0" * 64, why="It changes something outside.",
                 choices=("once", "edit", "conversation", "pattern", "reject"), operator="researcher",
                 expires_at=at(0) + timedelta(days=1))  # fmt: skip


def decided(decision: Any, **more: Any) -> Any:
    about = {"task_id": "t1", "step": "t1/1.0", "approval_id": "a1"}
    return happened(s.ApprovalDecided, 60, decision=decision, **about, **more)


def test_what_waits_stands_beside_its_work_with_all_arguments() -> None:
    place = line(drawn(*PLANNED, TASK, ASKED), "approval", "a1")
    assert place.label == "Needs your approval: Send hello to bob"
    assert (place.text, place.still, place.end) == ("It changes something outside.", True, None)
    assert '"text": "a\\nto: eve"' in place.given
    assert '"to": "bob\\u202e"' in place.given


@pytest.mark.parametrize(
    ("decision", "words", "failed"),
    [
        ("once", "you allowed it", False),
        ("reject", "you did not allow it", True),
        ("unanswered", "unanswered, nobody decided in time", True),
        ("withdrawn", "not wanted any more", True),
    ],
)
def test_what_became_of_it_is_said(decision: str, words: str, failed: bool) -> None:
    place = line(drawn(*PLANNED, TASK, ASKED, decided(decision)), "approval", "a1")
    assert (place.detail, place.failed, place.end) == (words, failed, at(60))


def test_changed_arguments_are_those_it_runs_with() -> None:
    place = line(drawn(*PLANNED, TASK, ASKED, decided("edit", arguments={"to": "ada"})), "approval", "a1")
    assert place.given == '{\n  "to": "ada"\n}'
    assert render(drawn(*PLANNED, TASK), decided("once")) == [], "what was never shown is not closed"


def test_the_card_has_everything_to_decide_by_and_goes_when_it_is_decided() -> None:
    view = view_of(*PLANNED, TASK, ASKED)
    assert (view["state"], view["words"]) == ("waiting", "Waiting for you")
    [card] = view["cards"]
    assert (card["kind"], card["approval"], card["step"], card["tool"]) == ("approval", "a1", "t1/1.0", "send_mail")
    assert card["choices"] == ["once", "edit", "conversation", "pattern", "reject"]
    assert "\u202e" not in card["given"] + card["pattern"]
    assert view_of(*PLANNED, TASK, ASKED, decided("once"))["cards"] == []


def test_one_click_is_one_order_and_another_approval_is_another() -> None:
    click = Click(kind=OrderKind.DECIDE, step="t1/1.0", approval="a1", choice="once")
    order = click.order("m", "ada")
    assert (order.kind, order.approval, order.choice) == (OrderKind.DECIDE, "a1", "once")
    assert click.order("m", "ada").id == order.id
    others = [click.model_copy(update={"approval": "a2"}), click.model_copy(update={"choice": "reject"})]
    assert len({order.id, *(other.order("m", "ada").id for other in others), click.order("m", "bob").id}) == 4


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ünï 日本 \n", "plain ünï 日本 \n"),
        ("a\u202eb", "a\\u202eb"),
        ("a\u200bb\u2066", "a\\u200bb\\u2066"),
        ("a\x1b[2Jb\x7f", "a\\u001b[2Jb\\u007f"),
        ("a\u2028b", "a\\u2028b"),
    ],
)
def test_nothing_hides_from_who_decides(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert json.loads(in_full({"x": text})) == {"x": text}
