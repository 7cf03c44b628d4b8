"""What happens at each station of a mission; the stations are wired in mission_graph.py."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import Any, TypedDict

from langgraph.func import task
from langgraph.runtime import Runtime
from langgraph.types import interrupt

from agents.llm.calls import CallSite
from core.decisions import Accept, Answer, Ask, Delegate, SendBack
from core.errors import BudgetSpent, ModelUnavailable, PlanRefused
from core.events import BriefAssembled, PlanMade, QuestionAsked, ReviewGiven
from core.events import PlanRefused as PlanRefusedEvent
from core.messages import CHIEF, REVIEWER, USER, Envelope
from core.missions import Plan, Report, Status, Task, in_order, new_id
from graphs.delegating import delegate_task
from graphs.mission_run import MissionRun, current_run
from graphs.operator_loop import operator

log = logging.getLogger(__name__)
QUESTIONS = 3
"""How often the Chief may ask the user in one mission."""


class MissionState(TypedDict, total=False):
    """Where a mission stands, in plain data; the texts of calls are in the journal, not here."""

    goal: str  # for people who open the graph in a studio; missions carry theirs in the runtime context
    decision: str  # answer | ask | delegate
    plannings: int
    problems: list[str]
    question: str
    answers: list[tuple[str, str]]
    tasks: list[dict[str, Any]]
    todo: list[str]
    note: str
    reports: list[dict[str, Any]]
    rounds: int
    shortfall: str
    answer: str


Context = Runtime[MissionRun]


async def brief(state: MissionState, runtime: Context) -> MissionState:
    """Assemble the context of the Chief."""
    run = runtime.context
    await know(run, state)
    assert run.brief is not None
    recalled = tuple(r.as_source() for r in run.brief.recalled)
    told = sum(len(m.text) for m in run.brief.history) + sum(len(s.quote) for s in recalled) + len(run.brief.goal)
    run.send(
        Envelope(
            message_id=run.message_id("goal"),
            sender=USER,
            recipient=CHIEF,
            message_type="goal",
            content=run.mission.goal,
            attachments=tuple(a.id for a in run.mission.attachments),
        )
    )
    run.emit(
        BriefAssembled(
            mission_id=run.mission.id,
            history_messages=len(run.brief.history),
            tokens=told // 4,
            recalled=recalled,
        )
    )
    return {"plannings": 0, "rounds": 0}


async def know(run: MissionRun, state: MissionState) -> None:
    """Make sure that the brief is at hand, also after a restart, and includes what the user answered."""
    if run.brief is None:
        run.brief = await run.staff.briefing.assemble(run.mission, run.record.recalled)
    run.brief = run.brief.model_copy(update={"answers": tuple((q, a) for q, a in state.get("answers", ()))})


@task
async def chief_plans(step: str, problems: Sequence[str]) -> dict[str, Any]:
    """Let the Chief decide once; a plan that breaks the rules comes back as its problems."""
    run = current_run()
    assert run.brief is not None
    try:
        decision, _ = await run.staff.chief.plan(run.brief, CallSite(role="chief", step=step), problems)
    except PlanRefused as refused:
        return {"kind": "refused", "problems": refused.problems}
    return decision.model_dump(mode="json")


async def plan(state: MissionState, runtime: Context) -> MissionState:
    """Answer, ask, or hand out tasks; a plan that breaks the rules may be repaired once."""
    run = runtime.context
    await know(run, state)
    number = state.get("plannings", 0)
    problems: list[str] = []
    for _ in range(2):
        number += 1
        step = "plan" if number == 1 else f"plan.{number}"
        decided = await chief_plans(step, problems)
        if decided["kind"] != "refused":
            return {"plannings": number} | _decided(run, decided)
        problems = decided["problems"]
        run.emit(PlanRefusedEvent(mission_id=run.mission.id, step=step, problems=tuple(problems)))
    raise PlanRefused(problems)


def _decided(run: MissionRun, decided: dict[str, Any]) -> MissionState:
    match decided["kind"]:
        case "answer":
            return {"decision": "answer", "answer": Answer.model_validate(decided).text}
        case "ask":
            return {"decision": "ask", "question": Ask.model_validate(decided).question}
    made = Delegate.model_validate(decided).plan
    run.emit(PlanMade(mission_id=run.mission.id, version=1, tasks=made.tasks, note=made.note))
    tasks = [t.model_dump(mode="json") for t in made.tasks]
    return {"decision": "delegate", "tasks": tasks, "todo": [t.id for t in made.tasks], "note": made.note}


async def ask(state: MissionState, runtime: Context) -> MissionState:
    """Put the Chief's question to the user and wait, without holding a place, for as long as it takes."""
    run = runtime.context
    asked = state.get("answers", [])
    if len(asked) >= QUESTIONS:
        raise BudgetSpent("This mission", "questions", str(QUESTIONS))
    run.emit(QuestionAsked(mission_id=run.mission.id, step=f"ask.{len(asked) + 1}", question=state["question"]))
    answer = interrupt(state["question"])
    return {"answers": [*asked, (state["question"], str(answer))]}


