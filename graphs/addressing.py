"""Work that goes to operators without a plan: those the person named in the message, or talks to in this conversation."""

from __future__ import annotations

import re
from collections.abc import Sequence

from agents.roster import Roster
from core.missions import Plan, Report, Status, Task
from graphs.mission_run import MissionRun

_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|^>.*$", re.DOTALL | re.MULTILINE)
_NAME = re.compile(r"(?<![\w@.])@([A-Za-z][A-Za-z0-9_-]{1,39})(?![\w@-]|\.\w)")
MOST_NAMED = 5


def named_in(text: str, roster: Roster) -> tuple[str, ...]:
    """Name the operators that a text addresses as @name or @title, in that order; in code and quotes nobody is.

    Whoever is not known is left as text.
    """
    names = {_plain(p.title): p.name for p in roster.enabled()}
    names |= {_plain(p.name): p.name for p in roster.enabled()}
    found = (names.get(_plain(m[1])) for m in _NAME.finditer(_CODE.sub(" ", text)))
    return tuple(dict.fromkeys(name for name in found if name))[:MOST_NAMED]


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


def addressed(run: MissionRun) -> tuple[str, ...]:
    """Name the operators a mission goes to: those in its message, else those the conversation talks to; () is the Chief."""
    roster = run.staff.roster
    enabled = {p.name for p in roster.enabled()}
    chosen = tuple(name for name in run.mission.choices.operators if name in enabled)
    return named_in(run.mission.goal, roster) or chosen


def straight_plan(run: MissionRun) -> Plan | None:
    """Give each operator that is addressed the whole message as its task; None if the Chief is to decide."""
    operators = addressed(run)
    if not operators:
        return None
    tasks = tuple(Task(id=f"t{n}", operator=name, goal=run.mission.goal) for n, name in enumerate(operators, 1))
    return Plan(tasks=tasks, note="You asked for them by name." if len(tasks) > 1 else "You asked for this operator.")


def straight_answer(run: MissionRun, reports: Sequence[Report]) -> str:
    """Return the words of the one operator that was addressed, when it is done; "" if the Chief is to write the answer."""
    if len(addressed(run)) != 1 or len(reports) != 1 or run.record.standing.planned.keys() != {"t1"}:
        return ""
    [report] = reports
    done = report.status is Status.COMPLETED and not report.partial
    return (report.result or report.summary) if done else ""
