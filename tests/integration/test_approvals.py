"""Calls that wait until a person allows them: once, edited, remembered, refused, expired, after a restart, and never twice."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from approval_fixtures import Play, World, decision, open_house
from steering_fixtures import eventually

from core.errors import BadInput, Conflict, NotFound
from core.events import ToolCalled, ToolReturned
from core.missions import Status, now
from core.steering import OrderKind, StatusChanged

PAY = ("pay", {"to": "bob", "amount": 5})
Place = Path | str


async def test_what_spends_money_waits_and_is_done_once_it_is_allowed(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools()) as house:
        mission = await house.submit()
        asked = await house.asked(mission)
        assert (asked.tool, asked.arguments, asked.operator) == ("pay", {"to": "bob", "amount": 5}, "hand")
        assert asked.why == "It spends money."
        assert asked.words == "Pay 5 to bob"
        assert asked.choices == ("once", "edit", "reject")
        assert world.done == []

        async def holds_no_place() -> bool:  # who waits for a person
            return house.dispatcher.running(mission.conversation_id) is None

        await eventually(holds_no_place)
        waiting = [e for e in await house.events(mission, StatusChanged) if e.status is Status.WAITING_APPROVAL]
        assert [e.task_id for e in waiting] == ["t1"]
        await house.decide(asked, "once")
        await house.until(mission, Status.COMPLETED)
        assert world.done == ["pay bob 5"]
        row = await house.reception.approvals.get(asked.id, "ada")
        assert (row.decision, row.decided_by, row.used_at is not None) == ("once", "ada", True)
        assert len(await house.requests(mission)) == len(await house.decisions(mission)) == 1
    assert "paid" in play.seen["t1/2"]


async def test_a_rejection_is_told_with_its_reason_and_nothing_is_done(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools()) as house:
        mission = await house.submit()
        await house.decide(await house.asked(mission), "reject", text="Bob was paid on Monday.")
        await house.until(mission, Status.COMPLETED)
        [returned] = await house.events(mission, ToolReturned)
        assert (returned.status, returned.tainted) == ("refused", False)
    assert world.done == []
    assert "did not allow this" in play.seen["t1/2"]
    assert "Bob was paid on Monday." in play.seen["t1/2"]


async def test_edited_arguments_are_what_runs_and_the_operator_is_told(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools()) as house:
        mission = await house.submit()
        await house.decide(await house.asked(mission), "edit", arguments={"to": "bob", "amount": 3})
        await house.until(mission, Status.COMPLETED)
        [decided] = await house.decisions(mission)
        assert decided.arguments == {"to": "bob", "amount": 3}
    assert world.done == ["pay bob 3"]
    assert "The user changed the arguments to {'to': 'bob', 'amount': 3}" in play.seen["t1/2"]


async def test_edited_arguments_must_fit_the_tool(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools()) as house:
        mission = await house.submit()
        await house.decide(await house.asked(mission), "edit", arguments={"to": "bob", "amount": "all of it"})
        await house.until(mission, Status.COMPLETED)
    assert world.done == []
    assert "amount" in play.seen["t1/2"]


@pytest.mark.parametrize("choice", ["once", "edit", "reject"])
async def test_a_waiting_approval_survives_a_restart_and_so_does_the_decision(
    place: Place, tmp_path: Path, choice: str
) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools()) as house:
        mission = await house.submit()
        asked = await house.asked(mission)
        await house.dispatcher.stop()
        await house.reception.give(  # nobody is at work: it is kept
            decision(asked, choice, arguments={"to": "eve", "amount": 1} if choice == "edit" else None)
        )
    async with open_house(place, tmp_path, play, world.tools()) as house:
        await house.until(mission, Status.COMPLETED)
        assert len(await house.requests(mission)) == 1, "a replay asks no second time"
        assert len(await house.events(mission, ToolCalled)) == 1
    assert world.done == {"once": ["pay bob 5"], "edit": ["pay eve 1"], "reject": []}[choice]
    assert house.gateway.asked["t1/1"] == 0


async def test_what_nobody_decided_is_still_open_after_a_restart_and_asked_once(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools()) as house:
        mission = await house.submit()
        before = await house.asked(mission)
    async with open_house(place, tmp_path, play, world.tools()) as house:
        assert await house.asked(mission) == before
        await house.decide(before, "once")
        await house.until(mission, Status.COMPLETED)
        assert len(await house.requests(mission)) == 1
    assert world.done == ["pay bob 5"]


async def test_an_approval_of_other_arguments_at_the_same_step_is_worth_nothing(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools()) as house:
        mission = await house.submit()
        asked = await house.asked(mission)
        approvals = house.reception.approvals
        wish = {"to": "eve", "amount": 5}
        other = asked.model_copy(update={"id": "other", "arguments": wish, "arguments_hash": "0" * 64})
        await approvals.request(other)  # as after a crash that took the model's reply: it wants something else now
        assert (await approvals.get(asked.id, "ada")).decision == "withdrawn"
        with pytest.raises(Conflict):
            await house.decide(asked, "once")
        await house.dispatcher.stop()
        await house.reception.give(decision(other, "once"))
    async with open_house(place, tmp_path, play, world.tools()) as house:
        await house.until(mission, Status.COMPLETED)
    assert world.done == []
    assert "not wanted any more" in play.seen["t1/2"]


async def test_two_doors_at_once_decide_once(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools()) as house:
        mission = await house.submit()
        asked = await house.asked(mission)
        orders = [decision(asked, choice) for choice in ("once", "reject") * 4]
        came = await asyncio.gather(*(house.give(order) for order in orders), return_exceptions=True)
        assert sum(found is None for found in came) == 1
        assert all(found is None or isinstance(found, Conflict) for found in came)
        await house.until(mission, Status.COMPLETED)
        first = next(order for order, found in zip(orders, came, strict=True) if found is None)
        [decided] = await house.decisions(mission)
        assert decided.decision == first.choice
    assert world.done == (["pay bob 5"] if first.choice == "once" else [])


async def test_the_same_click_twice_is_one(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools()) as house:
        mission = await house.submit()
        order = await house.decide(await house.asked(mission), "once")
        await house.give(order)
        await house.until(mission, Status.COMPLETED)
    assert world.done == ["pay bob 5"]


async def test_nobody_decides_in_time_is_unanswered_not_refused(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools(), approval_seconds=0.5) as house:
        mission = await house.submit()
        asked = await house.asked(mission)
        await house.until(mission, Status.COMPLETED)
        row = await house.reception.approvals.get(asked.id, "ada")
        assert (row.decision, row.decided_by) == ("unanswered", "")
        with pytest.raises(Conflict):
            await house.decide(asked, "once")
    assert world.done == []
    assert "Nobody refused it" in play.seen["t1/2"]


async def test_an_expired_approval_cannot_be_given_even_before_anybody_looked(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools(), approval_seconds=1.0) as house:
        mission = await house.submit()
        asked = await house.asked(mission)
        await house.dispatcher.stop()
        left = (asked.expires_at - now()).total_seconds()
        await asyncio.sleep(max(left, 0) + 0.01)
        with pytest.raises(Conflict, match="unanswered"):
            await house.reception.give(decision(asked, "once"))
        assert (await house.reception.approvals.get(asked.id, "ada")).decided_at is None
    assert world.done == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"by": "eve"}, NotFound),
        ({"approval": "0" * 36}, NotFound),
        ({"approval": ""}, NotFound),
        ({"choice": "happened"}, BadInput),
        ({"choice": ""}, BadInput),
        ({"choice": "conversation"}, BadInput),  # money is asked about each time
        ({"choice": "pattern"}, BadInput),
        ({"choice": "once", "arguments": {"to": "eve", "amount": 1}}, BadInput),
        ({"choice": "edit"}, BadInput),
        ({"choice": "edit", "arguments": {"to": "x" * 200_000}}, BadInput),
        ({"kind": OrderKind.RELEASE, "choice": "continue"}, Conflict),
        ({"until": now() - timedelta(days=1)}, BadInput),
        ({"until": now() + timedelta(days=5000)}, BadInput),
    ],
)
async def test_a_forged_decision_is_refused_and_changes_nothing(
    tmp_path: Path, change: dict[str, Any], problem: type[Exception]
) -> None:
    world, play = World(), Play(PAY)
    async with open_house(tmp_path / "staffwork.db", tmp_path, play, world.tools()) as house:
        mission = await house.submit()
        asked = await house.asked(mission)
        order = decision(asked, "once").model_copy(update=change)
        with pytest.raises(problem):
            await house.give(order)
        assert (await house.asked(mission)).id == asked.id
    assert world.done == []


async def test_an_approval_of_one_mission_opens_nothing_in_another(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools()) as house:
        mission, other = await house.submit("One."), await house.submit("Other.")
        await house.until(mission, Status.WAITING_APPROVAL)
        await house.until(other, Status.WAITING_APPROVAL)
        found = {a.mission_id: a for a in await house.reception.approvals.of_user("ada")}
        with pytest.raises(NotFound):
            await house.give(decision(found[mission.id], "once", mission_id=other.id))
        await house.decide(found[mission.id], "once")
        await house.until(mission, Status.COMPLETED)
        assert world.done == ["pay bob 5"]
        assert await house.reception.missions.get(other.id), (await house.standing(other)).open_approvals


async def test_the_same_call_at_a_later_step_is_asked_about_again(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY, PAY)
    async with open_house(place, tmp_path, play, world.tools()) as house:
        mission = await house.submit()
        first = await house.asked(mission)
        await house.decide(first, "once")
        second = await house.asked(mission)
        assert (second.step, second.arguments_hash) == ("t1/2.0", first.arguments_hash)
        await house.decide(second, "reject")
        await house.until(mission, Status.COMPLETED)
    assert world.done == ["pay bob 5"]


async def test_a_stopped_mission_takes_its_approvals_with_it(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools()) as house:
        mission = await house.submit()
        asked = await house.asked(mission)
        await house.give(decision(asked, "").model_copy(update={"kind": OrderKind.STOP, "approval": ""}))
        await house.until(mission, Status.CANCELLED)
        assert (await house.reception.approvals.get(asked.id, "ada")).decision == "withdrawn"
        with pytest.raises(Conflict):
            await house.decide(asked, "once")
    assert world.done == []


async def test_a_cancelled_task_takes_its_approvals_with_it(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools(), recovery_tries=0) as house:
        mission = await house.submit()
        asked = await house.asked(mission)
        order = decision(asked, "").model_copy(update={"kind": OrderKind.CANCEL_TASK, "approval": "", "task_id": "t1"})
        await house.give(order)
        await house.until(mission, Status.FAILED)
        assert (await house.reception.approvals.get(asked.id, "ada")).decision == "withdrawn"
        assert (await house.standing(mission)).open_approvals == []
    assert world.done == []


async def test_nobody_is_there_is_not_asked(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools()) as house:
        mission = await house.submit(unattended="deny")
        await house.until(mission, Status.COMPLETED)
        assert await house.requests(mission) == []
        [row] = await house.reception.approvals.of_user("ada")
        assert row.decision == "unattended"
    assert world.done == []
    assert "nobody is there" in play.seen["t1/2"]


async def test_a_parked_mission_waits(place: Place, tmp_path: Path) -> None:
    world, play = World(), Play(PAY)
    async with open_house(place, tmp_path, play, world.tools()) as house:
        mission = await house.submit(unattended="park")
        await house.decide(await house.asked(mission), "once")
        await house.until(mission, Status.COMPLETED)
    assert world.done == ["pay bob 5"]
