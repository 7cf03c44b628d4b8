"""Which rung a failed task goes to next, and what its tasks and their reports tell of it."""

from __future__ import annotations

from typing import Any

import pytest

from agents.roster import Profile
from core.missions import Report, Status, Task
from core.settings import Settings
from graphs.ladder import (
    NO_OPERATOR,
    Rung,
    Ways,
    aftermath,
    changed,
    climbed,
    core_of,
    other_operator,
    rung_for,
    stronger_model,
    with_needs,
)
from graphs.outcomes import Outcomes, another_id, is_retry, line_of

ALL = Ways(stronger=True, operator="writer", core_by="analyst")
RETRY, MODEL, OPERATOR, BRIEF = Rung


def task(id_: str = "t1", **more: Any) -> Task:
    return Task(**{"id": id_, "operator": "analyst", "goal": f"Goal of {line_of(id_)}."} | more)


def report(id_: str = "t1", status: Status = Status.FAILED, **more: Any) -> Report:
    return Report(task_id=id_, operator="analyst", status=status, summary=f"{id_} said so.", **more)


NAMES = [
    ("t1", "retry", [], "t1-retry1"),
    ("t1", "retry", ["t1", "t1-retry1", "t10-retry1"], "t1-retry2"),
    ("t1-retry1", "retry", ["t1", "t1-retry1"], "t1-retry2"),
    ("t1-retry1", "again", ["t1", "t1-retry1"], "t1-again1"),
    ("t1-again1", "again", ["t1", "t1-again1"], "t1-again2"),
    ("t1-again1", "retry", ["t1", "t1-retry1", "t1-again1"], "t1-retry2"),
]


@pytest.mark.parametrize(("task_id", "how", "known", "name"), NAMES)
def test_a_task_done_again_has_a_name_of_its_own_and_belongs_to_the_first(
    task_id: str, how: Any, known: list[str], name: str
) -> None:
    assert another_id(task_id, how, known) == name
    assert name not in known
    assert line_of(name) == "t1"
    assert is_retry(name) is (how == "retry")


def test_a_subtask_of_a_task_done_again_is_a_line_of_its_own() -> None:
    assert line_of("t1-retry1.2") == "t1-retry1.2"
    assert not is_retry("t1-retry1.2")


def course(cause: str, tries: int, ways: Ways) -> list[Rung]:
    """Climb until nothing is left, with the same failure every time."""
    on: list[Rung] = []
    while (rung := rung_for(cause, on, tries, ways)) is not None:
        on.append(rung)
        assert len(on) <= 4
    return on


COURSES: list[tuple[str, int, Ways, list[Rung]]] = [
    ("timeout", 4, ALL, [RETRY, MODEL, OPERATOR, BRIEF]),
    ("timeout", 2, ALL, [RETRY, MODEL]),
    ("timeout", 0, ALL, []),
    ("no_progress", 4, ALL, [RETRY, MODEL, OPERATOR, BRIEF]),
    ("", 4, ALL, [MODEL, OPERATOR, BRIEF]),
    ("same_error", 4, ALL, [MODEL, OPERATOR, BRIEF]),
    ("steps", 3, Ways(core_by="analyst"), [BRIEF]),
    ("", 4, Ways(operator="writer", core_by="analyst"), [OPERATOR, BRIEF]),
    ("", 4, Ways(), []),
    ("auth", 4, ALL, [MODEL]),
    ("connection", 4, ALL, [RETRY, MODEL]),
    ("needs", 4, ALL, []),
    ("mission", 4, ALL, []),
    ("budget", 4, ALL, []),
    ("user", 4, ALL, []),
]


@pytest.mark.parametrize(("cause", "tries", "ways", "rungs"), COURSES)
def test_each_failure_climbs_only_what_may_help_it(cause: str, tries: int, ways: Ways, rungs: list[Rung]) -> None:
    assert course(cause, tries, ways) == rungs


def test_a_task_goes_up_only_whatever_fails_next() -> None:
    assert rung_for("timeout", [MODEL], 4, ALL) is OPERATOR
    assert rung_for("timeout", [BRIEF], 4, ALL) is None


def test_a_task_without_its_operator_is_given_to_another_even_if_nothing_is_to_be_tried_again() -> None:
    assert rung_for(NO_OPERATOR, [], 0, ALL) is OPERATOR
    assert rung_for(NO_OPERATOR, [OPERATOR, BRIEF], 2, ALL) is OPERATOR
    assert rung_for(NO_OPERATOR, [], 4, Ways(stronger=True, core_by="analyst")) is None


def test_how_far_a_task_has_come_is_read_off_the_tasks() -> None:
    tasks, problem = [task(done_when="It is right.")], "It broke."
    for n, rung in enumerate(Rung, 1):
        new = changed(tasks[-1], rung, ALL, problem).model_copy(
            update={"id": f"t1-retry{n}", "instead_of": tasks[-1].id}
        )
        assert problem in new.why
        tasks.append(new)
        assert climbed(new, Outcomes(tasks, [])) == set(list(Rung)[:n])
    assert (tasks[2].model, tasks[3].operator) == ("strong", "writer")
    assert (tasks[4].operator, tasks[4].done_when, tasks[4].goal) == ("analyst", "", core_of(tasks[0].goal))
    wished = tasks[4].model_copy(update={"id": "t1-retry5", "instead_of": "t1-retry4", "why": "You asked."})
    assert climbed(wished, Outcomes([*tasks, wished], [])) == set(Rung), "a person's wish is no rung, and forgets none"
    sent_back = wished.model_copy(update={"id": "t1-again1", "instead_of": "t1-retry5"})
    assert climbed(sent_back, Outcomes([*tasks, wished, sent_back], [])) == set(), "work sent back begins at the foot"


