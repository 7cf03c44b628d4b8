"""A mission at its limits, and with parts that fail: a definite end, an honest word, the right price."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from mission_fixtures import calls, open_desk, plans, says
from sqlalchemy import select

from agents.llm.calls import CallSite, ModelRequest
from agents.llm.gateway import GaveUp
from core.budget import Usage
from core.decisions import Reply
from core.errors import ModelUnavailable
from core.events import (
    LimitReached,
    ModelFailed,
    ModelReplied,
    PlanRefused,
    TaskEnded,
    TaskStarted,
)
from core.missions import Status
from graphs.dispatch import STOPPED
from memory.tables import tasks


def task(id_: str, goal: str, operator: str = "analyst", **more: Any) -> dict[str, Any]:
    return {"id": id_, "operator": operator, "goal": goal} | more


def text_of(request: ModelRequest) -> str:
    return "\n".join(str(m.content) for m in request.messages)


async def test_a_chief_that_plans_badly_for_ever_is_asked_twice_and_then_the_mission_says_so(tmp_path: Path) -> None:
    async with open_desk(tmp_path, lambda r, s: plans(task("t1", "Do it", operator="wizard"))) as desk:
        end, events = await desk.do()
        assert sum(desk.gateway.asked.values()) == 2
    assert end.status is Status.FAILED
    assert "wizard" in end.problem
    assert len([e for e in events if isinstance(e, PlanRefused)]) == 2


async def test_nothing_is_completed_when_nothing_succeeded_whatever_the_chief_writes(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(task("t1", "Try"))
            case "report":
                return says("52 steps completed successfully!")
        return calls(("finish", {"status": "failed", "summary": "There was nothing to read."}))

    async with open_desk(tmp_path, script, recovery_tries=0) as desk:
        end, _ = await desk.do()
    assert end.status is Status.FAILED
    assert "nothing to read" in end.problem


async def test_one_failing_task_does_not_take_its_siblings_down(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(task("t1", "Breaks"), task("t2", "Works"), task("t3", "Has a bug"))
            case "report":
                return says("Half of it worked.")
            case "t1/1":
                raise ModelUnavailable("server", "The model's server had a problem.")
            case "t3/1":
                raise KeyError("a bug")
        return says("Found.")

    async with open_desk(tmp_path, script) as desk:
        end, events = await desk.do()
    ended = {e.task_id: e for e in events if isinstance(e, TaskEnded)}
    assert ended["t1"].status is Status.FAILED
    assert "server had a problem" in ended["t1"].problem
    assert ended["t2"].status is Status.COMPLETED
    assert ended["t3"].status is Status.FAILED
    assert "KeyError" not in ended["t3"].problem
    assert end.status is Status.COMPLETED


async def test_an_operator_that_never_finishes_is_stopped_at_its_step_limit(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(task("t1", "Go on for ever", operator="writer"))
            case "report":
                return says("Partly done.")
        return calls(("now", {}))

    async with open_desk(tmp_path, script, {"now": lambda: "noon"}, task_steps=4) as desk:
        steps = desk.runner._staff.roster.get("writer").steps or 4
        end, events = await desk.do()
        assert sum(desk.tools.ran.values()) == steps
    [ended] = [e for e in events if isinstance(e, TaskEnded)]
    assert ended.partial
    assert "steps" in ended.problem
    assert [e.limit for e in events if isinstance(e, LimitReached)] == ["steps"]
    assert end.answer == "Partly done."


async def test_delegation_stops_at_its_depth_and_never_goes_in_a_circle(tmp_path: Path) -> None:
    def deeper(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(task("t1", "Level 1"))
            case "report":
                return says("Done.")
        if "refused" in text_of(request):
            return says("I could not hand it down, so this is what I have.")
        level = str(site.task_id).count(".") + 2
        return calls(("start_subtask", {"operator": "analyst", "goal": f"Level {level}"}))

    async with open_desk(tmp_path / "deep", deeper) as desk:
        end, events = await desk.do()
    assert end.status is Status.COMPLETED
    assert max(e.depth for e in events if isinstance(e, TaskStarted)) == 4
    assert any("4 levels" in e.words for e in events if isinstance(e, LimitReached))

    def round_and_round(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(task("t1", "Spin"))
            case "report":
                return says("Done.")
        if "refused" in text_of(request):
            return says("It would go in a circle.")
        return calls(("start_subtask", {"operator": "analyst", "goal": "spin "}))

    async with open_desk(tmp_path / "round", round_and_round) as desk:
        end, events = await desk.do()
    assert [e.task_id for e in events if isinstance(e, TaskStarted)] == ["t1"]
    assert any("circle" in e.words for e in events if isinstance(e, LimitReached))


async def test_a_chief_that_only_asks_is_stopped(tmp_path: Path) -> None:
    from core.events import QuestionAnswered

    async with open_desk(tmp_path, lambda r, s: calls(("ask_user", {"question": "Really?"}))) as desk:
        mission = await desk.accept()
        for number in range(1, 5):
            events = await desk.run(mission)
            if events[-1].status is not Status.WAITING_ANSWER:
                break
            row = await desk.missions.get(mission.id)
            writer = await desk.journal.writer(mission.id, row.attempt)
            writer.add(QuestionAnswered(mission_id=mission.id, step=f"ask.{number}", answer="Yes"))
            await writer.close()
    assert events[-1].status is Status.FAILED
    assert "3 questions" in events[-1].problem


async def test_a_mission_that_spends_its_budget_stops_and_says_which_limit(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        if site.step == "plan":
            return plans(task("t1", "Spend"))
        return calls(("now", {}))

    async with open_desk(tmp_path, script, mission_model_calls=4, task_steps=12) as desk:
        end, events = await desk.do()
    assert end.usage.model_calls == 4
    assert "4 model calls" in end.answer
    assert any(e.limit == "model calls" for e in events if isinstance(e, LimitReached))


async def test_calls_that_were_given_up_are_paid_for_too(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(task("t1", "One"))
            case "report":
                return says("It did not work.")
        raise GaveUp(ModelUnavailable("server", "x"), "The server had a problem.", Usage(model_calls=3, tokens_in=30))

    async with open_desk(tmp_path, script, recovery_tries=0) as desk:
        end, events = await desk.do()
    assert [e.reason for e in events if isinstance(e, ModelFailed)] == ["The server had a problem."]
    assert end.usage.model_calls == 5


async def test_the_price_of_a_mission_is_the_sum_of_its_calls(tmp_path: Path) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(task("t1", "One"), task("t2", "Two"))
            case "report":
                return says("Done.")
        return says("Found.")

    async with open_desk(tmp_path, script) as desk:
        end, events = await desk.do()
    replied = [e.usage for e in events if isinstance(e, ModelReplied)]
    assert end.usage.tokens == sum(u.tokens for u in replied)
    assert end.usage.model_calls == len(replied) == 4


async def test_stopping_a_mission_leaves_no_task_at_work(tmp_path: Path) -> None:
    asked = asyncio.Event()

    async def script(request: ModelRequest, site: CallSite) -> Reply:
        if site.step == "plan":
            return plans(task("t1", "Wait"))
        asked.set()
        await asyncio.sleep(60)
        raise AssertionError

    async with open_desk(tmp_path, script) as desk:
        mission = await desk.accept()
        work = asyncio.create_task(desk.run(mission))
        await asyncio.wait_for(asked.wait(), 10)
        work.cancel(STOPPED)
        events = await work
        async with desk.database.reading() as connection:
            rows = (await connection.execute(select(tasks.c.task_id, tasks.c.status))).all()
    assert events[-1].status is Status.CANCELLED
    assert [tuple(row) for row in rows] == [("t1", "cancelled")]
