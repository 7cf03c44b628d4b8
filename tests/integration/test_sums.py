"""What the chat says of tokens and money, per step, operator and mission, adds up to the ledger's rows."""

from __future__ import annotations

from pathlib import Path

from served_fixtures import given, serve, until_at_rest

from core.budget import Usage, total
from core.events import MissionEnded, ModelFailed, ModelReplied, TaskEnded
from core.ports import LedgerRow
from memory.ledger import Ledger


def of_rows(rows: list[LedgerRow]) -> tuple[int, int, int, object]:
    costs = [row.cost for row in rows if row.cost is not None]
    return sum(r.tokens_in for r in rows), sum(r.tokens_out for r in rows), len(rows), sum(costs)


def of_usage(usage: Usage) -> tuple[int, int, int, object]:
    return usage.tokens_in, usage.tokens_out, usage.model_calls, usage.cost


async def test_steps_operators_and_missions_add_up_to_the_ledger(tmp_path: Path) -> None:
    async with serve(tmp_path, price_in="3", price_out="15") as house, house.visitor("ada") as ada:
        mission = await given(ada)
        await until_at_rest(ada, mission, "completed")
        rows = await Ledger(house.office.database).of_mission(mission)
        events = await house.office.journal.read(mission)
        shown = (await ada.get(f"/api/missions/{mission}")).json()
    replies = [e for e in events if isinstance(e, ModelReplied | ModelFailed)]
    assert len(rows) >= 4
    assert {e.step for e in replies} == {r.step for r in rows}
    for step in {r.step for r in rows}:
        spent = total(e.usage for e in replies if e.step == step)
        assert of_usage(spent) == of_rows([r for r in rows if r.step == step])
    tasks = [e for e in events if isinstance(e, TaskEnded)]
    assert tasks
    for task in tasks:
        assert of_usage(task.usage) == of_rows([r for r in rows if r.task_id == task.task_id])
    [end] = [e for e in events if isinstance(e, MissionEnded)]
    assert of_usage(end.usage) == of_rows(rows)
    assert end.usage.tokens > 0
    assert shown["usage"]["tokens_in"] == end.usage.tokens_in
