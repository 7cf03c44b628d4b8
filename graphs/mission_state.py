"""Where a mission stands on its course, in plain data; the texts of calls are in the journal, not here."""

from __future__ import annotations

from typing import Any, TypedDict

from langgraph.runtime import Runtime

from core.missions import Report, Status
from graphs.mission_run import MissionRun


class MissionState(TypedDict, total=False):
    """The channels of the mission graph; SQLite rewrites all of them at each superstep, so they stay small."""

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


async def know(run: MissionRun, state: MissionState) -> None:
    """Make sure that the brief is at hand, also after a restart, and includes what the user answered."""
    if run.brief is None:
        run.brief = await run.staff.briefing.assemble(run.mission, run.record.recalled)
    run.brief = run.brief.model_copy(update={"answers": tuple((q, a) for q, a in state.get("answers", ()))})


def latest(state: MissionState) -> list[Report]:
    """List one report per planned task: of a task that was done again, the newest that came to something."""
    newest: dict[str, Report] = {}
    for report in (Report.model_validate(r) for r in state.get("reports", [])):
        name = report.task_id.split("-again")[0]
        if name not in newest or report.status is Status.COMPLETED:
            newest[name] = report
    return list(newest.values())
