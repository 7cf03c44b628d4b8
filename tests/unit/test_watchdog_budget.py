"""Budgets and restarts under the watchdog's eyes, and the words for whatever it does."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from watchdog_fixtures import PATIENCE, M, Story, at_work

from core.budget import Budget, Usage
from core.events import ModelFailed, ModelReplied, QuestionAnswered, QuestionAsked
from core.missions import Status
from graphs.intervening import Finding, intervened, note_of, words_of

CANCEL = ("no_progress", "cancel_task", "t1")


def test_a_restart_remembers_what_was_done_and_forgets_no_pattern() -> None:
    first = Story()
    first.start()
    for _ in range(4):
        first.do("read_file", "the same page")
    assert [f.action for f in first.found] == ["nudge"]
    second = Story()
    for event in first.past:
        second.dog.observe(event)
    assert second.look() == [], "the nudge was given before"
    second.start()  # told again by the graph
    for _ in range(2):
        second.do("read_file", "the same page")
    assert second.seen() == [("same_result", "cancel_task", "t1")]


def test_what_was_found_but_not_done_before_a_crash_is_found_again() -> None:
    first = Story()
    first.start()
    for _ in range(4):
        first.do("read_file", "the same page")
    lost = [e for e in first.past if e.kind != "intervened"]
    second = Story()
    for event in lost:
        second.dog.observe(event)
    assert [(f.pattern, f.action) for f in second.look()] == [("same_result", "nudge")]


def test_a_cancel_before_a_crash_is_not_held_against_the_next_attempt() -> None:
    first = at_work()
    first.wait(PATIENCE + 45)
    second = Story()
    for event in first.past:
        second.dog.observe(event)
    second.wait(PATIENCE - 1)
    assert second.seen() == []
    second.wait(1)
    assert second.seen() == [CANCEL]


SPENT: dict[str, tuple[Budget, Usage]] = {
    "model calls": (Budget(model_calls=10), Usage(model_calls=1)),
    "tokens": (Budget(tokens=1000), Usage(tokens_in=60, tokens_out=40)),
    "$": (Budget(cost=Decimal("0.50")), Usage(cost=Decimal("0.05"))),
}


@pytest.mark.parametrize("unit", SPENT)
@pytest.mark.parametrize("kind", [ModelReplied, ModelFailed])
def test_at_four_fifths_of_a_budget_everybody_is_asked_to_come_to_an_end_once(unit: str, kind: Any) -> None:
    budget, usage = SPENT[unit]
    story = Story(budget=budget)
    more = {"reason": "lost"} if kind is ModelFailed else {"role": "chief", "model": "x"}
    for number in range(7):
        story.tell(kind(mission_id=M, step=f"plan.{number}", usage=usage, **more))
    assert story.seen() == []
    for number in (8, 9):
        story.tell(kind(mission_id=M, step=f"plan.{number}", usage=usage, **more))
        assert story.seen() == [("budget", "nudge", None)]
    assert unit in words_of(story.found[0])


def test_tool_calls_count_as_well() -> None:
    story = Story(budget=Budget(tool_calls=5))
    story.start()
    for number in range(4):
        assert story.seen() == []
        story.do("read_file", f"page {number}")
    assert story.seen() == [("budget", "nudge", None)]
    assert "4 of 5 tool calls" in words_of(story.found[0])


def test_past_its_wall_time_calls_under_way_are_ended_and_then_the_mission() -> None:
    story = at_work(patience=10_000, budget=Budget(seconds=1000), at_work=400.0)
    story.wait(399)
    assert story.seen() == []
    story.wait(1)
    assert story.seen() == [("budget", "nudge", None)]
    assert "800 of 1,000 seconds" in note_of(story.found[0])
    story.wait(200 + 29)
    assert len(story.found) == 1
    story.wait(1)
    assert story.seen()[1:] == [("budget", "cancel_task", "t1")]
    story.end("t1", Status.FAILED)
    story.wait(24)
    assert len(story.found) == 2
    story.wait(1)
    assert story.seen()[2:] == [("budget", "end_mission", None)]


def test_waiting_for_people_is_no_time_of_the_mission() -> None:
    story = at_work(patience=10_000, budget=Budget(seconds=1000))
    story.wait(799)
    story.tell(QuestionAsked(mission_id=M, task_id="t1", step="t1/1.0", question="Which?"))
    assert story.wait(1_000_000) == []
    story.tell(QuestionAnswered(mission_id=M, task_id="t1", step="t1/1.0", answer="This"))
    assert [f.pattern for f in story.wait(1)] == ["budget"]


ALL = [
    Finding(pattern, action, None if action == "end_mission" else "t1", "Data analyst", "read_file", again)
    for pattern in ("no_progress", "same_result", "same_error", "monologue", "alternating", "too_long", "circle", "budget")
    for action in ("nudge", "cancel_task", "end_mission")
    for again in (True, False)
]  # fmt: skip


@pytest.mark.parametrize("finding", ALL, ids=lambda f: f"{f.pattern}-{f.action}-{f.again}")
def test_every_finding_has_words_for_people_and_a_note_for_the_operator(finding: Finding) -> None:
    words, note = words_of(finding), note_of(finding)
    assert words[0].isupper()
    assert words.endswith(".")
    assert "{" not in words + note
    assert finding.pattern not in words + note or finding.pattern == "circle", "names of patterns are for code"
    assert ("although it had been told" in words) == finding.again
    event = intervened(M, finding)
    assert (event.pattern, event.action, event.task_id, event.words) == (
        finding.pattern,
        finding.action,
        finding.task_id,
        words,
    )
