"""What an operator is given, and the fences around handing work further down."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from agents.planning import LONGEST_GOAL
from core.budget import Budget
from core.decisions import ToolCall
from core.errors import BadInput, NotFound, Refused
from core.memories import is_picture
from core.missions import CHIEF, REVIEWER, Delegation, Envelope, Report, Source, Task, fingerprint, operator_address
from graphs.mission_run import MissionRun
from graphs.outcomes import is_retry, line_of
from graphs.provisioning import SEES, shown

_QUOTED = re.compile(r'^>[ \t]*(.{20,})$|["“]([^"“”\n]{20,})["”]', re.MULTILINE)
READS_FILES = frozenset(
    {
        "list_files",
        "read_file",
        "search_files",
        "profile_table",
        "query_table",
        "patch_file",
        "move_file",
        "delete_file",
    }
    | {"pack_files", "unpack_file", "list_changes", "undo_change"}
)


def delegate_task(run: MissionRun, task: Task, parts: int) -> Delegation:
    """Write the Chief's delegation of a task; `parts` tasks share what is left of the mission's budget."""
    version, tools = _granted(run, task.operator)
    return Delegation(
        mission_id=run.mission.id,
        task=task,
        profile_version=version,
        brief=_mission_brief(run) + (f"\nThis task was tried before. {task.why}" if is_retry(task.id) else ""),
        tools=tools,
        budget=_left(run).share(parts),
        attachments=run.brief.attachments if run.brief else (),
        ancestors=(fingerprint(task.operator, task.goal),),
    )


def _granted(run: MissionRun, operator: str) -> tuple[str, tuple[str, ...]]:
    """Return the version of an operator's profile and its tools; of one that was removed meanwhile, nothing."""
    try:
        profile = run.staff.roster.get(operator)
    except NotFound:
        return "", ()
    return profile.version, profile.tools


def _left(run: MissionRun) -> Budget:
    whole, used = run.budget, run.used
    return whole.model_copy(
        update={
            "tokens": None if whole.tokens is None else max(whole.tokens - used.tokens, 1),
            "cost": None if whole.cost is None else max(whole.cost - used.cost, Decimal("0.000001")),
            "model_calls": None,
            "tool_calls": None,
            "seconds": run.staff.settings.task_seconds,
        }
    )


def _mission_brief(run: MissionRun) -> str:
    answers = run.brief.answers if run.brief else ()
    told = "".join(f"\nAsked: {question}\nThe user answered: {answer}" for question, answer in answers)
    language = run.mission.choices.language
    written = f"\nThe user reads {language}: write your result in it." if language else ""
    return f"This is part of the mission: {run.mission.goal}{told}{written}"


def delegate_subtask(run: MissionRun, parent: Delegation, call: ToolCall, number: int) -> Delegation:
    """Write an operator's delegation of a subtask; raises Refused or BadInput with words the operator can use."""
    operator, goal, done_when = (_words(call, name) for name in ("operator", "goal", "done_when"))
    if not goal:
        raise BadInput("A subtask needs a goal: say what is to be done.")
    if max(len(goal), len(done_when)) > LONGEST_GOAL:
        raise BadInput(f"A subtask's goal may have {LONGEST_GOAL:,} characters. Say it shorter, or put it into a file.")
    known = {p.name for p in run.staff.roster.enabled()}
    own = f"{parent.task.id}.{number}"
    if operator not in known and own not in run.started:
        raise BadInput(f"There is no operator {operator[:60]!r}. Choose one of: {', '.join(sorted(known))}.")
    allowed = run.staff.settings.delegation_depth
    if parent.depth >= allowed:
        raise Refused(f"Work may be handed down {allowed} levels at most. Do this part yourself or leave it out.")
    mark = fingerprint(operator, goal)
    if mark in parent.ancestors:
        raise Refused("This same work was already handed down to get here; doing so again would go in a circle.")
    _check_breadth(run, parent.task.id, own)
    task = Task(
        id=own,
        operator=operator,
        goal=goal,
        done_when=done_when,
        priority=parent.task.priority,
    )
    version, tools = _granted(run, operator)
    return parent.model_copy(
        update={
            "task": task,
            "profile_version": version,
            "brief": f"{parent.brief}\nIt is a part of the task: {parent.task.goal}",
            "tools": tools,
            "budget": parent.budget.share(2),
            "parent_task_id": parent.task.id,
            "depth": parent.depth + 1,
            "ancestors": (*parent.ancestors, mark),
            "found": (),
        }
    )


def _words(call: ToolCall, name: str) -> str:
    """Take a text argument as it was meant; anything but a text counts as none, however deep it is."""
    value = call.arguments.get(name)
    return value.strip() if isinstance(value, str) else ""


def _check_breadth(run: MissionRun, parent: str, own: str) -> None:
    """Raise Refused if a task has handed down as much as it may; what is on record was allowed before and stays so."""
    most = run.staff.settings.task_subtasks
    given = sum(task_id.rpartition(".")[0] == parent for task_id in run.started)
    if own not in run.started and given >= most:
        raise Refused(
            f"A task may hand down {most} subtasks at most. Do the rest yourself, or finish with what you have."
        )


