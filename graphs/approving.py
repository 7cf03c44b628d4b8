"""Where an operator's call waits until a person allows it. The row in the database decides; events tell of it.

A place is found again by its step and its arguments: what was decided is not asked again, whatever dies in between.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from core.decisions import ToolCall
from core.events import ToolReturned
from core.missions import Status, now
from core.ports import ToolContext, ToolOutcome, Wish
from core.steering import ApprovalDecided, ApprovalRequested
from graphs.mission_run import MissionRun
from graphs.recording import call_tool
from memory.approvals import Approval, Approvals

UNANSWERED = "Nobody decided in time, so this was not done. Nobody refused it either. Go on without it, and say so."
UNATTENDED = (
    "This needs somebody's approval, and this mission runs while nobody is there. Go on without it, and say so."
)
WITHDRAWN = "This is not wanted any more. Go on without it."
USED_UP = "The approval of this call does not hold any more. Go on without it, and say so."


async def call_approved(run: MissionRun, call: ToolCall, context: ToolContext) -> tuple[ToolCall, ToolOutcome]:
    """Call a tool through the gate, and where a person must allow it, wait for them.

    Returns the call as it was made (a person may have changed its arguments) and what came of it.
    """
    asked: set[str] = set()
    while (outcome := await call_tool(run, call, context)).wish is not None:
        wish = outcome.wish
        if wish.approval_id in asked:
            return call, _refused(run, call, context, USED_UP)
        asked.add(wish.approval_id)
        decided = await _decided(run, context, wish)
        if not decided.allowed:
            return call, _refused(run, call, context, _words(decided))
        if decided.edited is not None:
            call = call.model_copy(update={"arguments": decided.edited})
    return call, outcome


def as_changed(run: MissionRun, step: str) -> str:
    """Say what the operator must know of a call whose arguments a person changed when they allowed it."""
    changes = [d.arguments for d in run.record.standing.decisions.values() if d.step == step and d.decision == "edit"]
    return f"[The user changed the arguments to {changes[-1]}.]\n" if changes else ""


async def _decided(run: MissionRun, context: ToolContext, wish: Wish) -> Approval:
    """Return how a request was decided: at once if it was before, else when somebody does or its time is over."""
    approvals = run.staff.approvals
    if approvals is None:
        raise RuntimeError("the gate asks for approvals, but nobody keeps them")
    row = await approvals.request(_request(run, context, wish))
    if row.decided_at is None:
        row = await _waited(run, context, row, approvals)
    if row.id not in run.record.standing.decisions:
        about = {"mission_id": row.mission_id, "task_id": row.task_id, "step": row.step, "approval_id": row.id}
        by = f"user:{row.decided_by}" if row.decided_by else ""
        more = {"decision": row.decision, "reason": row.reason, "arguments": row.edited, "by": by}
        run.tell(ApprovalDecided.model_validate(about | more))
    return row


async def _waited(run: MissionRun, context: ToolContext, row: Approval, approvals: Approvals) -> Approval:
    if run.mission.unattended == "deny":
        return await approvals.settle(row.id, "unattended")
    asked = row.model_dump(include=set(ApprovalRequested.model_fields) & set(Approval.model_fields))
    run.tell(ApprovalRequested.model_validate(asked | {"approval_id": row.id}))
    if row.id in run.record.standing.decisions:  # somebody who looked at the rows was quicker than the event
        return await approvals.get(row.id, row.user_id)
    if await run.control.wait(row.step, Status.WAITING_APPROVAL, context.task_id, until=row.expires_at):
        return await approvals.get(row.id, row.user_id)
    return await approvals.settle(row.id, "unanswered")


def _request(run: MissionRun, context: ToolContext, wish: Wish) -> Approval:
    at = now()
    fields: dict[str, Any] = wish.model_dump(exclude={"approval_id"})
    return Approval(
        id=wish.approval_id,
        task_id=context.task_id,
        operator=context.operator,
        requested_at=at,
        expires_at=at + timedelta(seconds=run.staff.settings.approval_seconds),
        **fields,
    )


def _words(decided: Approval) -> str:
    match decided.decision:
        case "reject":
            reason = f" Their reason: {decided.reason}" if decided.reason.strip() else ""
            return f"The user did not allow this, so it was not done.{reason} Do not try it in another way."
        case "unattended":
            return UNATTENDED
        case "unanswered":
            return UNANSWERED
    return WITHDRAWN


def _refused(run: MissionRun, call: ToolCall, context: ToolContext, words: str) -> ToolOutcome:
    """Put on record that a call was not made, and why."""
    outcome = ToolOutcome(status="refused", output=words, size=len(words.encode()), seconds=0.0)
    about = {"mission_id": run.mission.id, "task_id": context.task_id, "step": context.step, "tool": call.name}
    fields = outcome.model_dump(include={"status", "output", "size", "seconds", "tainted"})
    run.keep(ToolReturned.model_validate(about | fields))
    return outcome
