"""Who may be under a stranger's influence: kept by the runtime, read off what is on record, whatever a model says.

A tool's result from outside taints the task that asked for it. Taint goes where words go: to whoever gets a note, a report or
a task from there, and to what the Chief plans after such a report. What the user says taints nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.events import ToolReturned
from core.missions import EVERYONE, USER, Delegation, Task, operator_address
from core.steering import OrderKind
from graphs.mission_run import MissionRun
from graphs.ordering import files_alone
from graphs.standing import Standing

_TASK = operator_address("")


def taint_of(run: MissionRun, task_id: str) -> str:
    """Say in a sentence of code's own why the operator of a task may not be trusted alone; "" if there is no reason."""
    if words := _of_brief(run):
        return words
    sources = _sources(run.record.returns)
    families = spread(run, set(sources))
    if _family(task_id) not in families:
        return ""
    own = sources.get(_family(task_id))
    return f"It has read what {own} returned." if own else "It was told by others what came from outside."


def folder_of(run: MissionRun) -> str:
    """Say in a sentence of code's own why the files of the conversation may hold a stranger's orders; "" if there is no reason."""
    families = spread(run, set(_sources(run.record.returns)))
    written = any(r.artifacts and _family(r.task_id or "") in families for r in run.record.returns.values())
    return "An operator that has read what came from outside wrote one." if written else ""


def spread(run: MissionRun, tainted: set[str]) -> set[str]:
    """Follow the words: from the families of tasks that read something themselves to all they reached.

    A task and its subtasks are one family: they hand each other goals and reports.
    """
    if not tainted:
        return set()
    while (wider := tainted | _reached(run, tainted)) != tainted:
        tainted = wider
    return tainted


def _reached(run: MissionRun, tainted: set[str]) -> set[str]:
    known = {_family(t) for t in run.started | set(run.record.standing.tasks)}
    sent = [m.recipient for m in run.mail if _family(_task_at(m.sender)) in tainted]
    told = known if EVERYONE in sent else {_family(_task_at(recipient)) for recipient in sent} & known
    planned = run.record.standing.planned.values()
    needing = {t.id for t in planned if tainted & {_family(need) for need in t.needs}}
    first = run.record.standing.plans.get(1)
    later = known - ({t.id for t in first.tasks} if first else set())  # planned when reports were in
    return told | needing | later


def _sources(returns: Mapping[str, ToolReturned]) -> dict[str, str]:
    """Map each family that read something from outside to the tool it used first."""
    found: dict[str, str] = {}
    for returned in returns.values():
        if returned.tainted and returned.task_id:
            found.setdefault(_family(returned.task_id), returned.tool)
    return found


def _of_brief(run: MissionRun) -> str:
    if run.record.brief is not None and run.record.brief.tainted:
        return run.record.brief.tainted
    return run.brief.tainted if run.brief else ""


def _family(task_id: str) -> str:
    return task_id.partition(".")[0]


def _task_at(address: str) -> str:
    return address.removeprefix(_TASK) if address.startswith(_TASK) else ""


def said_by_user(run: MissionRun, delegation: Delegation) -> tuple[str, ...]:
    """List the user's own words in this mission: the goal, their answers and instructions, and a task they approved.

    An answer that was offered to choose from is an operator's words, not the user's; the names of files they gave are anybody's.
    """
    standing = run.record.standing
    offered = {step: {choice.strip().casefold() for choice in q.choices} for step, q in standing.questions.items()}
    answers = [
        a.answer
        for step, a in standing.answers.items()
        if not a.unanswered and a.answer.strip().casefold() not in offered.get(step, ())
        if a.answer != files_alone(a.attachments)
    ]
    orders = [o.text for o in standing.orders.values() if o.kind is OrderKind.INSTRUCT]
    notes = [m.content for m in run.mail if m.sender == USER]
    seen = _let_go_on(standing, delegation.task) or _in_approved_plan(standing, delegation.task)
    approved = [delegation.task.goal] if seen else []
    return tuple(dict.fromkeys([run.mission.goal, *answers, *orders, *notes, *approved]))


def _let_go_on(standing: Standing, task: Task) -> bool:
    """Say whether the user let this very task go on where it was held; to switch step mode off says nothing of any task."""
    step = f"{task.id}/1"
    begun = standing.released.get(step)
    given = (o for o in standing.orders.values() if o.kind is OrderKind.RELEASE and o.choice == "continue")
    return begun is not None and begun.choice == "continue" and any(order.step == step for order in given)


def _in_approved_plan(standing: Standing, task: Task) -> bool:
    """Say whether the user saw a task in a plan, word for word, and accepted it."""
    shown = (t for decided in standing.plan_decisions.values() for t in decided.tasks)
    return any((t.id, t.goal) == (task.id, task.goal) for t in shown)


def links_found(run: MissionRun) -> tuple[str, ...]:
    """List the addresses that tools themselves found: those a page or a search named as a source, not what a model wrote."""
    sources = (s for returned in run.record.returns.values() for s in returned.sources)
    return tuple(dict.fromkeys(s.origin_id for s in sources if s.origin == "web" and s.origin_id))