def delegation_message(run: MissionRun, delegation: Delegation) -> Envelope:
    """Wrap a delegation for the journal: everything the operator is given, nothing it is not."""
    parent = delegation.parent_task_id
    return Envelope(
        message_id=run.message_id("delegation", delegation.task.id),
        sender=operator_address(parent) if parent else CHIEF,
        recipient=operator_address(delegation.task.id),
        message_type="delegation",
        content=delegation.task.goal,
        metadata=delegation.model_dump(mode="json", include={"profile_version", "brief", "tools", "budget", "depth"})
        | {"operator": delegation.task.operator, "done_when": delegation.task.done_when},
        attachments=tuple(a.id for a in delegation.attachments),
    )


def report_message(run: MissionRun, delegation: Delegation, report: Report) -> Envelope:
    """Wrap an operator's report for whoever delegated."""
    parent = delegation.parent_task_id
    return Envelope(
        message_id=run.message_id("report", delegation.task.id),
        sender=operator_address(delegation.task.id),
        recipient=operator_address(parent) if parent else CHIEF,
        message_type="report",
        content=report.summary or report.problem,
        reply_to=run.message_id("delegation", delegation.task.id),
        metadata={"status": report.status.value, "partial": report.partial, "operator": report.operator},
        attachments=tuple(a.id for a in report.artifacts),
    )


def note_message(run: MissionRun, delegation: Delegation, call: ToolCall, step: str) -> Envelope:
    """Address an operator's note: "*" for all, a task id, or an operator's name; raises BadInput for anybody else.

    What it flags for review goes to the reviewer.
    """
    flag = call.name == "flag_for_review"
    recipient, content = _words(call, "recipient"), _words(call, "reason" if flag else "content")
    if not content:
        raise BadInput("The message is empty: say what the others should know.")
    if len(content) > LONGEST_GOAL:
        raise BadInput(f"A message may have {LONGEST_GOAL:,} characters. Say it shorter, or put it into a file.")
    address = REVIEWER if flag else "*" if recipient == "*" else _address(run, recipient)
    return Envelope(
        message_id=run.message_id("flag" if flag else "note", step),
        sender=operator_address(delegation.task.id),
        recipient=address,
        message_type="flag" if flag else "note",
        content=content,
    )


def _address(run: MissionRun, recipient: str) -> str:
    if recipient in run.started:
        return operator_address(recipient)
    by_name = [task_id for task_id, operator in run.at_work.items() if operator == recipient]
    if by_name:
        return operator_address(by_name[-1])
    working = ", ".join(f"{task} ({operator})" for task, operator in run.at_work.items()) or "nobody"
    raise BadInput(f"Nobody called {recipient[:60]!r} works on this mission. At work: {working}. Use * to reach all.")


def unread(run: MissionRun, task_id: str, seen: Iterable[str]) -> list[Envelope]:
    """List the notes and instructions for an operator that it has not read yet; a task done again hears what was said to
    those before it."""
    addresses = {operator_address(t) for t in (task_id, *run.started) if line_of(t) == line_of(task_id)}
    known = set(seen)
    wanted = [m for m in run.mail if m.message_type in ("note", "instruction") and m.message_id not in known]
    own = operator_address(task_id)
    return [m for m in wanted if m.reaches(own) or (m.recipient in addresses and m.sender not in addresses)]


def cited(reports: Sequence[Report], text: str, most: int = 12) -> tuple[Source, ...]:
    """Choose the sources of a text: those it quotes, one of each file it only names as [file]; else the first few."""
    found = list({(s.file, s.page, s.line, s.quote): s for r in reports for s in r.sources}.values())
    flat = _flat(text)
    pieces = [_flat(m[1] or m[2]) for m in _QUOTED.finditer(text)]
    quoted = [s for s in found if s.quote and (_flat(s.quote)[:60] in flat or any(p in _flat(s.quote) for p in pieces))]
    files = {s.file for s in quoted}
    named = {s.file: s for s in reversed(found) if s.file not in files and f"[{s.file}" in text}
    return tuple([*quoted, *named.values()] or found)[:most]


def _flat(text: str) -> str:
    return " ".join(text.split())


def useful_tools(run: MissionRun, delegation: Delegation) -> list[str]:
    """Name the tools to show that have something to work on: without any file, those that read files are not offered.

    A tool's description is sent with every call, so this is a third of what an operator without files costs.
    """
    made = (run.brief is not None and run.brief.files_made) or any(r.artifacts for r in run.record.returns.values())
    names = [name for name in shown(run, delegation) if name != SEES or _pictures(run, delegation)]
    if delegation.attachments or made:
        return names
    return [name for name in names if name not in READS_FILES]


def _pictures(run: MissionRun, delegation: Delegation) -> bool:
    """Say whether there is a picture to look at: one that was given, or one that was made in this mission."""
    given = (a.name for a in delegation.attachments)
    made = (a.name for returned in run.record.returns.values() for a in returned.artifacts)
    return any(is_picture(name) for name in (*given, *made))
