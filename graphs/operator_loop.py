"""One operator at one task: think, act, think ... until it finishes or a limit ends it; subtasks are the same, one level down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.func import task

from agents.llm.calls import CallSite
from core.budget import Usage
from core.decisions import Act, Finish, Reply, ToolCall
from core.errors import BudgetSpent, ModelUnavailable, StaffworkError
from core.events import LimitReached, ModelReplied, TaskEnded, TaskStarted
from core.missions import Artifact, Delegation, Report, Source, Status
from core.ports import ToolContext, ToolOutcome
from graphs.delegating import (
    cited,
    delegate_subtask,
    delegation_message,
    note_message,
    report_message,
    unread,
    useful_tools,
)
from graphs.mission_run import MissionRun, current_run
from graphs.recording import call_tool, outcome_of, reply_of

Result = dict[str, Any]


@task
async def think(delegation: Delegation, transcript: list[BaseMessage], step: str) -> str:
    """Ask the operator's model once; returns the step under which the reply is on record."""
    return await _think(delegation, transcript, step)


async def _think(delegation: Delegation, transcript: list[BaseMessage], step: str) -> str:
    run = current_run()
    seen = [i for m in transcript if isinstance(m, HumanMessage) for i in m.additional_kwargs.get("heard", ())]
    notes = unread(run, delegation.task.id, seen)
    told = [_note(n.sender, n.content, n.message_id) for n in notes]
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
        granted=delegation.tools,
        attachments=delegation.attachments,
    )
    await call_tool(run, call, context)
    return step


def _note(sender: str, content: str, message_id: str) -> HumanMessage:
    return HumanMessage(f"Note from {sender}: {content}", additional_kwargs={"heard": [message_id]})


@dataclass
class _Work:
    """What one operator has done so far."""

    delegation: Delegation
    transcript: list[BaseMessage]
    used: Usage = field(default_factory=Usage)
    sources: list[Source] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    subtasks: int = 0
    last_text: str = ""

    def note_outcome(self, outcome: ToolOutcome) -> None:
        self.sources.extend(outcome.sources)
        self.artifacts.extend(outcome.artifacts)
        if outcome.status == "ok":
            self.last_text = outcome.output[:2_000]

    def report(self, status: Status, summary: str, result: str = "", **more: Any) -> Report:
        task_ = self.delegation.task
        sources = {(s.file, s.page, s.line, s.quote): s for s in self.sources}
        draft = Report(
            task_id=task_.id,
            operator=task_.operator,
            status=status,
            summary=summary,
            result=result,
            sources=tuple(sources.values()),
            artifacts=tuple({a.id: a for a in self.artifacts}.values()),
            usage=self.used,
            **more,
        )
        return draft.model_copy(update={"sources": cited([draft], f"{summary}\n{result}")})


@task
async def operator(delegation: Delegation, needs: Sequence[Awaitable[Result]]) -> Result:
    """Do one delegated task to its end; never raises for what a model, a tool or a limit did. Returns a Report as data."""
    run = current_run()
    found = [await settled(need) for need in needs]
    delegation = delegation.model_copy(update={"found": (*delegation.found, *found)})
    run.started.add(delegation.task.id)
    run.at_work[delegation.task.id] = delegation.task.operator
    run.emit(_task_started(run, delegation))
    run.send(delegation_message(run, delegation))
    report = await _report_of(run, delegation, found)
    run.at_work.pop(delegation.task.id, None)
    run.send(report_message(run, delegation, report))
    run.emit(task_ended(run, report))
    return report.model_dump(mode="json")


def task_ended(run: MissionRun, report: Report) -> TaskEnded:
    """Say that a task came to its end."""
    return TaskEnded(mission_id=run.mission.id, **report.model_dump(exclude={"artifacts"}))


async def settled(need: Awaitable[Result]) -> Report:
    """Wait for another task without taking it down when this one is cancelled."""
    return Report.model_validate(await asyncio.shield(need))


async def _report_of(run: MissionRun, delegation: Delegation, found: Sequence[Report]) -> Report:
    lost = [r.task_id for r in found if r.status is not Status.COMPLETED]
    work = _Work(delegation, run.staff.operator.opening(delegation))
    if found and len(lost) == len(found):
        reason = f"It needed {', '.join(lost)}, which did not succeed."
        return work.report(Status.FAILED, reason, problem=reason)
    try:
        async with asyncio.timeout(run.staff.settings.task_seconds):
            return await _work(run, work)
    except TimeoutError:
        spent = BudgetSpent(f"Task {delegation.task.id}", "seconds", f"{run.staff.settings.task_seconds:g}")
        return _cut_short(run, work, spent)
    except BudgetSpent as spent:
        return _cut_short(run, work, spent)
    except ModelUnavailable as error:
        return work.report(Status.FAILED, f"The model could not be used: {error}", problem=str(error))


