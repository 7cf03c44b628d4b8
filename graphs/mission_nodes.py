"""What happens at each station of a mission; the stations are wired in mission_graph.py."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Sequence
from typing import Any

from langgraph.types import interrupt

from agents.llm.calls import CallSite
from core.decisions import Answer, Ask, Delegate
from core.errors import BudgetSpent, Conflict, ModelUnavailable, PlanRefused, StoreUnavailable
from core.events import BriefAssembled, PlanMade, QuestionAsked
from core.events import PlanRefused as PlanRefusedEvent
from core.missions import CHIEF, ENDED, USER, Envelope, Plan, Report, Status, Task, in_order, new_id
from core.steering import OrderKind
from graphs.addressing import straight_answer, straight_plan
from graphs.delegating import delegate_task
from graphs.ladder import BUG, aftermath
from graphs.mission_run import MissionRun, current_run
from graphs.mission_state import Context, MissionState, know, latest, outcomes_of
from graphs.operator_loop import operator
from graphs.operator_work import task_ended
from graphs.recovering import wanted_again
from graphs.tasking import task

log = logging.getLogger(__name__)
QUESTIONS = 3
"""How often the Chief may ask the user in one mission."""


async def brief(state: MissionState, runtime: Context) -> MissionState:
    """Assemble the context of the Chief."""
    run = runtime.context
    await know(run, state)
    assert run.brief is not None
    recalled = tuple(r.as_source() for r in run.brief.recalled)
    quoted = (*recalled, *run.brief.contexts)
    told = sum(len(m.text) for m in run.brief.history) + sum(len(s.quote) for s in quoted) + len(run.brief.goal)
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
            contexts=run.brief.contexts,
            tainted=run.brief.tainted,
        )
    )
    return {"plannings": 0, "rounds": 0}


@task
async def chief_plans(step: str, problems: Sequence[str]) -> dict[str, Any]:
    """Let the Chief decide once; a plan that breaks the rules comes back as its problems."""
    run = current_run()
    assert run.brief is not None
    try:
        decision, _ = await run.staff.chief.plan(run.brief, CallSite(role="chief", step=step), problems)
    except PlanRefused as refused:
        return {"kind": "refused", "problems": refused.problems}
    most = run.staff.settings.mission_tasks
    if isinstance(decision, Delegate) and len(decision.plan.tasks) > most:
        many = len(decision.plan.tasks)
        return {"kind": "refused", "problems": [f"The plan has {many} tasks, {most} are allowed: merge related ones."]}
    return decision.model_dump(mode="json")


async def plan(state: MissionState, runtime: Context) -> MissionState:
    """Answer, ask, or hand out tasks; a plan that breaks the rules may be repaired once."""
    run = runtime.context
    await know(run, state)
    if (straight := straight_plan(run)) is not None:
        return _delegated(run, straight)
    number = state.get("plannings", 0)
    problems = state.get("problems", [])  # why the user wants another plan
    for _ in range(2):
        number += 1
        step = "plan" if number == 1 else f"plan.{number}"
        if step not in run.record.replies:
            await run.control.gate()
        decided = await chief_plans(step, problems)
        if decided["kind"] != "refused":
            return {"plannings": number, "problems": []} | _decided(run, decided)
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
    if run.shows_plans:
        tasks = [t.model_dump(mode="json") for t in made.tasks]
        return {"decision": "approve", "tasks": tasks, "note": made.note}
    return _delegated(run, made)


def _delegated(run: MissionRun, made: Plan) -> MissionState:
    run.emit(PlanMade(mission_id=run.mission.id, version=1, tasks=made.tasks, note=made.note))
    tasks = [t.model_dump(mode="json") for t in made.tasks]
    return {"decision": "delegate", "tasks": tasks, "todo": [t.id for t in made.tasks], "note": made.note}


async def ask(state: MissionState, runtime: Context) -> MissionState:
    """Put the Chief's question to the user and wait, without holding a place, for as long as it takes."""
    run = runtime.context
    asked = state.get("answers", [])
    if len(asked) >= QUESTIONS:
        raise BudgetSpent("This mission", "questions", str(QUESTIONS))
    step = f"ask.{len(asked) + 1}"
    if step not in run.record.standing.questions:
        run.tell(QuestionAsked(mission_id=run.mission.id, step=step, question=state["question"]))
    answer = interrupt(state["question"])
    return {"answers": [*asked, (state["question"], str(answer))]}


