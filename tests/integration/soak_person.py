"""The person of the soak: decides and answers by what really happened outside."""

from __future__ import annotations

from collections.abc import Iterator

from soak_house import USER
from soak_outside import Outside

from core.steering import Order, OrderKind
from graphs.standing import Standing


def orders(world: Outside, mission_id: str, standing: Standing) -> Iterator[Order]:
    """Give the orders for everything that is open in a mission at rest; the same ids if asked again of the same standing."""
    for needed in standing.open_attention:
        happened = world.happened(mission_id, int(needed.arguments["number"]))
        about = {"step": needed.step, "choice": "happened" if happened else "retry"}
        id_ = f"{mission_id}-{needed.step}-{len(standing.orders)}"
        yield Order(id=id_, mission_id=mission_id, kind=OrderKind.SETTLE, by=USER, **about)
    for asked in standing.open_questions:
        id_ = f"{mission_id}-{asked.step}"
        yield Order(id=id_, mission_id=mission_id, kind=OrderKind.ANSWER, by=USER, step=asked.step, text="yes")