async def _work(run: MissionRun, work: _Work) -> Report:
    steps = run.staff.roster.get(work.delegation.task.operator).steps or run.staff.settings.task_steps
    for number in range(1, steps + 1):
        work.delegation.budget.check(work.used, f"Task {work.delegation.task.id}")
        step = f"{work.delegation.task.id}/{number}"
        replied = await thought(run, work.delegation, work.transcript, step)
        reply = reply_of(replied)
        work.used += reply.usage
        heard = [m for m in run.mail if m.message_id in replied.heard]
        work.transcript.extend(_note(m.sender, m.content, m.message_id) for m in heard)
        match run.staff.operator.decide(reply):
            case Finish() as end:
                problem = "" if end.status == "completed" else end.summary
                return work.report(Status(end.status), end.summary, end.result, problem=problem)
            case Act() as wish:
                await _act(run, work, wish, reply, step)
    raise BudgetSpent(f"Task {work.delegation.task.id}", "steps", str(steps))


async def _act(run: MissionRun, work: _Work, wish: Act, reply: Reply, step: str) -> None:
    work.last_text = wish.text or work.last_text
    calls = [{"name": c.name, "args": c.arguments, "id": c.id, "type": "tool_call"} for c in wish.calls]
    work.transcript.append(AIMessage(reply.text, tool_calls=calls))
    # Created in the order of the reply, never later: LangGraph knows a call by its place, not by its arguments.
    doing = [_start(run, work, call, f"{step}.{i}") for i, call in enumerate(wish.calls)]
    for call, outcome in zip(wish.calls, await asyncio.gather(*doing), strict=True):
        work.transcript.append(ToolMessage(outcome, tool_call_id=call.id, name=call.name))


def _start(run: MissionRun, work: _Work, call: ToolCall, step: str) -> asyncio.Future[str]:
    match call.name:
        case "start_subtask":
            return asyncio.ensure_future(_subtask(run, work, call))
        case "send_message":
            return asyncio.ensure_future(_send(run, work, call, step))
        case _:
            return asyncio.ensure_future(_tool(run, work, call, step))


async def _tool(run: MissionRun, work: _Work, call: ToolCall, step: str) -> str:
    if await act(work.delegation, call, step) != step or step not in run.record.returns:
        await _use(work.delegation, call, step)  # see `thought`
    outcome = outcome_of(run.record.returns[step])
    work.note_outcome(outcome)
    work.used += Usage(tool_calls=1)
    return outcome.output if outcome.status == "ok" else f"[{outcome.status}] {outcome.output}"


async def _send(run: MissionRun, work: _Work, call: ToolCall, step: str) -> str:
    try:
        run.send(note_message(run, work.delegation, call, step))
    except StaffworkError as refusal:
        return f"[refused] {refusal}"
    return "Sent."


async def _subtask(run: MissionRun, work: _Work, call: ToolCall) -> str:
    work.subtasks += 1
    try:
        delegation = delegate_subtask(run, work.delegation, call, work.subtasks)
        run.may_start_task(delegation.task.id)
    except StaffworkError as refusal:
        run.emit(_limit(run, work.delegation.task.id, "delegation", "", str(refusal)))
        return f"[refused] {refusal}"
    report = Report.model_validate(await operator(delegation, []))
    work.used += report.usage
    work.sources.extend(report.sources)
    work.artifacts.extend(report.artifacts)
    state = "partly done" if report.partial else report.status.value
    return f"Subtask {report.task_id} by {report.operator}: {state}.\n{report.result or report.summary}"


def _cut_short(run: MissionRun, work: _Work, spent: BudgetSpent) -> Report:
    """Report what there is when a limit ends a task: partial if anything was produced, and said so."""
    run.emit(_limit(run, work.delegation.task.id, spent.limit, spent.allowed, str(spent)))
    if not work.last_text:
        return work.report(Status.FAILED, str(spent), problem=str(spent))
    summary = f"{spent} What was found until then follows; it may be incomplete."
    return work.report(Status.COMPLETED, summary, work.last_text, partial=True, problem=str(spent))


def _limit(run: MissionRun, task_id: str, limit: str, allowed: str, words: str) -> LimitReached:
    return LimitReached(mission_id=run.mission.id, task_id=task_id, limit=limit, allowed=allowed, words=words)


def _task_started(run: MissionRun, delegation: Delegation) -> TaskStarted:
    task_ = delegation.task
    return TaskStarted(
        mission_id=run.mission.id,
        task_id=task_.id,
        parent_task_id=delegation.parent_task_id,
        operator=task_.operator,
        title=run.staff.roster.get(task_.operator).title,
        profile_version=delegation.profile_version,
        goal=task_.goal,
        done_when=task_.done_when,
        needs=task_.needs,
        depth=delegation.depth,
        tools=delegation.tools,
    )
