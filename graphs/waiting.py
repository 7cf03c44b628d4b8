"""Where an operator's work waits for a person: held steps, questions, and calls that may or may not have happened
(calls that must be allowed wait in approving.py).

Each place is found again by its step: what is on record as settled is not waited for.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal

from core.decisions import ToolCall
from core.errors import BadInput, Refused, StaffworkError
from core.events import QuestionAnswered, QuestionAsked
from core.missions import Delegation, Status, now
from core.ports import ToolContext, ToolOutcome
from core.steering import AttentionNeeded, AttentionSettled, StepHeld, StepReleased
from graphs.approving import call_approved
from graphs.mission_run import MissionRun
from tools.sanitise import visible

Form = Literal["text", "number", "choice", "yes_no", "file"]
FORMS: tuple[Form, ...] = ("text", "number", "choice", "yes_no", "file")
QUESTIONS_PER_TASK = 5
"""An operator that asks more than this does not know what it is doing; it is told to decide."""
LONGEST_QUESTION, MOST_CHOICES = 1_000, 12
NOBODY = "Nobody answered in time. Go on with what you know, and say in your report what you assumed."


async def hold(
    run: MissionRun, delegation: Delegation, what: Literal["think", "act"], step: str, words: str, **call: Any
) -> StepReleased | None:
    """Hold a step in step mode until the user lets it go on; None if it is not held at all."""
    standing = run.record.standing
    if step in standing.released:
        return standing.released[step]
    if step not in standing.held:
        if not run.step_mode or run.mission.unattended == "deny":
            return None
        task = delegation.task
        about = {"mission_id": run.mission.id, "task_id": task.id, "step": step}
        run.tell(StepHeld(**about, what=what, operator=task.operator, words=visible(words), **call))
    await run.control.wait(step, Status.PAUSED, delegation.task.id)
    return standing.released[step]


async def ask(
    run: MissionRun, delegation: Delegation, call: ToolCall, step: str
) -> tuple[str, QuestionAnswered | None]:
    """Put an operator's question to the user and wait; returns what the operator is told, and the answer itself."""
    standing = run.record.standing
    if step not in standing.answers:
        if step not in standing.questions:
            try:
                run.tell(_question(run, delegation, call, step))
            except StaffworkError as refusal:
                return f"[refused] {refusal}", None
        await _answered(run, delegation, standing.questions[step])
    answer = standing.answers[step]
    return (NOBODY if answer.unanswered else f"The user answered: {answer.answer}"), answer


def _question(run: MissionRun, delegation: Delegation, call: ToolCall, step: str) -> QuestionAsked:
    text = str(call.arguments.get("question", "")).strip()
    form = call.arguments.get("form") or "text"
    choices = call.arguments.get("choices") or ()
    if not text or len(text) > LONGEST_QUESTION:
        raise BadInput(f"A question needs a text of 1 to {LONGEST_QUESTION} characters.")
    if form not in FORMS:
        raise BadInput(f"form must be one of: {', '.join(FORMS)}.")
    if not isinstance(choices, list | tuple) or len(choices) > MOST_CHOICES:
        raise BadInput(f"choices must be a list of at most {MOST_CHOICES} short texts.")
    if form == "choice" and len({str(c).strip().lower() for c in choices}) < 2:
        raise BadInput("A choice needs at least two different choices.")
    mine = [q for q in run.record.standing.questions.values() if q.task_id == delegation.task.id]
    if len(mine) >= QUESTIONS_PER_TASK:
        raise Refused(
            f"You have asked {QUESTIONS_PER_TASK} questions already. Decide yourself and say what you assumed."
        )
    return QuestionAsked(
        mission_id=run.mission.id,
        task_id=delegation.task.id,
        step=step,
        question=text,
        form=form,
        choices=tuple(str(c).strip()[:200].strip() for c in choices) if form == "choice" else (),
        operator=run.staff.roster.get(delegation.task.operator).title,
        expires_at=now() + timedelta(seconds=run.staff.settings.question_seconds),
    )


async def _answered(run: MissionRun, delegation: Delegation, asked: QuestionAsked) -> None:
    """Return when the question is settled: answered by the user, or unanswered in time."""
    denied = run.mission.unattended == "deny"  # nobody is there to answer, and the mission was told to go on without
    task_id, step = delegation.task.id, asked.step
    if denied or not await run.control.wait(step, Status.WAITING_ANSWER, task_id, until=asked.expires_at):
        run.tell(QuestionAnswered(mission_id=run.mission.id, task_id=task_id, step=step, answer="", unanswered=True))


async def call_settled(run: MissionRun, call: ToolCall, context: ToolContext) -> ToolOutcome:
    """Call a tool, once it is allowed; if it may or may not have happened, let the user decide, as often as it takes."""
    step, standing = context.step, run.record.standing
    call, outcome = await call_approved(run, call, _decided(run, context))
    while outcome.status == "unsettled":
        about = {"mission_id": run.mission.id, "task_id": context.task_id, "step": step}
        if step not in standing.attention:
            run.tell(
                AttentionNeeded(
                    **about, tool=call.name, arguments=call.arguments, words=outcome.output, choices=outcome.choices
                )
            )
        elif step in standing.decided:
            words = outcome.output or "It could not be found out."
            run.tell(AttentionSettled(**about, choice="check", words=words))
        if run.mission.unattended == "deny":
            run.tell(AttentionSettled(**about, choice="skip", order_id=f"unattended:{step}"))
        else:
            await run.control.wait(step, Status.NEEDS_ATTENTION, context.task_id)
        call, outcome = await call_approved(run, call, _decided(run, context))
    return outcome


def _decided(run: MissionRun, context: ToolContext) -> ToolContext:
    decision = run.record.standing.decided.get(context.step)
    if decision is None:
        return context
    return context.model_copy(update={"decided": decision.choice, "decision": decision.order_id})
