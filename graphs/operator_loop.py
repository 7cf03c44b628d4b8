"""One operator at one task: think, act, think ... until it finishes or a limit ends it; subtasks are the same, one level down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine, Sequence
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from agents.llm.calls import CallSite
from core.budget import Usage
from core.decisions import Act, Finish, Reply, ToolCall
from core.errors import BudgetSpent, ModelUnavailable, StaffworkError
from core.events import ModelReplied, ToolReturned
from core.missions import ENDED, Delegation, Envelope, Report, Status
from core.ports import ToolContext
from core.steering import StepReleased
from graphs.approving import as_changed
from graphs.control import TaskCancelled
from graphs.delegating import (
    delegate_subtask,
    delegation_message,
    note_message,
    report_message,
    unread,
    useful_tools,
)
from graphs.ladder import NEEDS, REHEARSAL
from graphs.mission_run import MissionRun, current_run
from graphs.operator_work import (
    Work,
    cut_short,
    limit_reached,
    lost_operator,
    pictures_of,
    task_ended,
    task_started,
)
from graphs.outcomes import line_of
from graphs.provisioning import may_use, provided, reach
from graphs.recording import outcome_of, reply_of
from graphs.tainting import folder_of, links_found, said_by_user, taint_of
from graphs.tasking import task
from graphs.waiting import ask, call_settled, hold

Result = dict[str, Any]


@task
async def think(delegation: Delegation, transcript: list[BaseMessage], step: str) -> str:
    """Ask the operator's model once; returns the step under which the reply is on record."""
    return await _think(delegation, transcript, step)


async def _think(delegation: Delegation, transcript: list[BaseMessage], step: str) -> str:
    run = current_run()
    seen = [i for m in transcript if isinstance(m, HumanMessage) for i in m.additional_kwargs.get("heard", ())]
    notes = unread(run, delegation.task.id, seen)
    told = [_note(n) for n in notes]
    site = CallSite(
        role="operator",
        step=step,
        task_id=delegation.task.id,
        operator=delegation.task.operator,
        heard=tuple(n.message_id for n in notes),
    )
    tools = run.staff.toolbox.offer(useful_tools(run, delegation))
    await run.staff.operator.think(delegation, [*transcript, *told], tools, site)
    return step


async def thought(run: MissionRun, delegation: Delegation, transcript: list[BaseMessage], step: str) -> ModelReplied:
    """Return the reply of a step. LangGraph may know of a call that the journal lost with the last milliseconds of a
    crash, or (the place being the same) of another one: then it is made outside of LangGraph's count."""
    if await think(delegation, transcript, step) != step or step not in run.record.replies:
        await _think(delegation, transcript, step)
    return run.record.replies[step]


@task
async def act(delegation: Delegation, call: ToolCall, step: str) -> str:
    """Call one tool through the gate; returns the step under which the outcome is on record."""
    return await _use(delegation, call, step)


async def _use(delegation: Delegation, call: ToolCall, step: str) -> str:
    run = current_run()
    context = ToolContext(
        mission_id=run.mission.id,
        conversation_id=run.mission.conversation_id,
        user_id=run.mission.user_id,
        task_id=delegation.task.id,
        step=step,
        granted=may_use(run, delegation),
        reach=reach(run, delegation),
        attachments=delegation.attachments,
        attempt=run.attempt,
        operator=delegation.task.operator,
        tainted=taint_of(run, delegation.task.id),
        folder=folder_of(run),
        said=said_by_user(run, delegation),
        links=links_found(run),
    )
    await call_settled(run, call, context)
    return step


def _note(message: Envelope) -> HumanMessage:
    kind = "New instruction from the user" if message.message_type == "instruction" else f"Note from {message.sender}"
    return HumanMessage(f"{kind}: {message.content}", additional_kwargs={"heard": [message.message_id]})


@task
async def operator(delegation: Delegation, needs: Sequence[Awaitable[Result]]) -> Result:
    """Do one delegated task to its end; never raises for what a model, a tool or a limit did. Returns a Report as data."""
    run = current_run()
    with run.control.resting():
        found = [await settled(need) for need in needs]
    offered, given = await provided(run, delegation)
    delegation = delegation.model_copy(update={"found": (*delegation.found, *found), "contexts": given})
    run.at_work[delegation.task.id] = delegation.task.operator
    _take_up(run, delegation, offered)
    run.send(delegation_message(run, delegation))
    report = lost_operator(run, delegation.task) or await _report_of(run, delegation)
    run.at_work.pop(delegation.task.id, None)
    run.send(report_message(run, delegation, report))
    run.emit(task_ended(run, report))
    return report.model_dump(mode="json")


