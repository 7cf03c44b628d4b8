"""What stands around the gate: the call is in the journal, the budget holds and the intent is on record before anything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from approval_fixtures import Play, World, open_house
from sqlalchemy import select
from steering_fixtures import eventually

from core.events import ToolReturned
from core.missions import Status
from core.ports import ToolContext
from memory import tables
from tools.define import ToolResult

Place = Path | str
POST = ("post", {"to": "bob@example.org", "text": "hello"})
SAID = 'Send "hello" to bob@example.org.'


async def test_everything_is_on_record_before_it_runs_and_the_result_after(place: Place, tmp_path: Path) -> None:
    seen: list[tuple[list[str], int]] = []

    class Looking(World):
        async def post(self, context: ToolContext, to: str, text: str) -> ToolResult:
            """Send a letter, and look at what is on record by now."""
            kinds = [e.kind for e in await houses[0].reception.journal.read(context.mission_id)]
            rows = await houses[0].reception.database.rows(select(tables.effects))
            seen.append(([k for k in kinds if k.startswith(("tool_", "approval_"))], len(rows)))
            return await super().post(context, to, text)

    houses: list[Any] = []
    world = Looking()
    async with open_house(place, tmp_path, Play(POST), world.tools()) as house:
        houses.append(house)
        mission = await house.submit()
        await house.decide(await house.asked(mission), "once")
        await house.until(mission, Status.COMPLETED)
        kinds = [e.kind for e in await house.events(mission)]
    assert seen == [(["tool_called", "approval_requested", "approval_decided"], 1)]
    assert kinds.index("tool_called") < kinds.index("approval_decided") < kinds.index("tool_returned")
    assert world.done == ["post bob@example.org: hello"]


async def test_a_spent_budget_lets_nothing_run_and_asks_nobody(place: Place, tmp_path: Path) -> None:
    world = World()
    play = Play(POST, ("pay", {"to": "eve", "amount": 1}), POST)
    async with open_house(place, tmp_path, play, world.tools(), mission_tool_calls=1) as house:
        mission = await house.submit(SAID)
        ended = {Status.COMPLETED, Status.FAILED}

        async def over() -> bool:
            return (await house.reception.missions.get(mission.id)).status in ended

        await eventually(over)
        assert await house.requests(mission) == []
        assert len(await house.events(mission, ToolReturned)) == 1
    assert world.done == ["post bob@example.org: hello"]
