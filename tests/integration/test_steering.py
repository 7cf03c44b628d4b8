"""A person steers a mission while it runs: pause, resume, stop, instructions, cancelled tasks; nothing is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from mission_fixtures import calls, plans, says
from steering_fixtures import House, eventually, open_house

from core import steering as s
from core.errors import BadInput, Conflict, NotFound
from core.events import MissionEnded, TaskEnded
from core.missions import Status
from core.steering import OrderKind


class Play:
    """Two operators that wait at a gate of the test in their first step, use a tool, and finish."""

    def __init__(self, *, stop_at: str = "t1/1") -> None:
        self.stop_at = stop_at
        self.reached, self.go = asyncio.Event(), asyncio.Event()
        self.seen: dict[str, str] = {}

    async def __call__(self, request: Any, site: Any) -> Any:
        self.seen[site.step] = "\n".join(str(m.content) for m in request.messages)
        if site.step == self.stop_at:
            self.reached.set()
            await self.go.wait()
        match site.step.split("/"):
            case ["plan"]:
                return plans({"operator": "analyst", "goal": "Count."}, {"operator": "researcher", "goal": "Look."})
            case [task, "1"] if task.startswith("t"):
                return calls(("calculate", {"expression": f"{task}"}))
            case [task, "2"]:
                return calls(("finish", {"status": "completed", "summary": f"{task} done", "result": "42"}))
        return says("All done.")


async def at(house: House, play: Play) -> Any:
    mission = await house.submit()
    await asyncio.wait_for(play.reached.wait(), 10)
    await house.started(mission, "t1")
    return mission


def once(house: House) -> bool:
    return set(house.desk.gateway.asked.values()) == {1} and set(house.desk.tools.ran.values()) <= {1}


async def test_a_paused_mission_finishes_its_calls_frees_its_place_and_goes_on_without_repeating(
    tmp_path: Path,
) -> None:
    play = Play()
    async with open_house(tmp_path, play, at_once=1) as house:
        mission = await at(house, play)
        await house.give(mission, OrderKind.PAUSE)
        assert await house.status(mission) is Status.IN_PROGRESS, "a call is still under way"
        play.go.set()
        events = await house.until(mission, Status.PAUSED)
        assert house.desk.gateway.asked["t1/1"] == 1
        assert not house.desk.gateway.asked["t1/2"]
        assert [e.status for e in events if isinstance(e, s.StatusChanged) and e.task_id == "t1"] == [Status.PAUSED]
        assert house.dispatcher.running(mission.conversation_id) is None, "it holds no place"
        await house.give(mission, OrderKind.RESUME)
        events = await house.until(mission, Status.COMPLETED)
    assert once(house)
    assert [e.words for e in events if isinstance(e, s.OrderSettled)] == [
        "Paused. Calls under way finish first.",
        "Work goes on.",
    ]


async def test_a_pause_survives_a_restart(tmp_path: Path) -> None:
    play = Play()
    async with open_house(tmp_path, play) as house:
        mission = await at(house, play)
        await house.give(mission, OrderKind.PAUSE)
        play.go.set()
        await house.until(mission, Status.PAUSED)
    async with open_house(tmp_path, play) as house:
        await asyncio.sleep(0.1)
        assert await house.status(mission) is Status.PAUSED
        assert not house.desk.gateway.asked
        await house.give(mission, OrderKind.RESUME)
        await house.until(mission, Status.COMPLETED)
        assert once(house)


@pytest.mark.parametrize("kind", [OrderKind.PAUSE, OrderKind.RESUME])
async def test_what_makes_no_sense_is_refused_in_words(tmp_path: Path, kind: OrderKind) -> None:
    play = Play()
    async with open_house(tmp_path, play) as house:
        mission = await at(house, play)
        if kind is OrderKind.PAUSE:
            await house.give(mission, kind)
            await eventually(lambda: house.events(mission, s.OrderSettled))
        with pytest.raises(Conflict, match="paused already" if kind is OrderKind.PAUSE else "not paused"):
            await house.give(mission, kind)
        with pytest.raises(BadInput, match="empty"):
            await house.give(mission, OrderKind.INSTRUCT, text="  ")
        with pytest.raises(NotFound, match="no task 't9'"):
            await house.give(mission, OrderKind.CANCEL_TASK, task_id="t9")
        with pytest.raises(Conflict, match="only a task that failed"):
            await house.give(mission, OrderKind.RETRY_TASK, task_id="t1")
        await house.give(mission, OrderKind.STOP)
        await house.until(mission, Status.CANCELLED)
        with pytest.raises(Conflict, match="has ended"):
            await house.give(mission, OrderKind.PAUSE)


async def stopped_while_running(house: House, play: Play) -> Any:
    return await at(house, play)


async def stopped_while_paused(house: House, play: Play) -> Any:
    mission = await at(house, play)
    await house.give(mission, OrderKind.PAUSE)
    play.go.set()
    await house.until(mission, Status.PAUSED)
    return mission


async def stopped_while_queued(house: House, play: Play) -> Any:
    first = await at(house, play)
    return await house.submit(conversation_id=first.conversation_id)


@pytest.mark.parametrize("begin", [stopped_while_running, stopped_while_paused, stopped_while_queued])
async def test_stop_ends_it_wherever_it_stands(tmp_path: Path, begin: Callable[..., Any]) -> None:
    play = Play()
    async with open_house(tmp_path, play) as house:
        mission = await begin(house, play)
        await house.give(mission, OrderKind.STOP)
        events = await house.until(mission, Status.CANCELLED)
        ends = [e for e in events if isinstance(e, MissionEnded) and e.status is Status.CANCELLED]
        assert [e.problem for e in ends] == ["You stopped this mission."]
        assert not house.desk.tools.ran["t1/1.0"]
        play.go.set()


async def test_the_same_order_twice_is_one_order(tmp_path: Path) -> None:
    play = Play()
    async with open_house(tmp_path, play) as house:
        mission = await at(house, play)
        given = s.Order(id="o1", mission_id=mission.id, kind=OrderKind.INSTRUCT, by="ada", text="In French.")
        assert await house.orders.give(given)
        assert not await house.orders.give(given)
        with pytest.raises(Conflict, match="another order"):
            await house.orders.give(given.model_copy(update={"text": "In German."}))
        await house.dispatcher.order_came(mission.id, OrderKind.INSTRUCT)
        play.go.set()
        await house.until(mission, Status.COMPLETED)
        assert len(await house.events(mission, s.OrderGiven)) == 1


async def test_an_instruction_is_seen_by_an_operator_at_its_next_step(tmp_path: Path) -> None:
    play = Play()
    async with open_house(tmp_path, play) as house:
        mission = await at(house, play)
        await house.give(mission, OrderKind.INSTRUCT, text="Count only the blue ones.", task_id="t1")
        assert not await house.events(mission, s.OrderSettled), "not read yet"
        play.go.set()
        await house.until(mission, Status.COMPLETED)
        [settled] = await house.events(mission, s.OrderSettled)
    assert "New instruction from the user: Count only the blue ones." in play.seen["t1/2"]
    assert "blue" not in play.seen["t2/2"]
    assert settled.outcome == "applied"
    assert settled.words == "Seen by Data analyst at step 2."


async def test_a_late_instruction_reaches_the_chief(tmp_path: Path) -> None:
    play = Play(stop_at="t1/2")
    async with open_house(tmp_path, play) as house:
        mission = await at(house, play)
        await eventually(lambda: "t2/2" in play.seen)
        await house.give(mission, OrderKind.INSTRUCT, text="Answer in one line.")
        play.go.set()
        await house.until(mission, Status.COMPLETED)
        [settled] = await house.events(mission, s.OrderSettled)
    assert settled.words == "Seen by the Chief of Staff."
    assert "Answer in one line." in play.seen["report"]


async def test_an_instruction_that_nobody_reads_says_why(tmp_path: Path) -> None:
    play = Play(stop_at="report")
    async with open_house(tmp_path, play) as house:
        mission = await at(house, play)
        await house.give(mission, OrderKind.INSTRUCT, text="Too late.")
        play.go.set()
        events = await house.until(mission, Status.COMPLETED)
    [settled] = [e for e in events if isinstance(e, s.OrderSettled)]
    assert settled.outcome == "refused"
    assert "finished before" in settled.words
    assert events.index(settled) < len(events) - 1, "it is said before the end"


async def test_one_task_is_cancelled_and_the_others_go_on(tmp_path: Path) -> None:
    play = Play()
    async with open_house(tmp_path, play) as house:
        mission = await at(house, play)
        await house.give(mission, OrderKind.CANCEL_TASK, task_id="t1")
        await house.until(mission, Status.COMPLETED)
        ends = {e.task_id: e for e in await house.events(mission, TaskEnded)}
        with pytest.raises(Conflict):
            await house.give(mission, OrderKind.CANCEL_TASK, task_id="t1")
    assert (ends["t1"].status, ends["t2"].status) == (Status.CANCELLED, Status.COMPLETED)
    assert ends["t1"].problem == "You cancelled this task."
    assert "t1/2" not in play.seen


async def test_a_process_that_is_told_to_stop_finishes_its_calls_and_continues_the_mission_later(
    tmp_path: Path,
) -> None:
    play = Play()
    async with open_house(tmp_path, play) as house:
        mission = await at(house, play)
        asyncio.get_running_loop().call_later(0.05, play.go.set)
    assert not house.desk.gateway.asked["t1/2"], "nothing new was begun"
    async with open_house(tmp_path, play) as again:
        await again.until(mission, Status.COMPLETED)
        assert not again.desk.gateway.asked["t1/1"], "the call under way was finished, not thrown away"
        assert (await again.desk.missions.get(mission.id)).attempt == 2


async def test_a_process_that_cannot_wait_leaves_the_mission_to_the_next(tmp_path: Path) -> None:
    play = Play()
    async with open_house(tmp_path, play, drain_seconds=0.05) as house:
        mission = await at(house, play)
    play.go.set()
    async with open_house(tmp_path, play) as again:
        await again.until(mission, Status.COMPLETED)
        assert again.desk.gateway.asked["t1/1"] == 1
        assert once(again)
