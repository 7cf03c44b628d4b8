"""What a newer version of a plan changes, in plain words."""

from __future__ import annotations

from core.missions import Task
from core.steering import plan_changes

T1 = Task(id="t1", operator="analyst", goal="Sum the sales.")
T2 = Task(id="t2", operator="writer", goal="Write it up.", needs=("t1",))


def test_tasks_that_do_others_again_name_them_and_the_reason() -> None:
    retry = T1.model_copy(
        update={"id": "t1-retry1", "instead_of": "t1", "model": "strong", "why": "With a stronger model."}
    )
    along = T2.model_copy(update={"id": "t2-retry1", "instead_of": "t2", "needs": ("t1-retry1",)})
    assert plan_changes([T1, T2], [T1, T2, retry, along]) == [
        "t1-retry1 (analyst) takes the place of t1. With a stronger model.",
        "t2-retry1 (writer, after t1-retry1) takes the place of t2.",
    ]


def test_tasks_that_are_new_changed_or_gone() -> None:
    changed = T1.model_copy(update={"operator": "researcher", "done_when": "It is right.", "why": "You wished so."})
    new = Task(id="t3", operator="tester", goal="Check it.\nAll of it." + "x" * 300)
    long = Task(id="t4", operator="tester", goal="x" * 300)
    lines = plan_changes([T1, T2], [changed, new, long])
    assert lines[:2] == ["t1 has changed (operator, done when). You wished so.", "t3 (tester) is new: Check it."]
    assert len(lines[2]) < 230
    assert lines[3:] == ["t2 is left out."]


def test_nothing_changes_nothing() -> None:
    assert plan_changes([T1, T2], [T1, T2]) == []
    assert plan_changes([], []) == []
