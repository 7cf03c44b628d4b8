"""Every limit of a mission and of a task is reached once, and each ends in words that say which one it was."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mission_fixtures import Desk, calls, open_desk, plans, says

from agents.llm.calls import CallSite, ModelRequest
from agents.llm.gateway import GaveUp
from agents.roster import FOLDER, Roster
from core.budget import Budget, Usage
from core.decisions import Reply, ToolCall
from core.errors import ModelUnavailable, Refused
from core.events import Event, LimitReached, MissionEnded, PlanRefused, TaskEnded, TaskStarted, ToolCalled, ToolReturned
from core.missions import Delegation, Mission, Status, Task, new_id, now
from core.settings import Settings
from graphs.delegating import delegate_subtask


def task(id_: str, operator: str = "analyst", **more: Any) -> dict[str, Any]:
    return {"id": id_, "operator": operator, "goal": f"Look at {id_}"} | more


def costing(reply: Reply, **used: Any) -> Reply:
    return reply.model_copy(update={"usage": Usage(model_calls=1, **used)})


def limits_of(events: Sequence[Event]) -> list[str]:
    return [e.limit for e in events if isinstance(e, LimitReached)]


def ended(events: Sequence[Event]) -> dict[str, TaskEnded]:
    return {e.task_id: e for e in events if isinstance(e, TaskEnded)}


def forever(request: ModelRequest, site: CallSite) -> Reply:
    """A plan of one task whose operator calls a tool for ever; each call costs ten cents and 100 tokens."""
    used = {"tokens_in": 60, "tokens_out": 40, "cost": Decimal("0.1")}
    if site.step == "plan":
        return costing(plans(task("t1")), **used)
    if site.step == "report":
        return costing(says("This is what was found."), **used)
    return costing(calls(("now", {"n": site.step})), **used)


SPENT: dict[str, tuple[dict[str, Any], str, str]] = {
    "mission_model_calls": ({"mission_model_calls": 4}, "model calls", "4 model calls"),
    "mission_tool_calls": ({"mission_tool_calls": 3}, "tool calls", "3 tool calls"),
    "mission_tokens": ({"mission_tokens": 450}, "tokens", "tokens"),
    "mission_cost": ({"mission_cost": Decimal("0.45")}, "cost", "cost"),
}


@pytest.mark.parametrize("name", SPENT)
async def test_a_mission_that_spends_what_it_may_stops_with_what_there_is(tmp_path: Path, name: str) -> None:
    limits, limit, words = SPENT[name]
    async with open_desk(tmp_path, forever, {"now": lambda n: f"noon at {n}"}, **limits) as desk:
        end, events = await desk.do()
    assert limit in limits_of(events)
    report = ended(events)["t1"]
    assert report.partial
    assert "noon at" in report.result
    assert words in report.problem
    assert "noon at" in end.answer
    assert end.usage.model_calls <= 6
    assert end.usage.tool_calls <= 4


async def give(desk: Desk, **more: Any) -> tuple[MissionEnded, list[Event]]:
    about = {"id": new_id(), "conversation_id": new_id(), "user_id": desk.user_id, "created_at": now()}
    mission = Mission(goal="Do it.", **about, **more)
    await desk.missions.accept(mission, new_id(), title="x")
    events = await desk.run(mission)
    end = events[-1]
    assert isinstance(end, MissionEnded)
    return end, events


@pytest.mark.parametrize(("own", "calls_made"), [(Decimal("0.25"), 3), (Decimal(99), 5), (None, 5)])
async def test_a_missions_own_cost_limit_can_only_tighten_that_of_the_settings(
    tmp_path: Path, own: Decimal | None, calls_made: int
) -> None:
    async with open_desk(tmp_path, forever, {"now": lambda n: n}, mission_cost=Decimal("0.45")) as desk:
        end, events = await give(desk, cost=own)
    assert end.usage.model_calls == calls_made
    assert "cost" in limits_of(events)


async def test_calls_that_failed_count_towards_the_cost(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        if site.step == "plan":
            return plans(task("t1"), task("t2", needs=[]), task("t3", needs=["t1"]), task("t4", needs=["t1", "t2"]))
        if site.step == "t2/1":
            return costing(says("Found."), cost=Decimal("0.1"))
        lost = Usage(model_calls=3, cost=Decimal("0.5"))
        raise GaveUp(ModelUnavailable("server", "x"), "The server had a problem.", lost)

    async with open_desk(tmp_path, script, mission_cost=Decimal("0.55")) as desk:
        end, events = await desk.do()
    assert "cost" in ended(events)["t4"].problem, "three lost attempts and one good one are more than it may cost"
    assert end.usage.cost == Decimal("0.6")


async def test_calls_side_by_side_overshoot_by_no_more_than_those_under_way(tmp_path: Path) -> None:
    """The bound: before a call begins the budget is asked, so beyond it are at most the calls already under way then,
    one per task at work (times its attempts); tool calls: those of one reply per task, of which there are at most 64."""
    most, side_by_side = 6, 5

    async def script(request: ModelRequest, site: CallSite) -> Reply:
        if site.step == "plan":
            return plans(*(task(f"t{n}") for n in range(1, side_by_side + 1)))
        await asyncio.sleep(0.01)
        return calls(("now", {"n": site.step}))

    async with open_desk(tmp_path, script, {"now": lambda n: n}, mission_model_calls=most) as desk:
        end, events = await desk.do()
    assert most <= end.usage.model_calls <= most - 1 + side_by_side
    assert {e.problem for e in ended(events).values()} == {f"This mission reached its limit of {most} model calls."}

    async def slow(n: int) -> str:
        await asyncio.sleep(0.01)
        return str(n)

    def many(request: ModelRequest, site: CallSite) -> Reply:
        return plans(task("t1")) if site.step == "plan" else calls(*(("now", {"n": n}) for n in range(7)))

    async with open_desk(tmp_path / "tools", many, {"now": slow}, mission_tool_calls=10) as desk:
        end, events = await desk.do()
    assert 10 <= end.usage.tool_calls <= 10 - 1 + 7
    begun = [e for e in events if isinstance(e, ToolCalled)]
    returned = [e for e in events if isinstance(e, ToolReturned)]
    assert len(begun) == len(returned) == end.usage.tool_calls


async def test_a_mission_that_is_at_work_too_long_begins_nothing_more(tmp_path: Path) -> None:
    async def script(request: ModelRequest, site: CallSite) -> Reply:
        if site.step == "plan":
            return plans(task("t1"))
        if site.step == "t1/2":
            await asyncio.sleep(
                4.1
            )  # longer than the mission may take; that is long enough for a busy machine to come here
        return calls(("now", {"n": site.step}))

    async with open_desk(tmp_path, script, {"now": lambda n: n}, mission_seconds=4) as desk:
        end, events = await desk.do()
    assert "4.0 seconds" in ended(events)["t1"].problem
    assert end.usage.model_calls == 3, "the plan, a first call, and the one that was under way"
    assert end.status is Status.COMPLETED, "what was found until then is handed over"


async def test_a_task_that_is_at_work_too_long_is_ended_in_the_middle_of_its_call(tmp_path: Path) -> None:
    async def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(task("t1"), task("t2"))
            case "report":
                return says("Half of it.")
            case "t1/2":
                await asyncio.sleep(60)
        return calls(("now", {"n": site.step})) if site.step == "t1/1" else says("Found.")

    async with open_desk(tmp_path, script, {"now": lambda n: "noon"}, task_seconds=0.4) as desk:
        async with asyncio.timeout(20):
            end, events = await desk.do()
    assert ended(events)["t1"].partial
    assert ended(events)["t1"].problem == "Task t1 reached its limit of 0.4 seconds."
    assert not ended(events)["t2"].partial
    assert end.answer == "Half of it."


def handing_down(count: int, at_once: bool) -> Any:
    """An operator that hands down so many subtasks, all in one reply or one after the other."""

    def script(request: ModelRequest, site: CallSite) -> Reply:
        if site.step == "plan":
            return plans(task("t1"))
        if site.step == "report" or site.task_id != "t1":
            return says("Done.")
        goals = [("start_subtask", {"operator": "writer", "goal": f"Part {n}"}) for n in range(count)]
        number = int(site.step.partition("/")[2])
        wanted = goals if at_once and number == 1 else [] if at_once else goals[number - 1 : number]
        return calls(*wanted) if wanted else says("All parts are done.")

    return script


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_task_hands_down_only_so_many_subtasks(tmp_path: Path, at_once: bool) -> None:
    async with open_desk(tmp_path, handing_down(5, at_once), task_subtasks=3) as desk:
        end, events = await desk.do()
        said = str(desk.gateway.requests["t1/2" if at_once else "t1/6"].messages)
    assert [e.task_id for e in events if isinstance(e, TaskStarted)] == ["t1", "t1.1", "t1.2", "t1.3"]
    assert said.count("A task may hand down 3 subtasks at most. Do the rest yourself") == 2
    assert limits_of(events) == ["delegation", "delegation"]
    assert end.status is Status.COMPLETED


def test_a_subtask_on_record_stays_allowed_when_the_limit_is_lowered_before_a_restart() -> None:
    staff = SimpleNamespace(settings=Settings(task_subtasks=1), roster=Roster.load([FOLDER]))
    run: Any = SimpleNamespace(staff=staff, started={"t1", "t1.1", "t1.2", "t1.1.1", "t10.1"})
    above = Delegation(
        mission_id="m",
        task=Task(id="t1", operator="analyst", goal="All"),
        profile_version="1",
        brief="",
        tools=(),
        budget=Budget(),
    )
    call = ToolCall(id="c", name="start_subtask", arguments={"operator": "writer", "goal": "Part"})
    assert delegate_subtask(run, above, call, 2).task.id == "t1.2"
    with pytest.raises(Refused, match="1 subtasks at most"):
        delegate_subtask(run, above, call, 3)


async def test_refused_tries_do_not_use_up_what_may_be_handed_down(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        if site.step == "t1/1":
            wrong = [("start_subtask", {"operator": "wizard", "goal": "x"})] * 4
            return calls(*wrong, ("start_subtask", {"operator": "writer", "goal": "Part"}))
        return plans(task("t1")) if site.step == "plan" else says("Done.")

    async with open_desk(tmp_path, script, task_subtasks=1) as desk:
        _, events = await desk.do()
    assert [e.task_id for e in events if isinstance(e, TaskStarted)] == ["t1", "t1.5"]


async def test_work_that_may_not_be_handed_down_at_all(tmp_path: Path) -> None:
    async with open_desk(tmp_path, handing_down(1, True), task_subtasks=0) as desk:
        end, events = await desk.do()
    assert [e.task_id for e in events if isinstance(e, TaskStarted)] == ["t1"]
    assert end.status is Status.COMPLETED


async def test_a_mission_has_only_so_many_tasks_subtasks_included(tmp_path: Path) -> None:
    async with open_desk(tmp_path, handing_down(5, True), mission_tasks=3) as desk:
        end, events = await desk.do()
        said = str(desk.gateway.requests["t1/2"].messages)
    assert len([e for e in events if isinstance(e, TaskStarted)]) == 3
    assert said.count("This mission reached its limit of 3 tasks.") == 3
    assert end.status is Status.COMPLETED


async def test_a_plan_with_more_tasks_than_a_mission_may_have_goes_back_to_the_chief(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(*(task(f"t{n}") for n in range(1, 5)))
            case "plan.2":
                return plans(task("t1"), task("t2"))
        return says("Done.")

    async with open_desk(tmp_path, script, mission_tasks=2) as desk:
        end, events = await desk.do()
    assert [e.problems for e in events if isinstance(e, PlanRefused)] == [
        ("The plan has 4 tasks, 2 are allowed: merge related ones.",)
    ]
    assert len([e for e in events if isinstance(e, TaskStarted)]) == 2
    assert end.status is Status.COMPLETED


async def test_work_is_sent_back_only_so_often(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        if site.step == "plan":
            return plans(task("t1", done_when="It is perfect"))
        if site.role == "reviewer":
            tasks = [t for t in ("t1", "t1-again1", "t1-again2") if f'id="{t}"' in str(request.messages)]
            return calls(("review", {"verdict": "send_back", "reasons": {t: "Not perfect." for t in tasks[-1:]}}))
        return says("Done.")

    for rounds in (0, 2):
        async with open_desk(tmp_path / str(rounds), script, review_rounds=rounds) as desk:
            end, events = await desk.do()
            assert len([e for e in events if isinstance(e, TaskStarted)]) == 1 + rounds
            assert "Not fully met" in str(desk.gateway.requests["report"].messages)
        assert end.status is Status.COMPLETED


@pytest.mark.parametrize("tries", [0, 2])
async def test_a_failed_task_is_tried_again_only_so_often(tmp_path: Path, tries: int) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        if site.step == "plan":
            return plans(task("t1"))
        failed = {"status": "failed", "summary": "There was nothing to read."}
        return calls(("finish", failed)) if site.role == "operator" else says("Nothing came of it.")

    async with open_desk(tmp_path, script, recovery_tries=tries) as desk:
        end, events = await desk.do()
    assert len([e for e in events if isinstance(e, TaskStarted)]) == 1 + tries
    assert end.status is not Status.COMPLETED
