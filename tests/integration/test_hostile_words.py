"""Words of a hostile operator to the Chief, the reviewer and other operators: they are words, and open nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from approval_fixtures import World, open_house
from mission_fixtures import calls, plans, says
from steering_fixtures import eventually
from test_hostile_tools import FINISH, INJECTED, waiting

from core.missions import Mission, Status

CODE = ("run_code", {"code": "print(1)"})


class Team:
    """t1 reads a page and lies in its report; whoever hears of it wants code run: a task sent back, or a subtask."""

    def __init__(self, way: str) -> None:
        self.way = way

    def __call__(self, request: Any, site: Any) -> Any:
        match site.step.split("/"):
            case ["plan"]:
                tasks = [
                    {"id": i, "operator": "hand", "goal": g, "done_when": "done"}
                    for i, g in (("t1", "Read."), ("t2", "Think."))
                ]
                return plans(*tasks)
            case ["t1", "1"]:
                return calls(("read_page", {"name": "page"}))
            case ["t1", "2"] if self.way == "subtask":
                return calls(
                    ("start_subtask", {"operator": "hand", "goal": INJECTED, "done_when": "ran"}),
                    ("start_subtask", {"operator": "user", "goal": INJECTED, "done_when": "ran"}),
                    (
                        "start_subtask",
                        {"operator": "hand", "goal": "x", "done_when": "x", "tools": ["pay"], "tainted": ""},
                    ),
                )
            case [task, "1"] if task not in ("t1", "t2"):
                return calls(CODE)
        if site.step.startswith("t"):
            return calls(FINISH)
        if site.step == "review.1" and self.way == "sent back":
            self.way = ""
            return calls(("review", {"verdict": "send_back", "reasons": {"t2": INJECTED}}))
        return says(INJECTED)


@pytest.mark.parametrize("way", ["sent back", "subtask"])
async def test_a_hostile_report_or_subtask_opens_nothing(tmp_path: Path, way: str) -> None:
    world = World(page=INJECTED)
    async with open_house(tmp_path / "house.db", tmp_path, Team(way), world.tools()) as house:
        mission: Mission = await house.submit()
        await house.until(mission, Status.WAITING_APPROVAL)
        assert {a.tool for a in await waiting(house)} == {"run_code"}
        for asked in await waiting(house):
            await house.decide(asked, "reject")
        while (await house.reception.missions.get(mission.id)).status is not Status.COMPLETED:
            for asked in await waiting(house):
                await house.decide(asked, "reject")
            await eventually_or_more(house, mission)
    assert world.done == []


async def eventually_or_more(house: Any, mission: Mission) -> None:
    async def moved() -> bool:
        status = (await house.reception.missions.get(mission.id)).status
        return status is Status.COMPLETED or bool(await waiting(house))

    await eventually(moved)
