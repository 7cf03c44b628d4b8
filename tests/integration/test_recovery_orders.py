"""What a person wants tried again is tried again, once, for as long as the answer is not being written."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from mission_fixtures import calls
from recovery_fixtures import TWO, Gated, answering, ended, ends_of, failed, needs, tasks_of
from steering_fixtures import eventually, open_house

from agents.llm.calls import CallSite
from core.decisions import Reply
from core.errors import Conflict, NotFound
from core.events import LimitReached, ModelReplied
from core.missions import Status
from core.steering import Order, OrderKind, OrderSettled
from graphs.mission_run import current_run
from graphs.recovering import BY_USER


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_failed_task_is_tried_again_because_the_user_wants_it(tmp_path: Path, restarted: bool) -> None:
    play = Gated(TWO | {"t3": needs("t1")}, "t2/1", "t1")
    async with open_house(tmp_path, play, recovery_tries=0) as house:
        mission = await house.submit()
        await ended(house, mission, "t3")
        await house.give(mission, OrderKind.RETRY_TASK, task_id="t1")
        await eventually(lambda: house.events(mission, OrderSettled))
        [settled] = await house.events(mission, OrderSettled)
        assert (settled.outcome, settled.words) == (
            "applied",
            "Task t1 is tried again when the tasks at work are done.",
        )
        with pytest.raises(Conflict, match="going to be tried again already"):
            await house.give(mission, OrderKind.RETRY_TASK, task_id="t1")
        with pytest.raises(NotFound):
            await house.give(mission, OrderKind.RETRY_TASK, task_id="t9")
        if restarted:
            asyncio.get_running_loop().call_later(0.05, play.go.set)
        else:
            play.go.set()
            await house.until(mission, Status.COMPLETED)
    async with open_house(tmp_path, play, recovery_tries=0) as house:
        events = await house.until(mission, Status.COMPLETED)
    assert list(tasks_of(events)) == ["t1", "t2", "t3", "t1-retry1", "t3-retry1"]
    assert tasks_of(events)["t1-retry1"].why == BY_USER
    assert ends_of(events)["t3-retry1"] is Status.COMPLETED
    assert set(Counter(e.step for e in events if isinstance(e, ModelReplied)).values()) == {1}


async def test_the_users_wish_goes_beyond_the_bound_but_is_carried_out_once(tmp_path: Path) -> None:
    play = Gated(TWO, "t2/1", "t1", "t1-retry1", "t1-retry2")
    async with open_house(tmp_path, play, recovery_tries=1) as house:
        mission = await house.submit()
        await ended(house, mission, "t1")
        await house.give(mission, OrderKind.RETRY_TASK, task_id="t1")
        before = play.go
        play.stop_at, play.go, play.reached = "report", asyncio.Event(), asyncio.Event()
        before.set()
        await asyncio.wait_for(play.reached.wait(), 10)
        await eventually(lambda: answering(house, mission))
        with pytest.raises(Conflict, match="tried again already, as t1-retry1"):
            await house.give(mission, OrderKind.RETRY_TASK, task_id="t1")
        with pytest.raises(Conflict, match="The answer is being written"):
            await house.give(mission, OrderKind.RETRY_TASK, task_id="t1-retry2")
        play.go.set()
        await house.until(mission, Status.COMPLETED)
        events = await house.events(mission)
    whys = [t.why for t in tasks_of(events).values()]
    assert whys[2] == BY_USER
    assert whys[3].startswith("It is given to another operator")
    assert len(whys) == 4


async def test_a_task_the_user_cancelled_can_be_tried_again_with_what_needed_it(tmp_path: Path) -> None:
    play = Gated({"t1": {}, "t2": needs("t1"), "t3": {}}, "t3/1")
    held = Gated({}, "")

    async def script(request: Any, site: CallSite) -> Reply:
        if site.step == "t1/1":
            held.reached.set()
            await asyncio.sleep(60)
        return await play(request, site)

    async with open_house(tmp_path, script) as house:
        mission = await house.submit()
        await asyncio.wait_for(held.reached.wait(), 10)
        await house.started(mission, "t1")
        await house.give(mission, OrderKind.CANCEL_TASK, task_id="t1")
        await ended(house, mission, "t2")
        assert ends_of(await house.events(mission)) == {"t1": Status.CANCELLED, "t2": Status.FAILED}
        await house.give(mission, OrderKind.RETRY_TASK, task_id="t2")
        play.go.set()
        events = await house.until(mission, Status.COMPLETED)
    assert list(tasks_of(events)) == ["t1", "t2", "t3", "t1-retry1", "t2-retry1"], "t2 alone would fail again"
    assert tasks_of(events)["t2-retry1"].needs == ("t1-retry1",)
    assert ends_of(events)["t2-retry1"] is Status.COMPLETED


async def test_a_cancelled_task_stays_cancelled_unless_somebody_says_so(tmp_path: Path) -> None:
    play = Gated(TWO, "t1/1")
    async with open_house(tmp_path, play) as house:
        mission = await house.submit()
        await asyncio.wait_for(play.reached.wait(), 10)
        await house.started(mission, "t1")
        await house.give(mission, OrderKind.CANCEL_TASK, task_id="t1")
        events = await house.until(mission, Status.COMPLETED)
    assert list(tasks_of(events)) == ["t1", "t2"]


async def test_a_wish_that_comes_before_the_answer_is_written_still_counts(tmp_path: Path) -> None:
    play = Gated(TWO | {"t2": {"done_when": "It is right."}}, "review.1", "t1")
    async with open_house(tmp_path, play, recovery_tries=0) as house:
        mission = await house.submit()
        await asyncio.wait_for(play.reached.wait(), 10)
        await ended(house, mission, "t1")
        await house.give(mission, OrderKind.RETRY_TASK, task_id="t1")
        play.go.set()
        events = await house.until(mission, Status.COMPLETED)
        assert house.desk.gateway.asked["report"] == 1
        assert house.desk.gateway.asked["review.2"] == 1, "what was done since is reviewed too"
    assert list(tasks_of(events)) == ["t1", "t2", "t1-retry1"]
    assert "t1-retry1: 42" in play.seen["report"]


async def test_a_wish_there_is_no_room_for_is_told_and_does_not_hold_the_answer_up(tmp_path: Path) -> None:
    play = Gated(TWO, "t2/1", "t1")
    async with open_house(tmp_path, play, mission_tasks=2) as house:
        mission = await house.submit()
        await ended(house, mission, "t1")
        await house.give(mission, OrderKind.RETRY_TASK, task_id="t1")
        play.go.set()
        events = await house.until(mission, Status.COMPLETED)
    words = {e.words for e in events if isinstance(e, LimitReached)}
    assert words == {"t1 cannot be tried again: the mission has had all its tasks."}
    assert list(tasks_of(events)) == ["t1", "t2"]


async def test_a_wish_that_comes_the_moment_the_answer_is_begun_is_refused_and_not_forgotten(tmp_path: Path) -> None:
    play = Gated(TWO, "", "t1")

    async def script(request: Any, site: CallSite) -> Reply:
        if site.step == "report":
            run = current_run()
            run.orderly.take(
                Order(id="late", mission_id=run.mission.id, kind=OrderKind.RETRY_TASK, by="ada", task_id="t1")
            )
        return await play(request, site)

    async with open_house(tmp_path, script, recovery_tries=0) as house:
        mission = await house.submit()
        await house.until(mission, Status.COMPLETED)
        [settled] = await house.events(mission, OrderSettled)
    assert settled.outcome == "refused"
    assert "The answer is being written" in settled.words


async def test_a_subtask_is_not_tried_again_alone(tmp_path: Path) -> None:
    class Handing(Gated):
        async def work(self, task_id: str, site: CallSite) -> Reply:
            if site.step == "t1/1":
                return calls(("start_subtask", {"operator": "writer", "goal": "Write."}))
            return await super().work(task_id, site)

    play = Handing({"t1": {}}, "t1/2", "t1.1")
    async with open_house(tmp_path, play) as house:
        mission = await house.submit()
        await asyncio.wait_for(play.reached.wait(), 10)
        await eventually(lambda: failed(house, mission, "t1.1"))
        with pytest.raises(Conflict, match=r"part of t1 .* Try t1 again"):
            await house.give(mission, OrderKind.RETRY_TASK, task_id="t1.1")
        play.go.set()
        await house.until(mission, Status.COMPLETED)


async def test_what_a_task_was_told_is_told_to_the_one_that_does_it_again(tmp_path: Path) -> None:
    play = Gated({"t1": {}}, "t1/1", "t1")
    async with open_house(tmp_path, play) as house:
        mission = await house.submit()
        await asyncio.wait_for(play.reached.wait(), 10)
        await house.started(mission, "t1")
        await house.give(mission, OrderKind.INSTRUCT, text="Only the blue ones.", task_id="t1")
        play.go.set()
        await house.until(mission, Status.COMPLETED)
        [settled] = await house.events(mission, OrderSettled)
    assert "Only the blue ones." in play.seen["t1-retry1/1"]
    assert settled.words.startswith("Seen by ")