def _take_up(run: MissionRun, delegation: Delegation, offered: tuple[str, ...] | None) -> None:
    """Say that the task begins; of one that rested in an earlier attempt, that it goes on."""
    task_id = delegation.task.id
    if task_id in run.record.started:
        run.control.goes_on(task_id)
    else:
        run.tell(task_started(run, delegation, offered))


async def settled(need: Awaitable[Result]) -> Report:
    """Wait for another task without taking it down when this one is cancelled."""
    return Report.model_validate(await asyncio.shield(need))


async def _report_of(run: MissionRun, delegation: Delegation) -> Report:
    task_id, seconds = delegation.task.id, run.staff.settings.task_seconds
    # What it needs; of work that was sent back, the earlier report of its own is none of that.
    found = [r for r in delegation.found if line_of(r.task_id) != line_of(task_id)]
    lost = [r.task_id for r in found if r.status is not Status.COMPLETED]
    work = Work(delegation, run.staff.operator.opening(delegation))
    if found and len(lost) == len(found):
        reason = f"It needed {', '.join(lost)}, which did not succeed."
        return work.report(Status.FAILED, reason, problem=reason, cause=NEEDS)
    try:
        run.may_start_task(task_id)
        return Report.model_validate(await run.control.task(task_id, _work(run, work), seconds))
    except TaskCancelled as cancelled:
        cause = run.record.standing.stuck_in.get(task_id, "") if cancelled.status is Status.FAILED else "user"
        return work.report(cancelled.status, str(cancelled), problem=str(cancelled), cause=cause)
    except TimeoutError:
        return cut_short(run, work, BudgetSpent(f"Task {task_id}", "seconds", f"{seconds:g}"))
    except BudgetSpent as spent:
        return cut_short(run, work, spent)
    except ModelUnavailable as error:
        return work.report(Status.FAILED, f"The model could not be used: {error}", problem=str(error), cause=error.kind)


async def _work(run: MissionRun, work: Work) -> Report:
    steps = run.staff.roster.get(work.delegation.task.operator).steps or run.staff.settings.task_steps
    for number in range(1, steps + 1):
        work.delegation.budget.check(work.used, f"Task {work.delegation.task.id}")
        step = f"{work.delegation.task.id}/{number}"
        if step not in run.record.replies:
            await run.control.gate(work.delegation.task.id)
        if number == 1 and (skipped := await _begin(run, work, step)):
            return skipped
        replied = await thought(run, work.delegation, work.transcript, step)
        reply = reply_of(replied)
        work.used += reply.usage
        heard = [m for m in run.mail if m.message_id in replied.heard]
        work.transcript.extend(_note(m) for m in heard)
        match run.staff.operator.decide(reply):
            case Finish() as end:
                problem = "" if end.status == "completed" else end.summary
                cause = REHEARSAL if problem and reply.model.startswith(REHEARSAL) else ""
                claims = run.record.accounts.claims(work.delegation.task.id, end.did)
                about = {"problem": problem, "cause": cause, "claims": claims}
                return work.report(Status(end.status), end.summary, end.result, **about)
            case Act() as wish:
                await _act(run, work, wish, reply, step)
    raise BudgetSpent(f"Task {work.delegation.task.id}", "steps", str(steps))


async def _begin(run: MissionRun, work: Work, step: str) -> Report | None:
    """Let step mode hold the task before its first step; a report if the user skipped it."""
    if step in run.record.replies and step not in run.record.standing.released:
        return None
    task_ = work.delegation.task
    released = await hold(run, work.delegation, "think", step, f"{task_.operator} begins {task_.id}: {task_.goal}")
    if released is not None and released.choice == "skip":
        words = "The user skipped this task."
        return work.report(Status.CANCELLED, words, problem=words)
    if released is not None and released.choice == "edit":
        work.transcript.append(HumanMessage(f"Instruction from the user: {released.text}"))
    return None


