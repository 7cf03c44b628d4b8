"""Approvals over HTTP: what waits for the person, what they decide, and which decisions they had remembered."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.bodies import Unusable, sent
from api.visitors import present
from core.errors import BadInput
from core.missions import derived_id
from core.steering import Order, OrderKind

if TYPE_CHECKING:
    from graphs.office import Office
    from memory.approval_rules import ApprovalRule
    from memory.approvals import Approval

router = APIRouter(prefix="/api/approvals")
_HIDDEN = {"user_id", "decided_by"}


class Decided(BaseModel):
    """A decision: `arguments` are changed ones (edit, or once) or what they must look like (pattern); `until` ends a
    remembered one."""

    model_config = ConfigDict(extra="forbid")
    decision: Literal["once", "edit", "conversation", "pattern", "reject"]
    reason: str = Field("", max_length=2_000)
    arguments: dict[str, Any] | None = None
    until: AwareDatetime | None = None


@router.get("")
async def list_approvals(request: Request, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> dict[str, Any]:
    """List the person's approvals: those that wait first, then the newest."""
    found = await _office(request).approvals.of_user(present().user_id, limit)
    return {"approvals": [shown(approval) for approval in found]}


@router.get("/rules")
async def list_rules(request: Request) -> dict[str, Any]:
    """List the decisions that are remembered for the person."""
    found = await _office(request).approval_rules.of_user(present().user_id)
    return {"rules": [rule_shown(rule) for rule in found]}


@router.delete("/rules/{rule_id}", status_code=204)
async def revoke_rule(request: Request, rule_id: str) -> Response:
    """Forget a remembered decision at once."""
    await _office(request).approval_rules.revoke(rule_id, present().user_id)
    return Response(status_code=204)


@router.get("/{approval_id}")
async def show_approval(request: Request, approval_id: str) -> dict[str, Any]:
    """Show one approval, and what became of it."""
    return shown(await _office(request).approvals.get(approval_id, present().user_id))


@router.post("/{approval_id}", status_code=202)
async def decide_approval(request: Request, approval_id: str) -> dict[str, Any]:
    """Take a decision, safely stored when this answers; the first one counts, the same one again is the same."""
    given = await sent(request, Decided)
    office, user_id = _office(request), present().user_id
    choice = "edit" if given.decision == "once" and given.arguments is not None else given.decision
    asked = await office.approvals.get(approval_id, user_id)
    order = decision(asked, choice, user_id, text=given.reason, arguments=given.arguments, until=given.until)
    try:
        await office.give(order)
    except BadInput as problem:
        raise Unusable(str(problem)) from None
    return {"order_id": order.id, "approval": shown(await office.approvals.get(approval_id, user_id))}


def decision(
    asked: Approval,
    choice: str,
    user_id: str,
    *,
    text: str = "",
    arguments: dict[str, Any] | None = None,
    until: datetime | None = None,
) -> Order:
    """Make the order of a decision, under an id that is the same for the same decision of the same person."""
    content = orjson.dumps([choice, text, arguments, until], option=orjson.OPT_SORT_KEYS).decode()
    return Order(
        id=derived_id("decision", asked.id, user_id, content),
        mission_id=asked.mission_id,
        kind=OrderKind.DECIDE,
        by=user_id,
        approval=asked.id,
        choice=choice,
        text=text,
        arguments=arguments,
        until=until,
    )


def shown(approval: Approval) -> dict[str, Any]:
    """Show an approval as JSON."""
    return approval.model_dump(mode="json", exclude=_HIDDEN) | {"open": approval.decided_at is None}


def rule_shown(rule: ApprovalRule) -> dict[str, Any]:
    """Show a remembered decision as JSON."""
    return rule.model_dump(mode="json")


def _office(request: Request) -> Office:
    office: Office = request.app.state.office
    return office
