"""Whoever keeps something for a task is told when the task and the mission end; and health says when there is no git."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from mission_fixtures import calls, open_desk, plans, says

from agents.llm.calls import CallSite, ModelRequest
from core.decisions import Reply
from core.events import Event, MissionEnded, TaskEnded
from core.missions import Status
from tools import repositories


def script(request: ModelRequest, site: CallSite) -> Reply:
    if site.step == "plan":
        return plans({"id": "t1", "operator": "coder", "goal": "Look"})
    if site.step == "report":
        return says("Done.")
    return calls(("finish", {"status": "completed", "summary": "Done.", "result": "Done."}))


async def test_the_ends_of_tasks_and_missions_are_told_to_who_keeps_sessions(tmp_path: Path) -> None:
    seen: list[Event] = []
    async with open_desk(tmp_path, script) as desk:
        desk.runner._staff = replace(desk.runner._staff, observe=seen.append)
        end, _ = await desk.do()
    assert end.status is Status.COMPLETED
    assert [(e.mission_id, e.task_id) for e in seen if isinstance(e, TaskEnded)] == [(end.mission_id, "t1")]
    assert [(e.mission_id, e.status) for e in seen if isinstance(e, MissionEnded)] == [(end.mission_id, end.status)]


def test_without_git_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repositories.shutil, "which", lambda *_, **__: None)
    assert "git: it is not installed. Install it (`apt install git`)" in repositories.why_no_git()
    monkeypatch.setattr(repositories.shutil, "which", lambda *_, **__: "/usr/bin/git")
    assert repositories.why_no_git() == ""
