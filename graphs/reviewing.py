"""Holding the work against what was asked, and sending parts of it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.llm.calls import CallSite
from core.decisions import Accept, SendBack
from core.errors import BudgetSpent, ModelUnavailable
from core.events import ReviewGiven
from core.missions import CHIEF, REVIEWER, Envelope, Plan, Report, Status, Task
from graphs.mission_run import MissionRun, current_run
from graphs.mission_state import Context, MissionState, extended, know, latest
from graphs.outcomes import another_id
from graphs.tasking import task


@task
async def reviewer_reviews(step: str, made: Plan, reports: Sequence[Report]) -> dict[str, Any]:
    """Hold the reports against what was asked, once."""
    run = current_run()
    assert run.brief is not None
    review = await run.staff.reviewer.review(run.brief, made, reports, CallSite(role="reviewer", step=step))
    return review.model_dump(mode="json")


async def review(state: MissionState, runtime: Context) -> MissionState:
    """Accept the work, or send tasks back with the reason; without a criterion there is nothing to hold it against."""
    run = runtime.context
    await know(run, state)
    if state.get("reviewed") == len(state["reports"]):
        return {}  # nothing was done since
    reports = latest(state)
    seen: MissionState = {"reviewed": len(state["reports"])}
    standing = {r.task_id for r in reports}
    tasks = (Task.model_validate(t) for t in state["tasks"] if t["id"] in standing)
    made = Plan(tasks=tuple(tasks), note=state.get("note", ""))
    to_look_at = any(t.done_when for t in made.tasks) or any(r.flags for r in reports)
    if not to_look_at or not any(r.status is Status.COMPLETED for r in reports):
        return seen | {"shortfall": ""}
    seen["reviews"] = state.get("reviews", 0) + 1
    step = f"review.{seen['reviews']}"
    if step not in run.record.replies:
        await run.control.gate()
    try:
        verdict = await reviewer_reviews(step, made, reports)
    except (BudgetSpent, ModelUnavailable) as error:
        return seen | {"shortfall": f"The result was not reviewed: {error}"}
    if verdict["kind"] == "accept":
        return seen | _accepted(run, step, Accept.model_validate(verdict))
    return seen | _sent_back(run, state, step, SendBack.model_validate(verdict))


def _accepted(run: MissionRun, step: str, verdict: Accept) -> MissionState:
    run.emit(ReviewGiven(mission_id=run.mission.id, step=step, verdict="accept", shortfall=verdict.shortfall))
    return {"shortfall": verdict.shortfall}


def _sent_back(run: MissionRun, state: MissionState, step: str, verdict: SendBack) -> MissionState:
    rounds = state.get("rounds", 0)
    run.emit(ReviewGiven(mission_id=run.mission.id, step=step, verdict="send_back", reasons=verdict.reasons))
    for task_id, reason in verdict.reasons.items():
        run.send(
            Envelope(
                message_id=run.message_id("review", step, task_id),
                sender=REVIEWER,
                recipient=CHIEF,
                message_type="review",
                content=reason,
                metadata={"task": task_id},
            )
        )
    unmet = "Not fully met: " + " ".join(verdict.reasons.values())
    if rounds >= run.staff.settings.review_rounds or not verdict.reasons:
        return {"shortfall": unmet if verdict.reasons else ""}
    tasks = [Task.model_validate(t) for t in state["tasks"]]
    again = [_again(t, verdict.reasons[t.id], [k.id for k in tasks]) for t in tasks if t.id in verdict.reasons]
    more = extended(run, state, again, "Sent back for another round.")
    return more | {"rounds": rounds + 1, "shortfall": ""}


def _again(first: Task, reason: str, known: Sequence[str]) -> Task:
    return first.model_copy(
        update={
            "id": another_id(first.id, "again", known),
            "goal": f"{first.goal}\nIt was done once and sent back: {reason}",
            "needs": (*first.needs, first.id),
            "instead_of": first.id,
            "why": f"It was sent back: {reason}",
        }
    )
