"""The ladder that a failed task climbs, each rung once: pure rules over the tasks of a plan and what came of them.

How far a task has come is read off the tasks themselves (another model, another operator, a shorter goal), so that a restart
finds it again.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise

from agents.roster import Profile
from core.missions import Status, Task
from core.settings import Settings
from graphs.outcomes import Outcomes, another_id, is_retry, line_of, shortened

NO_OPERATOR, NEEDS, MISSION, BUG = "operator", "needs", "mission", "bug"
"""Causes (see `Report.cause`): nobody to do it, what it needs failed, the mission's budget is spent, an error of ours."""
REHEARSAL = "rehearsal"
"""The cause where no language model is connected: nobody in the house could do better."""
TRANSIENT = frozenset({
    "rate_limit", "server", "timeout", "connection", "cut_stream", "bad_reply", "seconds", "no_progress",
})  # fmt: skip
"""Causes that may be gone when the same is tried once more."""
_HOPELESS = frozenset({NEEDS, MISSION, REHEARSAL, "budget", "user"})
_UNREACHABLE = frozenset({"auth", "credit", "not_found", "connection", "rate_limit"})
"""Causes that lie with the model's provider: nobody who asks the same model would get further, however short the goal."""

_CORE, _LONGEST_CORE = "Do only the core of this: ", 1_000


class Rung(IntEnum):
    """What is done differently, from the least to the most."""

    RETRY = 1
    MODEL = 2
    OPERATOR = 3
    BRIEF = 4


_WORDS = {
    Rung.RETRY: "It is tried once more as it was",
    Rung.MODEL: "It is tried with a stronger model",
    Rung.OPERATOR: "It is given to another operator",
    Rung.BRIEF: "Only its core is tried",
}


def climbed(task: Task, outcomes: Outcomes) -> frozenset[Rung]:
    """Read off which rungs a task has been on since it was planned or sent back."""
    line = [task, *outcomes.before(task)]
    return frozenset(r for new, old in pairwise(line) if (r := _between(old, new)) is not None)


def _between(old: Task, new: Task) -> Rung | None:
    """None for a task tried again with another that it needs, or because a person wished it: these count as no try."""
    if new.goal != old.goal:
        return Rung.BRIEF
    if new.operator != old.operator:
        return Rung.OPERATOR
    if new.model != old.model:
        return Rung.MODEL
    return Rung.RETRY if new.why.startswith(_WORDS[Rung.RETRY]) else None


@dataclass(frozen=True)
class Ways:
    """What could be done differently about one task: whether there is a stronger model, who else could do it, who could
    do its core ("": nobody)."""

    stronger: bool = False
    operator: str = ""
    core_by: str = ""


def rung_for(cause: str, climbed: Collection[Rung], tries: int, ways: Ways) -> Rung | None:
    """Choose the next rung for a task that failed, or None if nothing more is tried; `tries` bounds the rungs."""
    if cause == NO_OPERATOR:  # it was never tried at all, so this is no further try
        return Rung.OPERATOR if ways.operator else None
    if cause in _HOPELESS or len(climbed) >= tries:
        return None
    higher = (rung for rung in Rung if rung > max(climbed, default=0))
    return next((rung for rung in higher if _helps(rung, cause, ways)), None)


def _helps(rung: Rung, cause: str, ways: Ways) -> bool:
    match rung:
        case Rung.RETRY:
            return cause in TRANSIENT
        case Rung.MODEL:
            return ways.stronger
        case Rung.OPERATOR:
            return bool(ways.operator) and cause not in _UNREACHABLE
        case Rung.BRIEF:
            return bool(ways.core_by) and cause not in _UNREACHABLE


def changed(task: Task, rung: Rung, ways: Ways, problem: str) -> Task:
    """Change a task as a rung says, with the reason; its id and needs are still those of the task that failed."""
    why = f"{_WORDS[rung]}: {problem}" if problem else f"{_WORDS[rung]}."
    match rung:
        case Rung.RETRY:
            return task.model_copy(update={"why": why})
        case Rung.MODEL:
            return task.model_copy(update={"why": why, "model": "strong"})
        case Rung.OPERATOR:
            return task.model_copy(update={"why": why, "operator": ways.operator})
        case Rung.BRIEF:
            core = {"operator": ways.core_by, "goal": core_of(task.goal), "done_when": ""}
            return task.model_copy(update={"why": why, **core})