async def delegate(state: MissionState, runtime: Context) -> MissionState:
    """Let all tasks run at once, each as soon as those it needs are done; none takes another down with it."""
    run = runtime.context
    await know(run, state)
    tasks = [Task.model_validate(t) for t in state["tasks"] if t["id"] in state["todo"]]
    # A crash can take the last milliseconds of the journal, and leave the graph's position.
    if any(t.id not in run.record.standing.tasks for t in tasks):
        every, version = tuple(map(Task.model_validate, state["tasks"])), state.get("version", 1)
        run.tell(PlanMade(mission_id=run.mission.id, version=version, tasks=every, note=state.get("note", "")))
    known = {r["task_id"]: Report.model_validate(r) for r in state.get("reports", [])}
    futures: dict[str, Awaitable[dict[str, Any]]] = {}
    # Created in one fixed order, never later: LangGraph knows a call by its place, not by its arguments.
    for todo in in_order(tasks):
        given = delegate_task(run, todo, len(tasks))
        done = tuple(known[n] for n in todo.needs if n in known)
        needs = [futures[n] for n in todo.needs if n in futures]
        futures[todo.id] = operator(given.model_copy(update={"found": done}), needs)
    outcomes = await run.control.all(list(futures.values()), return_exceptions=True)
    reports = [_reported(run, t, o) for t, o in zip(in_order(tasks), outcomes, strict=True)]
    for said in map(Report.model_validate, reports):
        if run.record.standing.tasks.get(said.task_id, Status.PENDING) not in ENDED:  # see above
            run.tell(task_ended(run, said))
    return {"reports": [*state.get("reports", []), *reports], "todo": []}


def _reported(run: MissionRun, todo: Task, outcome: dict[str, Any] | BaseException) -> dict[str, Any]:
    """Take a task's report; a bug in it is logged under an id and ends this task alone."""
    if isinstance(outcome, dict):
        return outcome
    if not isinstance(outcome, Exception) or isinstance(outcome, Conflict | StoreUnavailable):
        raise outcome  # no fault of the task: another attempt has the mission, or nothing can be written just now
    error_id = new_id()[:8]
    log.error("task %s failed, error %s", todo.id, error_id, exc_info=outcome)
    words = f"Something went wrong in this task (error {error_id}); the log has the details."
    about = {"task_id": todo.id, "operator": todo.operator}
    lost = Report(**about, status=Status.FAILED, summary=words, problem=words, cause=BUG)
    run.emit(task_ended(run, lost))
    return lost.model_dump(mode="json")


@task
async def chief_reports(step: str, reports: Sequence[Report], shortfall: str) -> str:
    """Let the Chief write the answer from what the operators reported, with what the user said late."""
    run = current_run()
    assert run.brief is not None
    late = [order for order in run.record.standing.open_orders if order.kind is OrderKind.INSTRUCT]
    told = "".join(f"\nWhile the work ran, the user added: {order.text}" for order in late)
    site = CallSite(role="chief", step=step, heard=tuple(order.id for order in late))
    reply = await run.staff.chief.report(run.brief, reports, site, f"{shortfall}{told}".strip())
    return reply.text


async def report(state: MissionState, runtime: Context) -> MissionState:
    """Write the answer; if no model can, list what the operators delivered. Nothing at all if a task is wanted again first."""
    run = runtime.context
    await know(run, state)
    reports = latest(state)
    if "report" not in run.record.replies:
        await run.control.gate()
    if wanted_again(run, state):
        return {"answer": ""}
    run.record.standing.answering = True  # from here on, an order to try a task again comes too late
    if straight := straight_answer(run, reports):
        return {"answer": straight, "shortfall": ""}
    shortfall = " ".join(part for part in (state.get("shortfall", ""), aftermath(outcomes_of(state))) if part)
    try:
        text = await chief_reports("report", reports, shortfall)
        reason = "The model gave no text."
    except (BudgetSpent, ModelUnavailable) as error:
        text, reason = "", str(error)
    return {"answer": text if text.strip() else plain_report(reports, reason), "shortfall": shortfall}


def plain_report(reports: Sequence[Report], reason: str) -> str:
    """Write the answer by code, from reports alone, and say why no model wrote it."""
    parts = [f"The closing answer could not be written: {reason} This is what the operators delivered."]
    for r in reports:
        state = "partial" if r.partial else r.status.value
        parts.append(f"**{r.task_id}, {r.operator} ({state})**\n\n{r.result or r.summary or r.problem}")
    return "\n\n".join(parts)
