"""A plan is what passed every rule; what did not comes back as sentences that name the task and the fix."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents.planning import MOST_TASKS, read_plan
from core.errors import PlanRefused
from core.missions import Priority

OPERATORS = ("analyst", "researcher", "writer")


def task(**fields: Any) -> dict[str, Any]:
    return {"operator": "analyst", "goal": "Count the rows"} | fields


def problems(tasks: object) -> list[str]:
    with pytest.raises(PlanRefused) as refused:
        read_plan({"note": "", "tasks": tasks}, OPERATORS)
    return refused.value.problems


def test_ids_become_t1_to_tn_and_needs_follow() -> None:
    plan = read_plan(
        {
            "note": " Numbers first. ",
            "tasks": [
                task(id="final", operator="writer", needs=["sums", "t2"], priority="urgent"),
                task(),
                task(id="sums", done_when="the total is given"),
            ],
        },
        OPERATORS,
    )
    assert [t.id for t in plan.tasks] == ["t1", "t2", "t3"]
    assert plan.tasks[0].needs == ("t3", "t2")
    assert plan.tasks[0].priority is Priority.URGENT
    assert plan.tasks[1].priority is Priority.MEDIUM
    assert plan.tasks[2].done_when == "the total is given"
    assert plan.note == "Numbers first."


def test_a_given_id_that_looks_like_a_position_keeps_its_meaning() -> None:
    plan = read_plan({"tasks": [task(id="t2"), task(), task(needs=["t2"])]}, OPERATORS)
    assert plan.tasks[2].needs == ("t1",)


def test_nested_lists_keep_every_step() -> None:
    steps = [task(goal=f"Step {n}") for n in range(17)]
    nested = [steps[0], [steps[1:9], [[steps[9:]]]]]
    plan = read_plan({"tasks": nested}, OPERATORS)
    assert [t.goal for t in plan.tasks] == [f"Step {n}" for n in range(17)]


def test_groups_of_tasks_are_flattened_too() -> None:
    plan = read_plan({"tasks": [{"tasks": [task(goal="a"), task(goal="b")]}, task(goal="c")]}, OPERATORS)
    assert [t.goal for t in plan.tasks] == ["a", "b", "c"]


def test_a_deeply_nested_list_is_read_without_recursion() -> None:
    nested: list[Any] = [task()]
    for _ in range(5000):
        nested = [nested]
    assert len(read_plan({"tasks": nested}, OPERATORS).tasks) == 1


def test_tasks_as_json_text() -> None:
    assert len(read_plan({"tasks": json.dumps([task(), task()])}, OPERATORS).tasks) == 2
    assert "flat list" in problems('{"operator": "analyst"}')[0]
    assert "flat list" in problems("[broken")[0]
    assert "flat list" in problems("[" * 200_000)[0]


def test_task_limit() -> None:
    assert len(read_plan({"tasks": [task()] * MOST_TASKS}, OPERATORS).tasks) == MOST_TASKS
    [problem] = problems([task()] * 31)
    assert "31 tasks" in problem
    assert "at most 30" in problem


@pytest.mark.parametrize("arguments", [None, [], "x", {}, {"tasks": None}, {"tasks": {}}, {"tasks": 3}])
def test_arguments_without_a_list(arguments: object) -> None:
    with pytest.raises(PlanRefused, match="flat list"):
        read_plan(arguments, OPERATORS)


def test_no_tasks() -> None:
    assert "no tasks" in problems([])[0]
    assert "no tasks" in problems([[], [[]]])[0]


@pytest.mark.parametrize(
    ("tasks", "words"),
    [
        ([task(operator="wizard")], ["t1", "'wizard'", "analyst, researcher, writer"]),
        ([task(operator=None)], ["t1", "names no operator"]),
        ([task(goal="  ")], ["t1", "has no goal"]),
        ([task(id="a", needs=["a"])], ["a needs itself", "remove"]),
        ([task(id="a", needs=["b"]), task(id="c")], ["a needs 'b'", "name one of c"]),
        ([task(id="a"), task(id="a")], ["Two tasks have the id a"]),
        ([task(needs="t2"), task()], ["t1", "must be a list"]),
        ([task(needs=[["t2"]]), task()], ["t1", "must be a list"]),
        ([task(depends_on=["t2"]), task()], ["t1", "'depends_on'", "needs"]),
        ([task(priority="soon")], ["t1", "'soon'", "urgent"]),
        (["Count the rows"], ["Task 1", "not an object"]),
    ],
)
def test_a_broken_rule_names_task_and_fix(tasks: list[Any], words: list[str]) -> None:
    text = " ".join(problems(tasks))
    for word in words:
        assert word in text


def test_circles_are_named() -> None:
    [problem] = problems(
        [task(id="a", needs=["c"]), task(id="b", needs=["a"]), task(id="c", needs=["b"]), task(id="d")]
    )
    assert {"a", "b", "c"} <= set(problem.replace(",", "").split())
    assert "circle" in problem
    [problem] = problems([task(id="x", needs=["y"]), task(id="y", needs=["z"]), task(id="z", needs=["y"])])
    assert "Tasks y, z wait" in problem or "Tasks z, y wait" in problem


def test_problems_are_bounded() -> None:
    found = problems([task(operator="o" * 5000, goal="", needs=["nowhere"]) for _ in range(30)])
    assert len(found) == 13
    assert "more problems" in found[-1]
    assert sum(map(len, found)) < 4000