async def _act(run: MissionRun, work: Work, wish: Act, reply: Reply, step: str) -> None:
    work.last_text = wish.text or work.last_text
    calls = [{"name": c.name, "args": c.arguments, "id": c.id, "type": "tool_call"} for c in wish.calls]
    work.transcript.append(AIMessage(reply.text, tool_calls=calls))
    # Created in the order of the reply, never later: LangGraph knows a call by its place, not by its arguments.
    doing = [_start(run, work, call, f"{step}.{i}") for i, call in enumerate(wish.calls)]
    for i, (call, outcome) in enumerate(zip(wish.calls, await run.control.all(doing), strict=True)):
        seen = pictures_of(run, f"{step}.{i}")
        work.transcript.append(ToolMessage(outcome, tool_call_id=call.id, name=call.name, additional_kwargs=seen))


def _start(run: MissionRun, work: Work, call: ToolCall, step: str) -> Coroutine[Any, Any, str]:
    match call.name:
        case "start_subtask":
            return _subtask(run, work, call)
        case "send_message" | "flag_for_review":
            return _send(run, work, call, step)
        case "ask_user":
            return _ask(run, work, call, step)
        case _:
            return _tool(run, work, call, step)


async def _tool(run: MissionRun, work: Work, call: ToolCall, step: str) -> str:
    released = run.record.standing.released.get(step)
    if step not in run.record.returns:
        await run.control.gate(work.delegation.task.id)
        words = run.staff.toolbox.intent(call)
        released = await hold(run, work.delegation, "act", step, words, tool=call.name, arguments=call.arguments)
    call, changed = _released(run, work, call, released)
    if await act(work.delegation, call, step) != step or step not in run.record.returns:
        await _use(work.delegation, call, step)  # see `thought`
    outcome, changed = outcome_of(run.record.returns[step]), changed + as_changed(run, step)
    work.note_outcome(outcome)
    work.used += Usage(tool_calls=1)
    return changed + work.told(outcome, step)


def _released(run: MissionRun, work: Work, call: ToolCall, released: StepReleased | None) -> tuple[ToolCall, str]:
    """Do what the user chose for a held call; returns the call to make and what the operator must know of the choice."""
    if released is not None and released.choice == "skip" and released.step not in run.record.returns:
        words = "The user skipped this call. Do without it, or finish."
        about = {"mission_id": run.mission.id, "task_id": work.delegation.task.id, "step": released.step}
        run.keep(
            ToolReturned(
                **about, tool=call.name, status="refused", output=words, size=len(words), seconds=0.0, tainted=False
            )
        )
    if released is not None and released.choice == "edit":
        changed = call.model_copy(update={"arguments": released.arguments or {}})
        return changed, f"[The user changed the arguments to {changed.arguments}.]\n"
    return call, ""


async def _ask(run: MissionRun, work: Work, call: ToolCall, step: str) -> str:
    told, answer = await ask(run, work.delegation, call, step)
    if answer is not None and answer.attachments:
        files = (*work.delegation.attachments, *answer.attachments)
        work.delegation = work.delegation.model_copy(update={"attachments": files})
    return told


async def _send(run: MissionRun, work: Work, call: ToolCall, step: str) -> str:
    try:
        message = note_message(run, work.delegation, call, step)
    except StaffworkError as refusal:
        return f"[refused] {refusal}"
    run.send(message)
    if message.message_type == "flag":
        work.flags.append(message.content)
        return "Flagged: the reviewer and the user will see it with your report."
    return "Sent."


async def _subtask(run: MissionRun, work: Work, call: ToolCall) -> str:
    work.subtasks += 1
    try:
        delegation = delegate_subtask(run, work.delegation, call, work.subtasks)
        run.may_start_task(delegation.task.id)
    except StaffworkError as refusal:
        run.emit(limit_reached(run, work.delegation.task.id, "delegation", "", str(refusal)))
        return f"[refused] {refusal}"
    [done] = await run.control.all([operator(delegation, [])])
    report = Report.model_validate(done)
    if run.record.standing.tasks.get(report.task_id, Status.PENDING) not in ENDED:
        run.tell(task_ended(run, report))  # a crash may have taken it from the journal, and left it to the graph
    work.used += report.usage
    work.sources.extend(report.sources)
    work.artifacts.extend(report.artifacts)
    work.flags.extend(report.flags)
    state = "partly done" if report.partial else report.status.value
    return f"Subtask {report.task_id} by {report.operator}: {state}.\n{report.result or report.summary}"
