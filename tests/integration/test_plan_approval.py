"""Plans that wait until a person accepts, changes or rejects them: nobody works before, and nothing of it is lost."""

from __future__ import annotations

import asyncio

import pytest
from mission_fixtures import calls, plans, says
from steering_fixtures import eventually, open_house

from core.budget import Budget, Choices
from core.errors import BadInput, Conflict
from core.events import MissionEnded, PlanMade, TaskStarted
from core.missions import Delegation, Status, Task
from core.steering import OrderKind, PlanDecided, PlanProposed
from graphs.mission_run import current_run
from graphs.tainting import said_by_user

WAITS = Choices(approve_plan=True)
TWO = (
    {"id": "a", "operator": "analyst", "goal": "Add it up."},
    {"operator": "writer", "goal": "Write it.", "needs": ["a"]},
)


def script(request, site):
    """Plan two tasks; another plan, of one, if the user wanted another."""
    match site.step.split("/"):
        case ["plan"]:
            return plans(*TWO, note="Two steps.")
        case [again] if again.startswith("plan."):
            return plans({"operator": "coder", "goal": "Do it at once."})
        case [task, _] if task.startswith("t"):
            return calls(("finish", {"status": "completed", "summary": f"{task} done", "result": f"{task} done"}))
    return says("The answer.")


async def proposal(house, mission) -> PlanProposed:
    await house.until(mission, Status.WAITING_APPROVAL)
    [found] = (await house.standing(mission)).open_plans
    return found


async def test_nobody_works_before_a_plan_is_accepted_also_after_a_restart(tmp_path):
    async with open_house(tmp_path, script) as house:
        mission = await house.submit("Sum up.", choices=WAITS)
        waiting = await proposal(house, mission)
        assert [t.operator for t in waiting.tasks] == ["analyst", "writer"]
        assert waiting.choices == ("accept", "edit", "replan", "stop")
        assert not await house.events(mission, TaskStarted)
        assert not await house.events(mission, PlanMade)
    async with open_house(tmp_path, script) as house:
        assert (await proposal(house, mission)).step == waiting.step
        assert house.desk.gateway.asked["plan"] == 0, "the plan is not made again"
        await house.give(mission, OrderKind.PLAN, choice="accept")
        await house.until(mission, Status.COMPLETED)
        [made] = await house.events(mission, PlanMade)
        assert made.tasks == waiting.tasks
        assert len(await house.events(mission, PlanProposed)) == 1


async def test_without_the_wish_a_plan_is_carried_out_at_once(tmp_path):
    async with open_house(tmp_path, script) as house:
        mission = await house.submit("Sum up.")
        await house.until(mission, Status.COMPLETED)
        assert not await house.events(mission, PlanProposed)


async def test_where_nobody_is_there_to_decide_a_plan_does_not_wait(tmp_path):
    async with open_house(tmp_path, script) as house:
        mission = await house.submit("Sum up.", choices=WAITS, unattended="deny")
        await house.until(mission, Status.COMPLETED)
        assert not await house.events(mission, PlanProposed)


async def test_a_changed_plan_is_what_is_done(tmp_path):
    async with open_house(tmp_path, script) as house:
        mission = await house.submit("Sum up.", choices=WAITS)
        await proposal(house, mission)
        tasks = [
            {"id": "x", "operator": "researcher", "goal": "Look it up."},
            {"id": "y", "operator": "writer", "goal": "Write it shorter.", "needs": ["x"]},
            {"operator": "tester", "goal": "Check it."},
        ]
        await house.give(mission, OrderKind.PLAN, choice="edit", arguments={"tasks": tasks})
        await house.until(mission, Status.COMPLETED)
        [made] = await house.events(mission, PlanMade)
        assert [(t.id, t.operator, t.goal, t.needs) for t in made.tasks] == [
            ("t1", "researcher", "Look it up.", ()),
            ("t2", "writer", "Write it shorter.", ("t1",)),
            ("t3", "tester", "Check it.", ()),
        ]
        assert {e.task_id for e in await house.events(mission, TaskStarted)} == {"t1", "t2", "t3"}


BAD = {
    "nobody of that name": ([{"operator": "magician", "goal": "x"}], "unknown operator"),
    "no tasks": ([], "no tasks"),
    "a circle": (
        [
            {"id": "a", "operator": "writer", "goal": "x", "needs": ["b"]},
            {"id": "b", "operator": "writer", "goal": "y", "needs": ["a"]},
        ],
        "circle",
    ),
    "too many": ([{"operator": "writer", "goal": f"part {n}"} for n in range(4)], "3 are allowed"),
    "no goal": ([{"operator": "writer", "goal": " "}], "no goal"),
}


