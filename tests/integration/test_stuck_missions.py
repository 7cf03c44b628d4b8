"""Missions that get stuck, with the watchdog at work: told, then ended, said in words, and always a definite end.

The seconds are shortened; bench/stuck_missions.py measures them as they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from mission_fixtures import Script, calls, open_desk, plans, says

from agents.llm.calls import CallSite, ModelRequest
from core.decisions import Reply
from core.events import Event, MessageSent, MissionEnded, TaskEnded, TaskStarted
from core.missions import Status
from core.steering import Intervened
from graphs import supervising, watchdog, watched_task


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervising, "LOOKS_EVERY", 0.02)
    monkeypatch.setattr(watched_task, "GRACE_SECONDS", 0.3)
    monkeypatch.setattr(watchdog, "END_GRACE_SECONDS", 0.2)


def task(id_: str, goal: str = "") -> dict[str, Any]:
    return {"id": id_, "operator": "analyst", "goal": goal or f"Look at {id_}"}


async def hang(**_: Any) -> str:
    await asyncio.sleep(3600)
    return ""


async def a_moment(**_: Any) -> str:
    await asyncio.sleep(0.05)
    return "the same as before"


def with_plan(operator: Script, *planned: dict[str, Any]) -> Script:
    def script(request: ModelRequest, site: CallSite) -> Any:
        if site.step == "plan":
            return plans(*(planned or (task("t1"),)))
        if site.step == "report":
            return says("This is what there is.")
        return operator(request, site)

    return script


async def play(
    folder: Path, script: Script, functions: dict[str, Any] | None = None, **limits: Any
) -> tuple[MissionEnded, list[Event]]:
    limits = {"task_progress_seconds": 0.3, "task_steps": 100, "recovery_tries": 0} | limits
    async with open_desk(folder, script, functions, **limits) as desk, asyncio.timeout(30):
        return await desk.do()


def done(events: Sequence[Event]) -> list[tuple[str, str, str | None]]:
    return [(e.pattern, e.action, e.task_id) for e in events if isinstance(e, Intervened)]


def ended(events: Sequence[Event]) -> dict[str, TaskEnded]:
    return {e.task_id: e for e in events if isinstance(e, TaskEnded)}


async def test_a_model_that_hangs_costs_its_task_and_not_the_mission(tmp_path: Path) -> None:
    async def operator(request: ModelRequest, site: CallSite) -> Reply:
        if site.task_id == "t1":
            await hang()
        return says("Found.")

    end, events = await play(tmp_path, with_plan(operator, task("t1"), task("t2")))
    assert done(events) == [("no_progress", "nudge", "t1"), ("no_progress", "cancel_task", "t1")]
    assert ended(events)["t1"].status is Status.FAILED
    assert "made no progress" in ended(events)["t1"].problem
    assert ended(events)["t2"].status is Status.COMPLETED
    assert (end.status, end.answer) == (Status.COMPLETED, "This is what there is.")


async def test_a_tool_that_hangs(tmp_path: Path) -> None:
    script = with_plan(lambda r, s: calls(("read_file", {})))
    end, events = await play(tmp_path, script, {"read_file": hang})
    assert done(events) == [("no_progress", "nudge", "t1"), ("no_progress", "cancel_task", "t1")]
    assert ended(events)["t1"].status is Status.FAILED
    assert end.status is Status.FAILED
    assert "made no progress" in end.problem


async def test_a_chief_that_hangs_is_the_end_of_the_mission(tmp_path: Path) -> None:
    async def script(request: ModelRequest, site: CallSite) -> Reply:
        await hang()
        raise AssertionError

    end, events = await play(tmp_path, script)
    assert done(events) == [("no_progress", "end_mission", None)]
    assert end.status is Status.FAILED
    assert "The Chief of Staff made no progress" in end.problem


async def test_calls_in_turns_are_told_and_an_operator_that_listens_gets_its_task_done(tmp_path: Path) -> None:
    def operator(request: ModelRequest, site: CallSite) -> Reply:
        if "You go back and forth" in str(request.messages):
            return calls(("finish", {"summary": "Then I decide with what I know."}))
        return calls(("read_file" if int(site.step.partition("/")[2]) % 2 else "list_files", {}))

    end, events = await play(tmp_path, with_plan(operator), {"read_file": a_moment, "list_files": a_moment})
    assert done(events) == [("alternating", "nudge", "t1")]
    assert [e.message.sender for e in events if isinstance(e, MessageSent) and e.message.message_type == "note"] == [
        "watchdog"
    ]
    assert ended(events)["t1"].summary == "Then I decide with what I know."
    assert end.status is Status.COMPLETED


@pytest.mark.parametrize(
    ("pattern", "tools"), [("alternating", ["read_file", "list_files"]), ("same_result", ["read_file"])]
)
async def test_an_operator_that_does_not_listen_loses_its_task(
    tmp_path: Path, pattern: str, tools: Sequence[str]
) -> None:
    def operator(request: ModelRequest, site: CallSite) -> Reply:
        return calls((tools[int(site.step.partition("/")[2]) % len(tools)], {}))

    end, events = await play(tmp_path, with_plan(operator), {"read_file": a_moment, "list_files": a_moment})
    assert done(events) == [(pattern, "nudge", "t1"), (pattern, "cancel_task", "t1")]
    assert "although it had been told" in ended(events)["t1"].problem
    assert end.status is Status.FAILED


async def test_work_that_is_handed_down_in_a_circle(tmp_path: Path) -> None:
    async def operator(request: ModelRequest, site: CallSite) -> Reply:
        await asyncio.sleep(0.1)
        depth = str(site.task_id).count(".")
        goal = f"Find the total revenue of all regions {'please ' * (depth + 1)}"
        return calls(("start_subtask", {"operator": "analyst" if depth % 2 else "writer", "goal": goal}))

    end, events = await play(tmp_path, with_plan(operator, task("t1", "Find the total revenue of all regions")))
    assert ("circle", "nudge", "t1.1.1") in done(events)
    assert any(pattern == "circle" and action == "cancel_task" for pattern, action, _ in done(events))
    assert done(events)[-1] == ("circle", "cancel_task", "t1"), "in the end the one it comes from"
    assert len([e for e in events if isinstance(e, TaskStarted)]) == 7
    assert end.status is Status.FAILED


async def test_work_that_gets_on_is_left_alone_however_often_it_does_the_same(tmp_path: Path) -> None:
    seen = iter(range(1000))

    def operator(request: ModelRequest, site: CallSite) -> Reply:
        number = int(site.step.partition("/")[2])
        return calls(("now", {})) if number < 30 else says("It is late.")

    end, events = await play(
        tmp_path, with_plan(operator), {"now": lambda: f"12:{next(seen):02}"}, task_progress_seconds=60
    )
    assert done(events) == []
    assert end.status is Status.COMPLETED
