"""Where a plan waits for the user, in missions that want it: nobody works on a task before it was accepted."""

from __future__ import annotations

import asyncio

from core.events import PlanMade
from core.missions import Status, Task
from core.steering import PlanDecided, PlanProposed
from graphs.control import Verdict
from graphs.mission_run import MissionRun
from graphs.mission_state import Context, MissionState, know

REPLANS = 1
"""How often a plan is made anew because the user wants another; then they change it themselves, accept it or stop."""


async def approve(state: MissionState, runtime: Context) -> MissionState:
    """Show the plan and wait, without holding a place, for as long as it takes; go on with what the user accepted."""
    run = runtime.context
    await know(run, state)
    number = state.get("proposals", 0) + 1
    decided = await _decision(run, state, f"approve.{number}", again=number <= REPLANS)
    match decided.choice:
        case "stop":
            run.control.end(Verdict(Status.CANCELLED, "You stopped this mission at its plan."))
            await asyncio.Future()  # the end comes as a cancellation
        case "replan":
            before = "; ".join(f"{t['operator']}: {t['goal']}" for t in state["tasks"])
            problems = [f"The user read the plan ({before}) and wants another one: {decided.reason}"]
            return {"decision": "plan", "proposals": number, "problems": problems}
    note = state.get("note", "")
    run.emit(PlanMade(mission_id=run.mission.id, version=1, tasks=decided.tasks, note=note))
    tasks = [t.model_dump(mode="json") for t in decided.tasks]
    return {"decision": "delegate", "proposals": number, "tasks": tasks, "todo": [t.id for t in decided.tasks]}


async def _decision(run: MissionRun, state: MissionState, step: str, *, again: bool) -> PlanDecided:
    """Return what the user said of a plan; one that is on record as decided is not asked about again."""
    standing = run.record.standing
    if step not in standing.plan_decisions:
        if step not in standing.proposals:
            run.tell(
                PlanProposed(
                    mission_id=run.mission.id,
                    step=step,
                    tasks=tuple(map(Task.model_validate, state["tasks"])),
                    note=state.get("note", ""),
                    choices=("accept", "edit", "replan", "stop") if again else ("accept", "edit", "stop"),
                    operators=tuple(p.name for p in run.staff.roster.enabled()),
                    most=run.staff.settings.mission_tasks,
                )
            )
        await run.control.wait(step, Status.WAITING_APPROVAL, None)
    return standing.plan_decisions[step]
