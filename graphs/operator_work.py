"""What one operator has done so far at its task, and the report that comes of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import BaseMessage

from agents.llm.pictures import marked
from core.budget import Usage
from core.errors import BudgetSpent, NotFound
from core.events import LimitReached, TaskEnded, TaskStarted
from core.missions import Artifact, Delegation, Report, Source, Status, Task
from core.ports import ToolOutcome
from graphs.delegating import cited
from graphs.ladder import MISSION, NO_OPERATOR
from graphs.mission_run import MissionRun


@dataclass
class Work:
    """What one operator has done so far."""

    delegation: Delegation
    transcript: list[BaseMessage]
    used: Usage = field(default_factory=Usage)
    sources: list[Source] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    subtasks: int = 0
    last_text: str = ""

    def note_outcome(self, outcome: ToolOutcome) -> None:
        self.sources.extend(outcome.sources)
        self.artifacts.extend(outcome.artifacts)
        if outcome.status == "ok":
            self.last_text = outcome.output[:2_000]

    def told(self, outcome: ToolOutcome, step: str) -> str:
        """Say what the operator reads of a call; one that did something names the receipt for it."""
        if outcome.status != "ok":
            return f"[{outcome.status}] {outcome.output}"
        return f"{outcome.output}\nReceipt: {step}" if outcome.risks else outcome.output

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
            flags=tuple(dict.fromkeys(self.flags)),
            usage=self.used,
            **more,
        )
        return draft.model_copy(update={"sources": cited([draft], f"{summary}\n{result}")})


def task_ended(run: MissionRun, report: Report) -> TaskEnded:
    """Say that a task came to its end."""
    return TaskEnded(mission_id=run.mission.id, **report.model_dump(exclude={"artifacts", "cause"}))


def cut_short(run: MissionRun, work: Work, spent: BudgetSpent) -> Report:
    """Report what there is when a limit ends a task: partial if anything was produced, and said so."""
    run.emit(limit_reached(run, work.delegation.task.id, spent.limit, spent.allowed, str(spent)))
    if not work.last_text:
        cause = MISSION if spent.scope == "This mission" else spent.limit
        return work.report(Status.FAILED, str(spent), problem=str(spent), cause=cause)
    summary = f"{spent} What was found until then follows; it may be incomplete."
    return work.report(Status.COMPLETED, summary, work.last_text, partial=True, problem=str(spent))


def limit_reached(run: MissionRun, task_id: str, limit: str, allowed: str, words: str) -> LimitReached:
    return LimitReached(mission_id=run.mission.id, task_id=task_id, limit=limit, allowed=allowed, words=words)


def title_of(run: MissionRun, operator: str) -> str:
    """Name an operator for people, also one that is not there any more."""
    with suppress(NotFound):
        return run.staff.roster.get(operator).title
    return operator


def pictures_of(run: MissionRun, step: str) -> dict[str, Any]:
    """Name the pictures that a call's result is to be shown with, as a message of the transcript names them."""
    returned = run.record.returns.get(step)
    return marked(returned.pictures) if returned is not None else {}


def lost_operator(run: MissionRun, task: Task) -> Report | None:
    """Report a task whose operator was disabled or removed since it was planned; None if it can do it, or has done it."""
    if any(p.name == task.operator for p in run.staff.roster.enabled()):
        return None
    if ended := run.record.ended.get(task.id):
        return Report.model_validate(ended.model_dump(include=set(Report.model_fields)))
    words = f"{title_of(run, task.operator)} is not available any more."
    return Report(
        task_id=task.id,
        operator=task.operator,
        status=Status.FAILED,
        summary=words,
        problem=words,
        cause=NO_OPERATOR,
    )


def task_started(run: MissionRun, delegation: Delegation, offered: tuple[str, ...] | None = None) -> TaskStarted:
    task_ = delegation.task
    return TaskStarted(
        mission_id=run.mission.id,
        task_id=task_.id,
        parent_task_id=delegation.parent_task_id,
        operator=task_.operator,
        title=title_of(run, task_.operator),
        profile_version=delegation.profile_version,
        goal=task_.goal,
        done_when=task_.done_when,
        needs=task_.needs,
        depth=delegation.depth,
        tools=delegation.tools,
        offered=offered,
        contexts=delegation.contexts,
    )