def test_the_core_of_a_goal_is_shorter_and_stays_itself() -> None:
    core = core_of("Sum the sales. " * 200)
    assert len(core) < 1_300
    assert core.startswith("Do only the core of this: Sum the sales.")


def test_the_report_that_counts_is_the_newest_that_came_to_something() -> None:
    tasks = [task(i) for i in ("t1", "t2", "t1-retry1", "t2-again1", "t1-retry2")]
    done = Status.COMPLETED
    reports = [report("t1"), report("t2", done), report("t1-retry1"), report("t2-again1")]
    found = Outcomes(tasks, reports)
    assert {line: r.task_id for line, r in found.standing.items()} == {"t1": "t1-retry1", "t2": "t2"}
    assert [t.id for t in found.failed] == ["t2-again1"], "t1-retry2 is not done yet"
    found = Outcomes(tasks, [*reports, report("t1-retry2", done)])
    assert [r.task_id for r in found.standing.values()] == ["t1-retry2", "t2"]


def test_tasks_that_failed_for_want_of_another_come_along_with_their_new_needs() -> None:
    tasks = [
        task("t1"),
        task("t2", needs=("t1",)),
        task("t3", needs=("t2", "t4")),
        task("t4"),
        task("t5", needs=("t1", "t4")),
    ]
    reports = [
        report("t1"),
        report("t2", cause="needs"),
        report("t3", cause="needs"),
        report("t4", Status.COMPLETED),
        report("t5", Status.CANCELLED),
    ]
    outcomes = Outcomes(tasks, reports)
    more = with_needs(outcomes, {"t1": tasks[0].model_copy(update={"why": "Why."})})
    assert [(t.id, t.instead_of, t.needs) for t in more] == [
        ("t1-retry1", "t1", ()),
        ("t2-retry1", "t2", ("t1-retry1",)),
        ("t3-retry1", "t3", ("t2-retry1", "t4")),
    ]
    assert [t.why for t in more] == ["Why.", "What it needs is tried again.", "What it needs is tried again."]
    again = [t.model_copy(update={"operator": t.operator}) for t in more]
    outcomes = Outcomes([*tasks, *again], [*reports, report("t1-retry1", Status.COMPLETED), report("t2-retry1")])
    [t2] = with_needs(outcomes, {"t2": again[1]})
    assert (t2.id, t2.instead_of, t2.needs) == ("t2-retry2", "t2-retry1", ("t1-retry1",))


def profile(name: str, tools: str, about: str = "", *, enabled: bool = True) -> Profile:
    about = about or "Nothing in particular."
    return Profile(
        name=name, title=name, when=about, tools=tuple(tools.split()), charter="Work.", version="1", enabled=enabled
    )


def test_who_else_could_do_it_has_the_tools_and_fits_the_goal() -> None:
    people = [
        profile("analyst", "read query sum save"),
        profile("builder", "read query sum save", "Builds bridges."),
        profile("counter", "read query", "Counts revenue by month."),
        profile("poet", "read", "Sings of revenue by month."),
        profile("resting", "read query sum save", "Counts revenue by month.", enabled=False),
    ]
    tools = people[0].tools
    assert other_operator(people, "Count the revenue of each month.", tools, ["query"], {"analyst"}) == "counter"
    assert other_operator(people, "Count the revenue of each month.", tools, ["sum"], {"analyst"}) == "builder"
    assert other_operator(people, "Nothing of that.", tools, [], {"analyst"}) == "builder", "the most of the tools"
    assert other_operator(people, "Any.", tools, [], {"analyst", "builder", "counter"}) == ""
    assert other_operator(people, "She sings of revenue.", (), (), {"gone"}) == "poet"


@pytest.mark.parametrize(
    ("strong", "tier", "is_other"),
    [("", "standard", False), ("rehearsal:big", "standard", True), ("rehearsal:big", "strong", False)],
)
def test_a_stronger_model_is_one_of_another_name(strong: str, tier: str, is_other: bool) -> None:
    assert stronger_model(Settings(model_strong=strong), tier) is is_other


def test_what_became_of_failed_tasks_is_told_in_plain_words() -> None:
    core = task("t1-retry1", goal=core_of("Sum."), instead_of="t1")
    tasks = [task("t1"), task("t2"), task("t3"), core, task("t2-retry1", instead_of="t2")]
    reports = [
        report("t1"),
        report("t2"),
        report("t3"),
        report("t1-retry1", Status.COMPLETED),
        report("t2-retry1"),
    ]
    assert aftermath(Outcomes(tasks, reports)) == (
        "Of task t1 only the core was done, because the whole of it failed. Task t2 failed, and so did 1 more try."
    )