async def delegate(state: MissionState, runtime: Context) -> MissionState:
    """Let all tasks run at once, each as soon as those it needs are done; none takes another down with it."""
    run = runtime.context
    await know(run, state)
    tasks = [Task.model_validate(t) for t in state["tasks"] if t["id"] in state["todo"]]
    known = {r["task_id"]: Report.model_validate(r) for r in state.get("reports", [])}
    futures: dict[str, Awaitable[dict[str, Any]]] = {}
    # Created in one fixed order, never later: LangGraph knows a call by its place, not by its arguments.
    for todo in in_order(tasks):
        given = delegate_task(run, todo, len(tasks))
        done = tuple(known[n] for n in todo.needs if n in known)
        needs = [futures[n] for n in todo.needs if n in futures]
        futures[todo.id] = operator(given.model_copy(update={"found": done}), needs)
    outcomes = await asyncio.gather(*futures.values(), return_exceptions=True)
    reports = [_reported(t, o) for t, o in zip(in_order(tasks), outcomes, strict=True)]
    return {"reports": [*state.get("reports", []), *reports], "todo": []}


def _reported(todo: Task, outcome: dict[str, Any] | BaseException) -> dict[str, Any]:
    if isinstance(outcome, dict):
        return outcome
    if not isinstance(outcome, Exception):
        raise outcome
    error_id = new_id()[:8]
    log.error("task %s failed, error %s", todo.id, error_id, exc_info=outcome)
    words = f"Something went wrong in this task (error {error_id}); the log has the details."
    return Report(
        task_id=todo.id, operator=todo.operator, status=Status.FAILED, summary=words, problem=words
    ).model_dump(mode="json")


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
    reports = latest(state)
    made = Plan(tasks=tuple(Task.model_validate(t) for t in state["tasks"]), note=state.get("note", ""))
    criteria = [t for t in made.tasks if t.done_when]
    if not criteria or not any(r.status is Status.COMPLETED for r in reports):
        return {"shortfall": ""}
    step = f"review.{state.get('rounds', 0) + 1}"
    try:
        verdict = await reviewer_reviews(step, made, reports)
    except (BudgetSpent, ModelUnavailable) as error:
        return {"shortfall": f"The result was not reviewed: {error}"}
    if verdict["kind"] == "accept":
        return _accepted(run, step, Accept.model_validate(verdict))
    return _sent_back(run, state, step, SendBack.model_validate(verdict))


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
    again = [_again(t, verdict.reasons[t.id], rounds + 1) for t in tasks if t.id in verdict.reasons]
    every = [*tasks, *again]
    run.emit(
        PlanMade(mission_id=run.mission.id, version=rounds + 2, tasks=tuple(every), note="Sent back for another round.")
    )
    return {
        "tasks": [t.model_dump(mode="json") for t in every],
        "todo": [t.id for t in again],
        "rounds": rounds + 1,
        "shortfall": "",
    }


def _again(first: Task, reason: str, round_: int) -> Task:
    return first.model_copy(
        update={
            "id": f"{first.id}-again{round_}",
            "goal": f"{first.goal}\nIt was done once and sent back: {reason}",
            "needs": (*first.needs, first.id),
        }
    )


def latest(state: MissionState) -> list[Report]:
    """List one report per planned task: of a task that was done again, the newest that came to something."""
    newest: dict[str, Report] = {}
    for report in (Report.model_validate(r) for r in state.get("reports", [])):
        name = report.task_id.split("-again")[0]
        if name not in newest or report.status is Status.COMPLETED:
            newest[name] = report
    return list(newest.values())


@task
async def chief_reports(step: str, reports: Sequence[Report], shortfall: str) -> str:
    """Let the Chief write the answer from what the operators reported."""
    run = current_run()
    assert run.brief is not None
    reply = await run.staff.chief.report(run.brief, reports, CallSite(role="chief", step=step), shortfall)
    return reply.text


async def report(state: MissionState, runtime: Context) -> MissionState:
    """Write the answer; if no model can, list what the operators delivered."""
    run = runtime.context
    await know(run, state)
    reports = latest(state)
    try:
        text = await chief_reports("report", reports, state.get("shortfall", ""))
        reason = "The model gave no text."
    except (BudgetSpent, ModelUnavailable) as error:
        text, reason = "", str(error)
    return {"answer": text if text.strip() else plain_report(reports, reason)}


def plain_report(reports: Sequence[Report], reason: str) -> str:
    """Write the answer by code, from reports alone, and say why no model wrote it."""
    parts = [f"The closing answer could not be written: {reason} This is what the operators delivered."]
    for r in reports:
        state = "partial" if r.partial else r.status.value
        parts.append(f"**{r.task_id}, {r.operator} ({state})**\n\n{r.result or r.summary or r.problem}")
    return "\n\n".join(parts)
