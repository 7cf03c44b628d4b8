"""A task that fails is tried in other ways, each once, a bounded number of times; then the mission ends in plain words."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from mission_fixtures import calls, open_desk
from recovery_fixtures import FAILED, Hopeless, Play, ends_of, needs, tasks_of, versions
from steering_fixtures import open_house

from agents.llm.calls import CallSite, ModelRequest
from core.decisions import Reply
from core.events import LimitReached, QuestionAsked, ReviewGiven, TaskStarted
from core.missions import Status
from core.steering import Intervened
from graphs.mission_graph import most_steps
from graphs.mission_run import current_run

STRONG = "rehearsal:big"
ONE = {"t1": {"done_when": "The sum is right."}}


def failing(*task_ids: str, way: str = FAILED) -> dict[str, str]:
    return dict.fromkeys(task_ids, way)


async def test_a_task_goes_up_rung_by_rung_and_the_answer_says_that_only_its_core_was_done(tmp_path: Path) -> None:
    play = Play(ONE, failing("t1", "t1-retry1", "t1-retry2", "t1-retry3", way="timeout"))
    async with open_desk(tmp_path, play, model_strong=STRONG, recovery_tries=4) as desk:
        end, events = await desk.do()
    t1, again, strong, other, core = tasks_of(events).values()
    assert [t.instead_of for t in (again, strong, other, core)] == ["t1", "t1-retry1", "t1-retry2", "t1-retry3"]
    assert again.model_copy(update={"id": "t1", "instead_of": "", "why": ""}) == t1
    assert (again.model, strong.model) == ("", "strong")
    assert [play.tiers[f"{t.id}/1"] for t in (t1, again, strong)] == ["standard", "standard", "strong"]
    assert other.operator != "analyst"
    assert (core.operator, core.done_when) == ("analyst", "")
    assert "Do only the core of this: Sum t1." in play.seen["t1-retry4/1"]
    assert "This task was tried before." in play.seen["t1-retry2/1"]
    assert "This task was tried before." not in play.seen["t1/1"]
    assert all("gave no answer" in t.why for t in (again, strong, other, core))
    assert [p.note for p in versions(events)] == ["", *["Another try for t1."] * 4]
    assert end.status is Status.COMPLETED
    assert end.problem == "Of task t1 only the core was done, because the whole of it failed."
    assert end.problem in play.seen["report"]


SKIPPED = [
    (FAILED, {}, ["operator", "core"]),
    (FAILED, {"model_strong": STRONG}, ["strong", "operator", "core"]),
    ("server", {}, ["same", "operator", "core"]),
    ("connection", {"model_strong": STRONG}, ["same", "strong"]),
    ("auth", {}, []),
    ("auth", {"model_strong": STRONG}, ["strong"]),
    (FAILED, {"recovery_tries": 0}, []),
    (FAILED, {"recovery_tries": 1}, ["operator"]),
]


@pytest.mark.parametrize(("way", "terms", "rungs"), SKIPPED)
async def test_rungs_that_cannot_help_are_left_out(tmp_path: Path, way: str, terms: Any, rungs: list[str]) -> None:
    async with open_house(tmp_path, Hopeless(ONE, way), **{"recovery_tries": 4} | terms) as house:
        mission = await house.submit(unattended="deny")
        events = await house.until(mission, Status.FAILED)
    found, tasks = [], list(tasks_of(events).values())
    for old, new in pairwise(tasks):
        changes = {"core": new.goal != old.goal, "operator": new.operator != old.operator}
        changes |= {"strong": new.model != old.model}
        found.append(next((name for name, is_so in changes.items() if is_so), "same"))
    assert found == rungs
    assert events[-1].problem, "the end says why"


async def test_those_that_failed_for_want_of_it_come_along_and_nothing_else_is_done_twice(tmp_path: Path) -> None:
    tasks = {"t1": {}, "t2": needs("t1"), "t3": needs("t2", "t4"), "t4": {}, "t5": needs("t1")}
    play = Play(tasks, failing("t1"))
    async with open_desk(tmp_path, play) as desk:
        end, events = await desk.do()
    found = tasks_of(events)
    assert [t for t in found if "-retry" in t] == ["t1-retry1", "t2-retry1", "t5-retry1"]
    assert (found["t2-retry1"].needs, found["t2-retry1"].instead_of) == (("t1-retry1",), "t2")
    assert ends_of(events)["t3"] is Status.COMPLETED, "it had the other half of what it needs"
    assert "t1-retry1: 42" in play.seen["t2-retry1/1"]
    assert "t2/1" not in play.seen
    assert (end.status, end.problem) == (Status.COMPLETED, "")


async def test_a_try_reads_what_was_found_before_and_needs_it_no_more(tmp_path: Path) -> None:
    play = Play({"t1": {}, "t2": {}, "t3": needs("t1", "t2")}, failing("t2", "t2-retry1", "t3"))
    async with open_desk(tmp_path, play) as desk:
        _, events = await desk.do()
    found = tasks_of(events)
    assert found["t3-retry1"].needs == ("t1", "t2-retry1"), "t3 may have failed because t2 did"
    assert "t1: 42" in play.seen["t3-retry1/1"]
    assert ends_of(events)["t3-retry1"] is Status.COMPLETED, "half of what it needs is there, from the round before"


async def test_a_task_that_came_along_still_has_its_own_tries(tmp_path: Path) -> None:
    play = Play({"t1": {}, "t2": needs("t1")}, failing("t1", "t2-retry1", "t2-retry2"))
    async with open_desk(tmp_path, play, recovery_tries=2) as desk:
        end, events = await desk.do()
    assert list(tasks_of(events)) == ["t1", "t2", "t1-retry1", "t2-retry1", "t2-retry2", "t2-retry3"]
    assert ends_of(events)["t2-retry3"] is Status.COMPLETED
    assert end.status is Status.COMPLETED


@pytest.mark.parametrize("way", [FAILED, "timeout", "bad_reply"])
async def test_a_model_that_always_fails_ends_the_mission_in_plain_words_after_a_bounded_number_of_tasks(
    tmp_path: Path, way: str
) -> None:
    chain = {"t1": {}} | {f"t{n}": needs(f"t{n - 1}") for n in range(2, 6)} | {"t6": {}}
    async with open_house(tmp_path, Hopeless(chain, way), model_strong=STRONG, recovery_tries=4) as house:
        mission = await house.submit(unattended="deny")
        events = await house.until(mission, Status.FAILED)
    started = [e.task_id for e in events if isinstance(e, TaskStarted)]
    assert len(started) == len(set(started)) == 6 * (1 + (4 if way != FAILED else 3))
    assert not [e for e in events if isinstance(e, QuestionAsked)], "nobody is there"
    assert "found nothing" in events[-1].problem or "gave no answer" in events[-1].problem
    assert not events[-1].error_id


class Chain(Play):
    """A chain whose links fail one after the other as often as they may: the longest course there is."""

    def how(self, task_id: str) -> str:
        line, _, tries = task_id.partition("-retry")
        own = int(tries or 0) - 2 * (int(line[1:]) - 1)
        return FAILED if own < 2 else ""


async def test_the_longest_course_ends_below_the_net(tmp_path: Path) -> None:
    chain = {"t1": {}} | {f"t{n}": needs(f"t{n - 1}") for n in range(2, 9)}
    async with open_desk(tmp_path, Chain(chain), recovery_tries=2, mission_tasks=100) as desk:
        end, events = await desk.do()
        assert 2 * len(versions(events)) > 30
        assert 2 * len(versions(events)) < most_steps(desk.settings)
    assert end.status is Status.COMPLETED
    assert ends_of(events)["t8-retry16"] is Status.COMPLETED


async def test_a_mission_that_has_had_all_its_tasks_tries_no_more_and_says_so(tmp_path: Path) -> None:
    tasks = {"t1": {}, "t2": {}, "t3": {}}
    play = Play(tasks, failing("t1", "t2", "t1-retry1"))
    async with open_desk(tmp_path, play, mission_tasks=4, recovery_tries=2) as desk:
        end, events = await desk.do()
    assert list(tasks_of(events)) == ["t1", "t2", "t3", "t1-retry1"]
    assert [e.words for e in events if isinstance(e, LimitReached)] == [
        "t2 cannot be tried again: the mission has had all its tasks.",
        "t1-retry1, t2 cannot be tried again: the mission has had all its tasks.",
    ]
    assert end.status is Status.COMPLETED
    assert end.problem == "Task t1 failed, and so did 1 more try."


async def test_a_spent_budget_is_no_reason_to_try_again(tmp_path: Path) -> None:
    async with open_house(tmp_path, Hopeless({"t1": {}, "t2": {}}, FAILED), mission_model_calls=3) as house:
        mission = await house.submit()
        events = await house.until(mission, Status.FAILED)
    assert list(tasks_of(events)) == ["t1", "t2"]
    assert not [e for e in events if isinstance(e, QuestionAsked)], "no choice would help"
    assert "3 model calls" in events[-1].answer


class GivenUp(Play):
    """The watchdog ends the first try of t1 for a pattern."""

    def __init__(self, pattern: str) -> None:
        super().__init__({"t1": {}})
        self.pattern = pattern

    async def work(self, task_id: str, site: CallSite) -> Reply:
        if task_id == "t1":
            run, words = current_run(), "Data analyst was stuck. Its task was ended."
            about = {"mission_id": run.mission.id, "task_id": "t1"}
            run.tell(Intervened(**about, pattern=self.pattern, action="cancel_task", words=words))
            run.control.cancel_ordered("t1")
        return await super().work(task_id, site)


@pytest.mark.parametrize(("pattern", "operator"), [("no_progress", "analyst"), ("same_error", "")])
async def test_a_task_that_the_watchdog_gave_up_is_tried_again(tmp_path: Path, pattern: str, operator: str) -> None:
    async with open_desk(tmp_path, GivenUp(pattern)) as desk:
        end, events = await desk.do()
    again = tasks_of(events)["t1-retry1"]
    assert (again.operator == "analyst") is (operator == "analyst"), "only what may be gone is tried as it was"
    assert "was stuck" in again.why
    assert ends_of(events) == {"t1": Status.FAILED, "t1-retry1": Status.COMPLETED}
    assert end.status is Status.COMPLETED


async def test_what_the_watchdog_ended_because_the_budget_is_spent_stays_ended(tmp_path: Path) -> None:
    async with open_house(tmp_path, GivenUp("budget")) as house:
        mission = await house.submit(unattended="deny")
        events = await house.until(mission, Status.FAILED)
    assert list(tasks_of(events)) == ["t1"]


async def test_work_that_was_sent_back_and_then_fails_climbs_too(tmp_path: Path) -> None:
    class SentBack(Play):
        async def __call__(self, request: Any, site: CallSite) -> Reply:
            reply = await super().__call__(request, site)
            if site.step == "review.1":
                return calls(("review", {"verdict": "send_back", "reasons": {"t1": "Too short."}}))
            return reply

    play = SentBack(ONE, failing("t1-again1"))
    async with open_desk(tmp_path, play) as desk:
        end, events = await desk.do()
    found = tasks_of(events)
    assert list(found) == ["t1", "t1-again1", "t1-retry1"]
    assert found["t1-again1"].why == "It was sent back: Too short."
    assert (found["t1-retry1"].instead_of, found["t1-retry1"].needs) == ("t1-again1", ("t1",))
    assert "Too short." in play.seen["t1-retry1/1"]
    assert "t1: 42" in play.seen["t1-retry1/1"]
    assert [e.step for e in events if isinstance(e, ReviewGiven)] == ["review.1", "review.2"]
    assert "t1-retry1: 42" in play.seen["review.2"]
    assert end.status is Status.COMPLETED


async def test_work_is_sent_back_twice_at_most_and_then_the_answer_says_what_is_not_met(tmp_path: Path) -> None:
    class Strict(Play):
        async def __call__(self, request: Any, site: CallSite) -> Reply:
            reply = await super().__call__(request, site)
            if site.role == "reviewer":
                newest = [t for t in ("t1", "t1-again1", "t1-again2") if f'id="{t}"' in self.seen[site.step]]
                assert len(newest) == 1, "of work done again the newest is judged, alone"
                return calls(("review", {"verdict": "send_back", "reasons": {newest[0]: "A sum is missing."}}))
            return reply

    play = Strict(ONE)
    async with open_desk(tmp_path, play) as desk:
        end, events = await desk.do()
    assert list(tasks_of(events)) == ["t1", "t1-again1", "t1-again2"]
    assert end.status is Status.COMPLETED
    assert end.problem == "Not fully met: A sum is missing."
    assert end.problem in play.seen["report"]


async def test_without_a_model_nothing_is_tried_again_and_nobody_is_asked(tmp_path: Path) -> None:
    play = Play({"t1": {}}, {"t1": FAILED})

    async def rehearsed(request: ModelRequest, site: CallSite) -> Reply:
        return (await play(request, site)).model_copy(update={"model": "rehearsal:"})

    async with open_desk(tmp_path, rehearsed) as desk:
        end, _ = await desk.do()
    assert end.status is Status.FAILED
    assert "t1-retry1/1" not in play.seen