@pytest.mark.parametrize(("tasks", "words"), BAD.values(), ids=BAD)
async def test_a_changed_plan_keeps_the_rules_of_every_plan(tmp_path, tasks, words):
    async with open_house(tmp_path, script, mission_tasks=3) as house:
        mission = await house.submit("Sum up.", choices=WAITS)
        await proposal(house, mission)
        with pytest.raises(BadInput, match=words):
            await house.give(mission, OrderKind.PLAN, choice="edit", arguments={"tasks": tasks})
        assert await house.status(mission) is Status.WAITING_APPROVAL


async def test_another_plan_is_made_once_for_the_reason_that_was_given(tmp_path):
    async with open_house(tmp_path, script) as house:
        mission = await house.submit("Sum up.", choices=WAITS)
        await proposal(house, mission)
        with pytest.raises(BadInput, match="what should be different"):
            await house.give(mission, OrderKind.PLAN, choice="replan")
        await house.give(mission, OrderKind.PLAN, choice="replan", text="One person is enough.")

        async def second():
            opened = (await house.standing(mission)).open_plans
            return (
                bool(opened)
                and opened[0].step == "approve.2"
                and await house.status(mission) is Status.WAITING_APPROVAL
            )

        await eventually(second)
        asked = str(house.desk.gateway.requests["plan.2"].messages[-1].content)
        assert "One person is enough." in asked
        assert "Add it up." in asked, "the Chief sees which plan it was"
        again = await proposal(house, mission)
        assert [t.operator for t in again.tasks] == ["coder"]
        with pytest.raises(BadInput, match="accept, edit, stop"):
            await house.give(mission, OrderKind.PLAN, choice="replan", text="Once more.")
        await house.give(mission, OrderKind.PLAN, choice="accept")
        await house.until(mission, Status.COMPLETED)


async def test_a_mission_is_stopped_at_its_plan(tmp_path):
    async with open_house(tmp_path, script) as house:
        mission = await house.submit("Sum up.", choices=WAITS)
        await proposal(house, mission)
        await house.give(mission, OrderKind.PLAN, choice="stop")
        await house.until(mission, Status.CANCELLED)
        assert not await house.events(mission, TaskStarted)
        [*_, end] = await house.events(mission, MissionEnded)
        assert end.problem == "You stopped this mission at its plan."


async def test_two_decisions_at_once_are_one(tmp_path):
    async with open_house(tmp_path, script) as house:
        mission = await house.submit("Sum up.", choices=WAITS)
        await proposal(house, mission)
        given = (house.give(mission, OrderKind.PLAN, choice=choice) for choice in ("accept", "stop"))
        done = await asyncio.gather(*given, return_exceptions=True)
        assert all(isinstance(d, str | Conflict) for d in done), done

        async def ended():
            return await house.status(mission) in (Status.COMPLETED, Status.CANCELLED)

        await eventually(ended)
        assert len(await house.events(mission, PlanDecided)) == 1
        with pytest.raises(Conflict):
            await house.give(mission, OrderKind.PLAN, choice="accept")


async def test_a_plan_that_was_accepted_counts_as_the_users_words(tmp_path):
    said = {}

    def look(request, site):
        run = current_run()
        if site.step == "t1/1":
            told = run.record.begun["t1"]
            task = Task(id="t1", operator=told.operator, goal=told.goal)
            about = {"mission_id": run.mission.id, "profile_version": "", "brief": "", "tools": (), "budget": Budget()}
            said[run.mission.choices.approve_plan] = said_by_user(run, Delegation(task=task, **about))
            other = task.model_copy(update={"goal": "Something else."})
            said["other"] = said_by_user(run, Delegation(task=other, **about))
        return script(request, site)

    async with open_house(tmp_path, look) as house:
        mission = await house.submit("Sum up.", choices=WAITS)
        await proposal(house, mission)
        await house.give(mission, OrderKind.PLAN, choice="accept")
        await house.until(mission, Status.COMPLETED)
        assert said[True] == ("Sum up.", "Add it up.")
        assert said["other"] == ("Sum up.",)
        await house.until(await house.submit("Sum up.", choices=Choices()), Status.COMPLETED)
        assert said[False] == ("Sum up.",)
