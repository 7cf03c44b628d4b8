"""What becomes of failed tasks: each climbs the ladder a bounded number of times, then the user is asked; what the user wants
tried again is tried again.

The node decides from the state and the record alone. A decision that is on record (a newer plan) is kept after a crash.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta

from core.errors import BudgetSpent, NotFound
from core.events import LimitReached, QuestionAnswered, QuestionAsked
from core.missions import Status, Task, in_order, now
from graphs.control import Verdict
from graphs.ladder import (
    NEEDS,
    REHEARSAL,
    Ways,
    changed,
    climbed,
    other_operator,
    rung_for,
    stronger_model,
    with_needs,
)
from graphs.mission_run import MissionRun
from graphs.mission_state import Context, MissionState, extended, outcomes_of
from graphs.ordering import RECOVER, TRY_AGAIN
from graphs.outcomes import Outcomes, is_retry, line_of, shortened

GO_ON, STOP = "Go on without it", "Stop"
BY_USER = "You asked to try it again."
_LONGEST_QUESTION = 800  # characters


async def recover(state: MissionState, runtime: Context) -> MissionState:
    """Append to the plan what is to be tried again, if anything is."""
    run = runtime.context
    if (made := _on_record(run, state)) is not None:
        return made
    outcomes, wanted, asked = outcomes_of(state), wanted_again(run, state), state.get("choices", [])
    if not outcomes.failed and not wanted:
        return {}
    more, choices = _chosen(run, outcomes, wanted), _choices(run, state)
    if not more and _may_ask(run, outcomes, asked):
        choices = [*asked, await _choice(run, outcomes, f"{RECOVER}{len(asked) + 1}")]
        wanted = wanted_again(run, state)
        more = _chosen(run, outcomes, wanted or _every(outcomes, choices[-1]))
    rest: MissionState = {"choices": choices}
    if left := [t for t in wanted if t not in {m.instead_of for m in more}]:
        rest["declined"] = [*state.get("declined", []), *left]
    if not more:
        return rest
    note = f"Another try for {', '.join(line_of(t.id) for t in more)}."
    return rest | extended(run, state, more, note)


def wanted_again(run: MissionRun, state: MissionState) -> list[str]:
    """List the tasks that the user wants tried again and that were not yet, each once."""
    tried = {t.get("instead_of") for t in state["tasks"]} | set(state.get("declined", []))
    return [t for t in dict.fromkeys(run.record.standing.to_retry) if t not in tried]


def _on_record(run: MissionRun, state: MissionState) -> MissionState | None:
    """Take a decision back that was made before a crash, as everybody who watches has seen it."""
    made = run.record.standing.plans.get(state.get("version", 1) + 1)
    known = {t["id"] for t in state["tasks"]}
    more = [t for t in made.tasks if t.id not in known] if made else []
    if made is None or not more or not all(is_retry(t.id) for t in more):
        return None  # there is none, or it is the reviewer's
    decided: MissionState = {"choices": _choices(run, state)}
    return decided | extended(run, state, more, made.note)


def _choices(run: MissionRun, state: MissionState) -> list[str]:
    """List what the user chose, with the answer to a question that was open when this node worked last."""
    choices = state.get("choices", [])
    answer = run.record.standing.answers.get(f"{RECOVER}{len(choices) + 1}")
    return [*choices, answer.answer or GO_ON] if answer else choices


# --- what is tried again ----------------------------------------------------------------------------------------------


def _chosen(run: MissionRun, outcomes: Outcomes, wanted: Sequence[str]) -> list[Task]:
    """Choose the tasks to do again, those they need first: what a person wants, and each failed task on its next rung."""
    settings = run.staff.settings
    try:
        run.check_budget()
    except BudgetSpent as spent:
        if wanted:
            _say(run, spent.limit, spent.allowed, f"{', '.join(wanted)} cannot be tried again. {spent}")
        return []
    chosen = {line_of(t.id): t.model_copy(update={"why": BY_USER}) for t in _with_what_they_need(outcomes, wanted)}
    for task in outcomes.failed:
        ways, cause = _ways(run, outcomes, task), outcomes.cause(task.id)
        rung = rung_for(cause, climbed(task, outcomes), settings.recovery_tries, ways)
        if rung is not None and line_of(task.id) not in chosen:
            chosen[line_of(task.id)] = changed(task, rung, ways, outcomes.problem(task.id))
    more = in_order(with_needs(outcomes, chosen))
    room = max(settings.mission_tasks - len(run.started | set(outcomes.tasks)), 0)
    if left := more[room:]:
        words = f"{', '.join(t.instead_of for t in left)} cannot be tried again: the mission has had all its tasks."
        _say(run, "tasks", str(settings.mission_tasks), words)
    return more[:room]


def _say(run: MissionRun, limit: str, allowed: str, words: str) -> None:
    run.tell(LimitReached(mission_id=run.mission.id, limit=limit, allowed=allowed, words=words))


def _every(outcomes: Outcomes, choice: str) -> list[str]:
    return [t.id for t in outcomes.failed] if choice == TRY_AGAIN else []


def _with_what_they_need(outcomes: Outcomes, wanted: Iterable[str]) -> list[Task]:
    """Find the tasks by id; one that failed for want of others would do so again, so those come along."""
    found: dict[str, Task] = {}
    waiting = [outcomes.tasks[t] for t in wanted if t in outcomes.tasks]
    while waiting:
        task = waiting.pop(0)
        if found.setdefault(line_of(task.id), task) is not task or outcomes.cause(task.id) != NEEDS:
            continue
        lines = [line_of(n) for n in task.needs if line_of(n) != line_of(task.id)]
        lost = [n for n in lines if n in outcomes.standing and outcomes.standing[n].status is not Status.COMPLETED]
        waiting += [outcomes.tasks[outcomes.heads[n]] for n in lost]
    return list(found.values())


def _ways(run: MissionRun, outcomes: Outcomes, task: Task) -> Ways:
    """See what could be done differently, from the settings and the roster as they are now."""
    line = [task, *outcomes.before(task)]
    able = {p.name for p in run.staff.roster.enabled()}
    try:
        profile = run.staff.roster.get(task.operator)
        tools, tier = set(profile.tools), profile.tier
    except NotFound:
        tools, tier = set(), "standard"
    used = {r.tool for step, r in run.record.returns.items() if step.startswith(f"{task.id}/")} & tools
    return Ways(
        stronger=stronger_model(run.staff.in_force, tier),
        operator=other_operator(run.staff.roster.enabled(), task.goal, tools, used, {t.operator for t in line}),
        core_by=next((t.operator for t in reversed(line) if t.operator in able), ""),
    )


# --- asking the user --------------------------------------------------------------------------------------------------


def _may_ask(run: MissionRun, outcomes: Outcomes, asked: Sequence[str]) -> bool:
    """Say whether it is time to ask: nothing came of the work, something could still be done, and somebody is there."""
    settings = run.staff.settings
    if outcomes.any_completed or not outcomes.failed or run.mission.unattended == "deny" or not settings.recovery_tries:
        return False
    if all(outcomes.cause(task.id) in (REHEARSAL, NEEDS) for task in outcomes.failed):
        return False  # without a model, trying again changes nothing
    room = len(run.started | set(outcomes.tasks)) < settings.mission_tasks
    return room and (not asked or asked[-1] == TRY_AGAIN) and not _spent(run)


def _spent(run: MissionRun) -> bool:
    try:
        run.check_budget()
    except BudgetSpent:
        return True
    return False


async def _choice(run: MissionRun, outcomes: Outcomes, step: str) -> str:
    """Ask what is to become of the mission, and wait without holding a place; who does not answer goes on without it."""
    standing = run.record.standing
    if step not in standing.answers:
        if step not in standing.questions:
            run.tell(_question(run, outcomes, step))
        if not await run.control.wait(step, Status.WAITING_ANSWER, None, until=standing.questions[step].expires_at):
            run.tell(QuestionAnswered(mission_id=run.mission.id, step=step, answer="", unanswered=True))
    choice = standing.answers[step].answer or GO_ON
    if choice == STOP:
        run.control.end(Verdict(Status.CANCELLED, "You stopped this mission."))
        await asyncio.Future()  # the end comes as a cancellation
    return choice


def _question(run: MissionRun, outcomes: Outcomes, step: str) -> QuestionAsked:
    why = " ".join(dict.fromkeys(outcomes.problem(t.id) for t in outcomes.failed if outcomes.cause(t.id) != NEEDS))
    return QuestionAsked(
        mission_id=run.mission.id,
        step=step,
        question=f"Nothing has come of this so far. {shortened(why, _LONGEST_QUESTION)}\n\nWhat should happen now?",
        form="choice",
        choices=(TRY_AGAIN, GO_ON, STOP),
        expires_at=now() + timedelta(seconds=run.staff.settings.question_seconds),
    )
