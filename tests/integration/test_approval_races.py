"""Decisions that come in just the wrong moment: while the attempt that asked is coming to rest."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from approval_fixtures import Play, World, decision, open_house

from core.missions import Status
from core.steering import Order
from graphs.control import Control, Verdict

PAY = ("pay", {"to": "bob", "amount": 5})


async def test_a_decision_while_the_attempt_comes_to_rest_is_for_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World()
    looks: list[asyncio.Task[Any]] = []
    async with open_house(tmp_path / "staffwork.db", tmp_path, Play(PAY), world.tools()) as house:
        runner: Any = house.dispatcher._runner
        stored, end = runner._orders.open, Control.end

        async def decide_now(control: Control) -> None:
            """Decide, and have the order looked for, before the attempt has noticed that it is over."""
            [asked] = control.standing.open_approvals
            row = await house.reception.approvals.get(asked.approval_id, "ada")
            order = decision(row, "once")
            await house.reception.give(order)

            async def at_once(_: str) -> list[Order]:
                return [order]

            runner._orders.open = at_once
            await runner.look(control.mission_id)
            runner._orders.open = stored

        def end_and_decide(control: Control, verdict: Verdict) -> None:
            if looks:
                return end(control, verdict)
            control.verdict = verdict  # the course ends a moment later
            looks.append(asyncio.ensure_future(decide_now(control)))
            looks[0].add_done_callback(lambda _: control._course and control._course.cancel())
            return None

        monkeypatch.setattr(Control, "end", end_and_decide)
        mission = await house.submit()
        await house.until(mission, Status.COMPLETED)
        await looks[0]
    assert world.done == ["pay bob 5"]
