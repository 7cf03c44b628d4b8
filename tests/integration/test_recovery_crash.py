"""Failed tasks, and what a lost operator or a crash changes about them: nothing is decided twice, and nothing is lost."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from killed_recovery import MISSION
from mission_fixtures import open_desk
from recovery_fixtures import TWO, Gated, Play, ends_of, tasks_of, versions
from steering_fixtures import eventually, open_house

from agents.llm.calls import CallSite
from agents.roster import Roster
from core.decisions import Reply
from core.events import Event, MissionEnded, ModelReplied, TaskEnded, TaskStarted
from core.missions import Status
from graphs.mission_run import current_run
from memory.database import Database
from memory.journal import Journal

HERE = Path(__file__).parent


def lose(roster: Roster, *names: str, disable: bool = False) -> None:
    """Take operators off the roster, or disable them."""
    profiles = roster._profiles
    for name in names:
        if disable:
            profiles[name] = profiles[name].model_copy(update={"enabled": False})
        else:
            profiles.pop(name)


class Losing(Play):
    """Its operators are lost between the plan and the delegation."""

    def __init__(self, *names: str, disable: bool) -> None:
        super().__init__({"t1": {"goal": "Write a letter to Ada."}, "t2": {"operator": "researcher"}})
        self.names, self.disable = names, disable

    async def __call__(self, request: Any, site: CallSite) -> Reply:
        reply = await super().__call__(request, site)
        if site.step == "plan":
            lose(current_run().staff.roster, *self.names, disable=self.disable)
        return reply


@pytest.mark.parametrize("disable", [False, True])
@pytest.mark.parametrize("tries", [0, 3])
async def test_a_task_of_a_lost_operator_is_given_to_another(tmp_path: Path, disable: bool, tries: int) -> None:
    play = Losing("analyst", disable=disable)
    async with open_desk(tmp_path, play, recovery_tries=tries) as desk:
        end, events = await desk.do()
        enabled = {p.name for p in desk.runner._staff.roster.enabled()}
    again = tasks_of(events)["t1-retry1"]
    title = "Data analyst" if disable else "analyst"
    assert again.why == f"It is given to another operator: {title} is not available any more."
    assert again.operator in enabled
    if not disable:  # nothing is known of it but the goal
        assert again.operator == "writer"
    assert ends_of(events) == {"t1": Status.FAILED, "t2": Status.COMPLETED, "t1-retry1": Status.COMPLETED}
    assert "t1/1" not in play.seen
    assert (end.status, end.problem) == (Status.COMPLETED, "")


async def test_if_nobody_else_can_do_it_the_end_says_so_in_plain_words(tmp_path: Path) -> None:
    everybody = [p.stem for p in (HERE.parents[1] / "agents" / "profiles").glob("*.md")]
    play = Losing(*everybody, disable=True)
    async with open_house(tmp_path, play) as house:
        mission = await house.submit(unattended="deny")
        events = await house.until(mission, Status.FAILED)
    assert "Data analyst is not available any more." in events[-1].problem
    assert not events[-1].error_id


async def test_a_task_whose_operator_was_lost_in_a_restart_begins_anew_with_another(tmp_path: Path) -> None:
    play = Gated(TWO | {"t2": {"operator": "researcher"}}, "t1/1")
    async with open_desk(tmp_path, play, durable=True) as desk:
        mission = await desk.accept()
        work = asyncio.create_task(desk.run(mission))
        await asyncio.wait_for(play.reached.wait(), 10)
        await eventually(lambda: "t2/1" in play.seen)
        work.cancel()
        await asyncio.wait([work])
    play.go.set()
    async with open_desk(tmp_path, play, durable=True) as desk:
        lose(desk.runner._staff.roster, "analyst")
        events = await desk.run(mission)
    assert ends_of(events) == {"t1": Status.FAILED, "t2": Status.COMPLETED, "t1-retry1": Status.COMPLETED}
    assert tasks_of(events)["t1-retry1"].operator != "analyst"
    assert events[-1].status is Status.COMPLETED


async def test_what_was_decided_stays_decided_even_if_the_graph_lost_its_place(tmp_path: Path) -> None:
    play = Gated(TWO, "t1-retry1/1", "t1")
    async with open_desk(tmp_path, play) as desk:  # its checkpoints end with it; the journal does not
        mission = await desk.accept()
        work = asyncio.create_task(desk.run(mission))
        await asyncio.wait_for(play.reached.wait(), 10)
        work.cancel()
        await asyncio.wait([work])
        before = tasks_of(await desk.journal.read(mission.id))
    play.go.set()
    async with open_desk(tmp_path, play, model_strong="rehearsal:big") as desk:  # by now another rung would come first
        events = await desk.run(mission)
        assert not desk.gateway.asked["t1/1"]
    assert list(before) == ["t1", "t2", "t1-retry1"]
    [again] = [e for e in events if isinstance(e, TaskEnded) and e.task_id == "t1-retry1"]
    assert again.operator == before["t1-retry1"].operator != "analyst"
    assert tasks_of(events) == before
    assert len(versions(events)) == 2
    assert events[-1].status is Status.COMPLETED


def lines(folder: Path) -> list[str]:
    log = folder / "calls.log"
    return log.read_text().splitlines() if log.exists() else []


async def journal(folder: Path) -> list[Event]:
    database = await Database.open(folder / "staffwork.db")
    try:
        return await Journal(database).read(MISSION)
    finally:
        await database.close()


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(HERE / "killed_recovery.py"), str(folder)], cwd=HERE.parent.parent)


async def test_a_recovering_mission_that_is_killed_again_and_again_makes_the_same_tasks(tmp_path: Path) -> None:
    moments, kills, known = random.Random(5), 0, set[str]()
    for _ in range(12):
        before = len(lines(tmp_path))
        child = start(tmp_path)
        wanted, end = before + moments.randint(1, 4), time.monotonic() + 30
        while len(lines(tmp_path)) < wanted and child.poll() is None and time.monotonic() < end:
            await asyncio.sleep(0.002)
        await asyncio.sleep(moments.random() * 0.04)
        if child.poll() is None and kills < 8:
            child.send_signal(signal.SIGKILL)
            kills += 1
        child.wait(30)
        again = known & set(lines(tmp_path)[before:])
        assert not again, f"on record before the kill, and asked again after it: {again}"
        events = await journal(tmp_path)
        known = {e.step for e in events if isinstance(e, ModelReplied)}
        if isinstance(events[-1], MissionEnded):
            break
    assert kills >= 3, "the test must have killed something"
    assert isinstance(events[-1], MissionEnded)
    assert events[-1].status is Status.COMPLETED
    assert list(tasks_of(events)) == [
        *("t1", "t2", "t3", "t4", "t5"),
        *("t1-retry1", "t2-retry1", "t3-retry1", "t4-retry1", "t5-retry1"),
        *("t1-retry2", "t2-retry2", "t3-retry2", "t4-retry2", "t5-retry2"),
        "t2-retry3",
    ]
    starts = Counter(e.task_id for e in events if isinstance(e, TaskStarted))
    assert set(starts) == set(tasks_of(events))
    assert set(starts.values()) == {1}
    results = {e.task_id: e.result for e in events if isinstance(e, TaskEnded) and e.status is Status.COMPLETED}
    assert results == {t: f"{t}: 42" for t in ("t1-retry2", "t2-retry3", "t3-retry2", "t4-retry2")}
