"""Orders from the terminal: stored safely, taken up by whoever works on the mission, and what became of them."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from chat.terminal import BAD_USE, say_json
from chat.terminal_dialogue import received
from chat.terminal_missions import follow_to_rest
from chat.terminal_place import Place, at_hand
from core.missions import new_id
from core.settings import Settings
from core.steering import Order, OrderKind, OrderSettled

OUTCOME_SECONDS = 10.0
"""How long it is waited for what becomes of an order; a server that runs takes it up within a second."""
READ_SECONDS = 1.5
"""The same for an instruction, which is settled once an operator reads it."""
_DONE = {
    OrderKind.ANSWER: "Answered.",
    OrderKind.RELEASE: "Released: {}.",
    OrderKind.SETTLE: "Decided: {}.",
    OrderKind.PLAN: "Plan: {}.",
}


async def give_order(
    settings: Settings,
    mission: str,
    kind: OrderKind,
    *,
    work: bool,
    as_json: bool,
    file: Path | None = None,
    **more: Any,
) -> int:
    """Give one order and say what became of it; with `work` follow the mission then. Returns the exit code."""
    async with at_hand(settings, work=work) as place:
        row = await place.find(mission)
        given = () if file is None else (await received(place, row.mission.conversation_id, file),)
        about = {"id": new_id(), "mission_id": row.mission.id, "by": place.user_id, "attachments": given}
        order = Order(**about, kind=kind, **more)
        seen = await place.desk.journal.read(row.mission.id)
        after = seen[-1].seq if seen else 0
        await place.desk.give(order)
        if work:
            return await follow_to_rest(place, row.mission.id, after, None, as_json=as_json)
        settled = await _outcome(place, order, after) if place.served else None
    return _say(order, settled, served=place.served, as_json=as_json)


async def _outcome(place: Place, order: Order, after: int) -> OrderSettled | None:
    """Wait for what becomes of an order; None if that is not known yet."""
    with suppress(TimeoutError):
        async with asyncio.timeout(READ_SECONDS if order.kind is OrderKind.INSTRUCT else OUTCOME_SECONDS):
            while True:
                async for event in place.desk.follow(order.mission_id, after):
                    after = event.seq
                    if isinstance(event, OrderSettled) and event.order_id == order.id:
                        return event
                await asyncio.sleep(0.05)  # it rests until the order is taken up
    return None


def _say(order: Order, settled: OrderSettled | None, *, served: bool, as_json: bool) -> int:
    outcome = settled.outcome if settled else "given"
    words = _words(order, settled, served)
    if as_json:
        ids = {"mission_id": order.mission_id, "order_id": order.id, "kind": order.kind.value}
        say_json(ids | {"outcome": outcome, "words": words})
    else:
        typer.echo(words, err=outcome == "refused")
    return BAD_USE if outcome == "refused" else 0


def _words(order: Order, settled: OrderSettled | None, served: bool) -> str:
    if settled is not None:
        return settled.words or _DONE.get(order.kind, "Done.").format(order.choice)
    if not served:
        return (
            "Kept. Nobody is at work on this data now: it is carried out when Staffwork runs, or here with: "
            f"staffwork missions follow {order.mission_id} --work"
        )
    if order.kind is OrderKind.INSTRUCT:
        return "Kept. The next operator to begin a step reads it."
    return "Kept. It is carried out as soon as there is a place for the mission."
