"""Work that repeats itself and still gets on: the watchdog leaves it alone, and keeps little of it."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

import pytest
from watchdog_fixtures import M, Story

from core.budget import Budget
from core.events import ModelFailed, QuestionAnswered, QuestionAsked, TaskStarted
from core.missions import Status, now
from core.steering import ApprovalDecided, ApprovalRequested, StepHeld, StepReleased
from graphs.stuck import digest
from graphs.watch_list import WatchList

REPETITIONS: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "pages": [("read_file", f"page {n}", {"page": n}) for n in range(40)],
    "a clock that goes on": [("now", f"12:{n:02}", {}) for n in range(40)],
    "pages with nothing on them": [("read_file", "(empty)", {"page": n}) for n in range(40)],
    "write and read, each time another text": [
        ("write_file" if n % 2 else "read_file", f"version {n // 2}", {"file": "a"}) for n in range(40)
    ],
    "twice each, to be sure": [("read_file", f"page {n // 2}", {"page": n // 2}) for n in range(40)],
    "three steps in turns": [(name, "as before", {}) for _ in range(13) for name in ("list", "read", "write")],
    "looking at the list in between": [
        ("read_file", f"page {n}", {"page": n}) if n % 2 else ("list_files", "a, b", {}) for n in range(40)
    ],
}


@pytest.mark.parametrize("name", REPETITIONS)
def test_repetition_that_gets_on_is_left_alone(name: str) -> None:
    story = Story()
    story.start()
    for tool, output, arguments in REPETITIONS[name]:
        story.do(tool, output, **arguments)
    assert story.seen() == []


def test_different_errors_and_a_second_try_that_works_are_left_alone() -> None:
    story = Story()
    story.start()
    for number in range(12):
        story.do("query_table", "failed", status="failed", sql=f"select {number // 2}")
        story.do("query_table", "ok", sql=f"select {number // 2}")
    assert story.seen() == []


def test_two_tasks_that_do_the_same_are_not_taken_for_one() -> None:
    story = Story()
    story.start("t1")
    story.start("t2")
    for number in range(6):
        story.do("read_file", "the same page", task=f"t{number % 2 + 1}")
    assert story.seen() == []


def test_values_of_any_shape_have_one_digest_each_and_the_order_of_names_does_not_count() -> None:
    deep: Any = 1
    for _ in range(100_000):
        deep = [deep]
    odd = [{"a": 1, "b": 2}, {"a": 1}, {"a": 2**70}, {"a": "\ud800"}, {"a": float("nan")}, {"": None}, deep]
    assert len({digest(value) for value in odd}) == len(odd)
    assert digest({"b": 2, "a": 1}) == digest({"a": 1, "b": 2})
    assert all(digest(x) == digest(x) for x in odd)


def test_what_is_kept_does_not_grow_with_the_work() -> None:
    story = Story()
    story.start()
    sizes = []
    for number in range(501):
        story.do("read_file", "x" * 1000, page=number)
        if number in (50, 500):
            task = story.dog._tasks.get("t1")
            assert task is not None
            sizes.append(len(task.habits._rounds) + len(task.habits._told) + len(task._rungs))
    assert sizes[0] == sizes[1] <= 8
    story.end()
    assert list(story.dog._tasks) == []


NAMES = ["t1", "t1.1", "t1.1.1", "t2", "t2.1", "gone"]


def _structure(story: Story, chance: Random) -> None:
    task = chance.choice(NAMES)
    if chance.randrange(2):
        story.start(task, chance.choice(["a", "b"]), chance.choice(["Do it all again", "Do all of it again"]))
    else:
        story.end(task, chance.choice([Status.COMPLETED, Status.FAILED]))


def _calls(story: Story, chance: Random) -> None:
    task, number = chance.choice(NAMES), chance.randrange(4)
    if chance.randrange(2):
        story.reply(task, *[("read_file", {"n": number})] * chance.randrange(3), tokens_in=chance.randrange(50))
    else:
        story.returns(f"{task}/{number}", "read_file", str(number), chance.choice(["ok", "failed"]))


def _people(story: Story, chance: Random) -> None:
    task = chance.choice(NAMES)
    about = {"mission_id": M, "task_id": chance.choice([task, None]), "step": f"{task}/{chance.randrange(4)}"}
    if chance.randrange(2):
        story.tell(
            StepHeld(**about, what="act", words="x") if chance.randrange(2) else StepReleased(**about, choice="skip")
        )
    else:
        story.tell(QuestionAsked(**about, question="?"), QuestionAnswered(**about, answer="!"))


def _text(story: Story, chance: Random) -> None:
    task, number = chance.choice(NAMES), chance.randrange(4)
    if chance.randrange(2):
        story.stream("and so on " * chance.randrange(200), number, task, f"{task}/{number}")
    else:
        story.tell(ModelFailed(mission_id=M, task_id=task, step=f"{task}/{number}", reason="lost"))


@pytest.mark.parametrize("seed", range(20))
def test_property_whatever_comes_in_whatever_order_the_watchdog_goes_on(seed: int) -> None:
    """Events of every kind, of tasks that do and do not exist, out of order: nothing raises, and what is due gets found."""
    chance = Random(seed)
    story = Story(patience=5, budget=Budget(seconds=500, tokens=10_000, model_calls=200))
    for _ in range(400):
        chance.choice([_structure, _calls, _people, _text])(story, chance)
        if not chance.randrange(10):
            story.wait(chance.random() * 3)
    ended = [f.task_id for f in story.found if f.action == "cancel_task"]
    starts = Counter(e.task_id for e in story.past if isinstance(e, TaskStarted))
    assert all(ended.count(task) <= starts[str(task)] for task in ended), "a task is ended once"
    assert [f.action for f in story.found].count("end_mission") <= 1


def test_who_waits_for_approval_is_left_alone() -> None:
    about: dict[str, Any] = {"mission_id": "m", "task_id": "t1", "step": "t1/1.0", "approval_id": "a"}
    fields: dict[str, Any] = {"tool": "pay", "arguments_hash": "0", "words": "Pay", "why": "It spends.", "choices": ()}
    tasks = WatchList(0.0)
    tasks.note(
        TaskStarted(mission_id="m", task_id="t1", operator="hand", title="Hand", profile_version="1", goal="Pay."), 0.0
    )
    [task] = tasks.at_work()
    tasks.note(ApprovalRequested(**about, **fields, expires_at=now()), 1.0)
    assert not task.working
    tasks.note(ApprovalDecided(**about, decision="once"), 2.0)
    assert task.working
