"""A model call that is stopped before its end has cost something: it stands in the journal and counts, however it was stopped."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mission_fixtures import calls, plans, says
from steering_fixtures import House, eventually, open_house

from core.budget import Usage, total
from core.events import MissionEnded, ModelFailed, ModelReplied
from core.missions import Mission, Status
from core.steering import OrderKind

SPENT = Usage(model_calls=1, tokens_in=1234)


class Play:
    """One operator, and a model that begins an answer and does not come to its end the first time it is asked at a step."""

    def __init__(self, at: str) -> None:
        self._at = at
        self.asked, self._stopped = asyncio.Event(), False

    async def __call__(self, request: Any, site: Any) -> Any:
        if site.step == self._at and not self._stopped:
            self.asked.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self._stopped = True
                site.on_stopped(SPENT)
                raise
        if site.step == "plan":
            return plans({"operator": "analyst", "goal": "Do it."})
        if site.step.startswith("t1/"):
            return calls(("finish", {"status": "completed", "summary": "done", "result": "42"}))
        return says("Done.")


async def checked(house: House, mission: Mission) -> None:
    await eventually(lambda: ended(house, mission))
    events = await house.events(mission)
    assert [e.usage for e in events if isinstance(e, ModelFailed)] == [SPENT]
    assert (
        events[-1].usage.tokens_in
        == total(e.usage for e in events if isinstance(e, ModelReplied | ModelFailed)).tokens_in
    )


async def ended(house: House, mission: Mission) -> bool:
    return bool(await house.events(mission, MissionEnded))


@pytest.mark.parametrize("step", ["plan", "t1/1", "report"])
async def test_by_the_end_of_the_process(tmp_path: Path, step: str) -> None:
    play = Play(step)
    async with open_house(tmp_path, play, drain_seconds=0.01) as house:
        mission = await house.submit()
        await asyncio.wait_for(play.asked.wait(), 20)
    async with open_house(tmp_path, play) as house:
        await checked(house, mission)
        assert await house.status(mission) is Status.COMPLETED


@pytest.mark.parametrize("kind", [OrderKind.STOP, OrderKind.CANCEL_TASK])
async def test_by_an_order(tmp_path: Path, kind: OrderKind) -> None:
    play = Play("t1/1")
    async with open_house(tmp_path, play) as house:
        mission = await house.submit()
        await asyncio.wait_for(play.asked.wait(), 20)
        await house.started(mission, "t1")
        await house.give(mission, kind, task_id="t1" if kind is OrderKind.CANCEL_TASK else None)
        await checked(house, mission)