def core_of(goal: str) -> str:
    """Write a simpler brief of a goal."""
    return (
        f"{_CORE}{shortened(goal.removeprefix(_CORE), _LONGEST_CORE)}\n"
        "Leave out everything that is not needed for it; a short, honest part of the answer is enough."
    )


def stronger_model(settings: Settings, tier: str) -> bool:
    """Say whether the settings name another model for hard steps than the one of this tier."""
    by_tier = {"small": settings.model_small, "strong": settings.model_strong}
    return (settings.model_strong or settings.model) != (by_tier.get(tier, "") or settings.model)


def other_operator(
    profiles: Sequence[Profile], goal: str, tools: Collection[str], used: Collection[str], tried: Collection[str]
) -> str:
    """Choose who else could do a task, or "": all the tools it has used, at least half of those it was granted; of these
    the one whose description shares most words with the goal, then the one with most of the tools, then by name."""
    words = _words(goal)

    def fits(profile: Profile) -> bool:
        return set(used) <= set(profile.tools) and 2 * len(set(tools) & set(profile.tools)) >= len(set(tools))

    def order(profile: Profile) -> tuple[int, int, str]:
        return -len(words & _words(profile.matter)), -len(set(tools) & set(profile.tools)), profile.name

    others = sorted((p for p in profiles if p.enabled and p.name not in tried and fits(p)), key=order)
    return others[0].name if others else ""


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w{4,}", text.lower()))


def with_needs(outcomes: Outcomes, chosen: Mapping[str, Task]) -> list[Task]:
    """Complete the tasks to do again (line -> changed task): failed ones that need them come along, each gets its id, and
    needs the newest of what it needs. Sorted as the plan is."""
    chosen, along = dict(chosen), set[str]()
    while more := [t for t in outcomes.failed if _wants(t, outcomes, chosen, along)]:
        for task in more:  # it may have failed for want of these: this is no try of its own
            chosen[line_of(task.id)] = task.model_copy(update={"why": "What it needs is tried again."})
            along.add(line_of(task.id))
    ids = {line: another_id(line, "retry", outcomes.tasks) for line in chosen}
    return [
        chosen[line].model_copy(
            update={"id": ids[line], "instead_of": head, "needs": _needs(outcomes, chosen[line], ids)}
        )
        for line, head in outcomes.heads.items()
        if line in chosen
    ]


def _wants(task: Task, outcomes: Outcomes, chosen: Mapping[str, Task], along: Collection[str]) -> bool:
    line = line_of(task.id)
    if line in along or (line in chosen and outcomes.cause(task.id) == NO_OPERATOR):
        return False
    return any(line_of(need) in chosen for need in task.needs if line_of(need) != line)


def _needs(outcomes: Outcomes, task: Task, ids: Mapping[str, str]) -> tuple[str, ...]:
    def newest(need: str) -> str:
        line = line_of(need)
        if line == line_of(task.id):
            return need  # its own work, sent back: the report is on record
        return ids.get(line) or (outcomes.standing[line].task_id if line in outcomes.standing else need)

    return tuple(dict.fromkeys(newest(need) for need in task.needs))


def aftermath(outcomes: Outcomes) -> str:
    """Say what the user should know of the tasks that were tried again, in plain words; "" if there is nothing to say."""
    lines = []
    for line, report in outcomes.standing.items():
        tries = sum(is_retry(t) and line_of(t) == line for t in outcomes.tasks)
        if report.status is Status.COMPLETED and outcomes.tasks[report.task_id].goal.startswith(_CORE):
            lines.append(f"Of task {line} only the core was done, because the whole of it failed.")
        elif report.status is Status.FAILED and tries:
            lines.append(f"Task {line} failed, and so did {tries} more {'try' if tries == 1 else 'tries'}.")
    return " ".join(lines)
