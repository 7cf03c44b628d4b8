"""What a click above the composer does: an order to a mission, or something else with a message that waits its turn.

The id of an order is derived from what was clicked and from how often it was done before: a double click, or the same button in two
tabs, is one order.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from chat.desk import Desk
from core.errors import BadInput, Conflict
from core.missions import derived_id
from core.steering import Order, OrderKind
from graphs.requeueing import begin_elsewhere, take_back, use_now

_BY_CONTENT = (OrderKind.RELEASE, OrderKind.SETTLE, OrderKind.ANSWER, OrderKind.DECIDE, OrderKind.PLAN)


class Click(BaseModel):
    """One click: `turn` counts how often this was switched or checked before; `nonce` names one text that was typed."""

    model_config = ConfigDict(extra="forbid")
    kind: OrderKind
    task_id: str | None = Field(None, max_length=200)
    step: str = Field("", max_length=200)
    choice: str = Field("", max_length=20)
    text: str = Field("", max_length=20_000)
    arguments: dict[str, Any] | None = None
    approval: str = Field("", max_length=64)
    turn: int = Field(0, ge=0)
    nonce: str = Field("", max_length=64)

    def order(self, mission_id: str, user_id: str) -> Order:
        """Make the order of it, under an id that is the same for the same click."""
        parts = [self.kind.value, self.task_id or "", self.step, str(self.turn), self.nonce, self.approval]
        if self.kind in _BY_CONTENT:
            parts += [self.choice, self.text, "" if self.arguments is None else repr(sorted(self.arguments.items()))]
        elif self.kind is OrderKind.STEP_MODE:
            parts.append(self.choice)
        return Order(
            id=derived_id(mission_id, user_id, *parts),
            mission_id=mission_id,
            kind=self.kind,
            by=user_id,
            task_id=self.task_id,
            step=self.step,
            text=self.text,
            choice=self.choice,
            arguments=self.arguments,
            approval=self.approval,
        )


async def steer(here: Desk, mission_id: str, click: Click, user_id: str) -> None:
    """Give one order to a mission of this person; raises NotFound, Conflict or BadInput, in words for them."""
    if click.kind is OrderKind.INSTRUCT and not click.nonce:
        raise BadInput("An instruction needs a nonce, so that the same text can be said twice.")
    order = click.order(mission_id, user_id)
    await here.office.missions.get(mission_id, user_id)
    for other in await here.office.orders.open(mission_id):
        if click.kind in _BY_CONTENT and other.id != order.id and (other.kind, other.step) == (click.kind, click.step):
            raise Conflict("This was decided a moment ago.")
    await here.office.give(order)
    here.audience.nudge(mission_id)


async def requeue(here: Desk, mission_id: str, what: str, user_id: str) -> str:
    """Use a waiting message in the work at hand (`use`), begin a conversation with it (`move`), or take it back (`remove`).

    Returns the conversation where the page goes then ("" where it is). Raises NotFound, Conflict or BadInput.
    """
    match what:
        case "use":
            await use_now(here.office, user_id, mission_id)
        case "move":
            return (await begin_elsewhere(here.office, user_id, mission_id)).conversation_id
        case "remove":
            await take_back(here.office, user_id, mission_id)
        case _:
            raise BadInput("That cannot be done with a waiting message: use, move or remove.")
    return ""
