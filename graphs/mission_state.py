"""Where a mission stands on its course, in plain data; the texts of calls are in the journal, not here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from langgraph.runtime import Runtime

from core.events import PlanMade
from core.missions import ENDED, Report, Source, Status, Task
from graphs.mission_run import MissionRun
from graphs.operator_work import task_ended
from graphs.outcomes import Outcomes


class MissionState(TypedDict, total=False):
    """The channels of the mission graph; SQLite rewrites all of them at each superstep, so they stay small."""

    goal: str  # for people who open the graph in a studio; missions carry theirs in the runtime context
    decision: str  # answer | ask | approve | plan | delegate
    proposals: int  # how often a plan was shown to the user
    plannings: int
    problems: list[str]
    question: str
    answers: list[tuple[str, str]]
    tasks: list[dict[str, Any]]  # only ever appended to
    version: int  # of the plan
    todo: list[str]
    note: str
    reports: list[dict[str, Any]]
    rounds: int  # how often work was sent back
    reviews: int
    reviewed: int  # how many reports there were at the last review
    choices: list[str]  # what the user said when nothing had come of the work
    declined: list[str]  # tasks the user wanted tried again, for which there was no room
    shortfall: str
    answer: str


Context = Runtime[MissionRun]


async def know(run: MissionRun, state: MissionState) -> None:
    """Make sure that the brief is at hand, also after a restart, and includes what the user answered.

    What a crash took from the journal's last milliseconds, and the graph still knows, is told again: the ends of tasks.
    """
    for said in map(Report.model_validate, state.get("reports", [])):
        if run.record.standing.tasks.get(said.task_id, Status.PENDING) not in ENDED:
            run.tell(task_ended(run, said))
    if run.brief is None:
        found = await run.staff.briefing.assemble(run.mission, run.record.recalled)
        run.brief = found.model_copy(update={"contexts": await _contexts(run)})
    told = {"answers": tuple((q, a) for q, a in state.get("answers", ())), "language": run.mission.choices.language}
    run.brief = run.brief.model_copy(update=told)


async def _contexts(run: MissionRun) -> tuple[Source, ...]:
    """Choose the context documents that the Chief is given: once in a mission, whatever is changed in them meanwhile."""
    if run.record.brief is not None:
        return run.record.brief.contexts
    kept, mission = run.staff.contexts, run.mission
    return await kept.choose(mission.user_id, mission.goal) if kept else ()


def outcomes_of(state: MissionState) -> Outcomes:
    """Take the tasks and their reports out of the state."""
    return Outcomes(
        map(Task.model_validate, state.get("tasks", [])), map(Report.model_validate, state.get("reports", []))
    )


def latest(state: MissionState) -> list[Report]:
    """List one report per planned task: of a task that was done again, the newest that came to something."""
    return list(outcomes_of(state).standing.values())


def extended(run: MissionRun, state: MissionState, more: Sequence[Task], note: str) -> MissionState:
    """Append tasks to the plan, as its next version, and have them done; must be called from a node."""
    version = state.get("version", 1) + 1
    tasks = [*state["tasks"], *(t.model_dump(mode="json") for t in more)]
    every = tuple(map(Task.model_validate, tasks))
    run.emit(PlanMade(mission_id=run.mission.id, version=version, tasks=every, note=note))
    return {"tasks": tasks, "todo": [t.id for t in more], "version": version}
