"""A play whose tasks fail as the test wants, and what can be seen of it afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from mission_fixtures import calls, plans, says
from steering_fixtures import House, eventually

from agents.llm.calls import CallSite, ModelRequest
from core.decisions import Reply
from core.errors import ModelUnavailable
from core.events import Event, PlanMade, TaskEnded
from core.missions import Mission, Status, Task

FAILED = "failed"
"""The operator itself says that it failed."""


def needs(*others: str, **more: Any) -> dict[str, Any]:
    return {"needs": list(others)} | more


class Play:
    """Plans some tasks (id -> more fields); a task in `fails` ends as that says, the others complete.

    A text is a kind of ModelUnavailable, or FAILED. The newest try counts: `fails` names it by its own id.
    """

    def __init__(self, tasks: Mapping[str, dict[str, Any]], fails: Mapping[str, str] | None = None) -> None:
        self.tasks, self.fails = tasks, dict(fails or {})
        self.seen: dict[str, str] = {}
        self.tiers: dict[str, str] = {}

    async def __call__(self, request: ModelRequest, site: CallSite) -> Reply:
        self.seen[site.step] = "\n".join(str(m.content) for m in request.messages)
        self.tiers[site.step] = request.tier
        if site.task_id is not None:
            return await self.work(site.task_id, site)
        if site.role == "reviewer":
            return calls(("review", {"verdict": "accept"}))
        if site.step == "report":
            return says("This is the answer.")
        asked = ({"id": t, "operator": "analyst", "goal": f"Sum {t}."} | more for t, more in self.tasks.items())
        return plans(*asked)

    async def work(self, task_id: str, site: CallSite) -> Reply:
        how = self.how(task_id)
        if how == FAILED:
            return calls(("finish", {"status": "failed", "summary": f"{task_id} found nothing."}))
        if how:
            raise ModelUnavailable(how, f"The model of {task_id} gave no answer.")
        return calls(("finish", {"status": "completed", "summary": f"{task_id} is done.", "result": f"{task_id}: 42"}))

    def how(self, task_id: str) -> str:
        return self.fails.get(task_id, "")


class Hopeless(Play):
    """Every try of every task fails in the same way."""

    def __init__(self, tasks: Mapping[str, dict[str, Any]], way: str) -> None:
        super().__init__(tasks)
        self.way = way

    def how(self, task_id: str) -> str:
        return self.way


def versions(events: Sequence[Event]) -> list[PlanMade]:
    """List the versions of the plan; each must hold all of the one before, and come in order."""
    plans_ = [e for e in events if isinstance(e, PlanMade)]
    assert [p.version for p in plans_] == list(range(1, len(plans_) + 1))
    for old, new in pairwise(plans_):
        assert new.tasks[: len(old.tasks)] == old.tasks
        assert len(new.tasks) > len(old.tasks)
    return plans_


def tasks_of(events: Sequence[Event]) -> dict[str, Task]:
    return {t.id: t for t in versions(events)[-1].tasks}


def ends_of(events: Sequence[Event]) -> dict[str, Status]:
    return {e.task_id: e.status for e in events if isinstance(e, TaskEnded) and "." not in e.task_id}


class Gated(Play):
    """A play that waits for the test in one place."""

    def __init__(self, tasks: dict[str, dict[str, Any]], stop_at: str, *fails: str) -> None:
        super().__init__(tasks, dict.fromkeys(fails, FAILED))
        self.stop_at = stop_at
        self.reached, self.go = asyncio.Event(), asyncio.Event()

    async def __call__(self, request: Any, site: CallSite) -> Reply:
        if site.step == self.stop_at:
            self.reached.set()
            await self.go.wait()
        return await super().__call__(request, site)


async def ended(house: House, mission: Mission, task_id: str) -> None:
    async def seen() -> bool:
        return task_id in ends_of(await house.events(mission))

    await eventually(seen)


async def failed(house: House, mission: Mission, task_id: str) -> bool:
    return (await house.standing(mission)).tasks.get(task_id) is Status.FAILED


async def answering(house: House, mission: Mission) -> bool:
    return (await house.standing(mission)).answering


TWO: dict[str, dict[str, Any]] = {"t1": {}, "t2": {}}
