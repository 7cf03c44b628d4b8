"""How work in progress looks: model calls, plans, tasks and tool calls."""

from __future__ import annotations

import json
from dataclasses import replace

from chat.picture import Drop, Entry, Line, Operation, Picture, Put, Swap, Tick, closed
from chat.rendering_reasons import model_given, model_used, sizes, task_given
from chat.wording import between, counted, fenced, lasted, literal, named, spent
from core.events import (
    Event,
    MessageSent,
    ModelAsked,
    ModelFailed,
    ModelReplied,
    ModelRetried,
    PlanMade,
    TaskStarted,
    TextStreamed,
    ToolCalled,
    ToolReturned,
)
from core.missions import EVERYONE, Task

_SPOKEN = ("plan", "report")  # what the Chief says in these steps is the answer
_TITLES = {"plan": "Thinks about the goal", "review": "Reviews the work", "report": "Writes the answer"}
_CHIEF_IS = {"plan": "planning", "review": "reviewing the work", "report": "writing the answer"}


def _step(step: str) -> str:
    """Name the step without its round: `plan` for `plan.2`."""
    return step.split(".", maxsplit=1)[0] if "/" not in step else step


def _home(picture: Picture, task_id: str | None) -> str:
    """Find the line under which something of a task (or of the Chief) is shown."""
    line = picture.line(task_id) if task_id else None
    return line.id if line else picture.chief


def note(picture: Picture, event: Event, *place: str, label: str, text: str = "", failed: bool = False) -> Line:
    """Make a line about something that takes no time."""
    home = _home(picture, event.task_id)
    return Line(picture.id(*place), home, "tool", label, event.at, end=event.at, text=text, failed=failed)


HELD = "Held for you"


def holds(picture: Picture, task: Line | None = None) -> bool:
    """Say whether a step is held for the user (of one task, if it is given)."""
    return any(
        line.end is None and line.label.startswith(HELD) and task in (None, picture.lines.get(line.parent or ""))
        for line in picture.lines.values()
    )


def waiting(picture: Picture, event: Event, *place: str, label: str, text: str = "", given: str = "") -> Line:
    """Make a line about something that waits for a person."""
    home = _home(picture, event.task_id)
    return Line(picture.id(*place), home, "tool", label, event.at, text=text, given=given, still=True)


def _model(name: str) -> str:
    return name.rstrip(":") or "model"


def asked(picture: Picture, event: ModelAsked) -> list[Operation]:
    step = _step(event.step)
    label = f"{_TITLES.get(step, 'Thinks')} · {_model(event.model)}"
    given = model_given(event)
    call = Line(picture.id(event.step), _home(picture, event.task_id), "llm", label, event.at, given=given)
    label = named(event.unseen.partition(". ")[0])
    unseen = (
        [Put(note(picture, event, event.step, "unseen", label=label, text=literal(event.unseen)))]
        if event.unseen
        else []
    )
    return [
        Put(call),
        *unseen,
        *_operator_is(picture, event.task_id, "thinking"),
        *_chief_is(picture, _CHIEF_IS.get(step, "")),
    ]


def _chief_is(picture: Picture, doing: str) -> list[Operation]:
    chief = picture.lines.get(picture.chief)
    return [Put(replace(chief, detail=doing))] if chief and doing else []


def _operator_is(picture: Picture, task_id: str | None, doing: str) -> list[Operation]:
    """Say beside an operator's task what it does right now."""
    line = picture.line(task_id) if task_id else None
    return [Put(replace(line, detail=doing, still=False))] if line else []


def streamed(picture: Picture, event: TextStreamed) -> list[Operation]:
    if _step(event.step) not in _SPOKEN:
        call = picture.line(event.step)
        return [Put(replace(call, text=call.text[: event.offset] + event.text))] if call else []
    answer = picture.lines.get(picture.answer) or Line(
        picture.answer, picture.run, "assistant_message", "Staffwork", event.at
    )
    return [Put(replace(answer, text=answer.text[: event.offset] + event.text))]


def retried(picture: Picture, event: ModelRetried) -> list[Operation]:
    call = picture.line(event.step)
    words = named(f"trying again in {lasted(event.wait)}: {event.reason}")
    return [Put(replace(call, detail=words))] if call else []


def failed(picture: Picture, event: ModelFailed) -> list[Operation]:
    call = picture.line(event.step)
    if call is None:
        return []
    detail = " · ".join(["no reply", lasted(between(call.start, event.at)), *spent(event.usage)])
    return [Put(replace(closed(call, event.at, detail=detail, failed=True), text=event.reason))]


def replied(picture: Picture, event: ModelReplied) -> list[Operation]:
    """Close a model call; words before a plan or a question are no answer, so they move to the call itself."""
    call = picture.line(event.step)
    if call is None:
        return []
    step, decided = _step(event.step), bool(event.tool_calls)
    text = "" if step in _SPOKEN and not decided else event.text
    if decided and step not in _SPOKEN:
        text = f"{text}\n\nNext: {', '.join(f'`{c.name}`' for c in event.tool_calls)}".strip()
    detail = " · ".join([lasted(event.usage.seconds or between(call.start, event.at)), *spent(event.usage)])
    given = model_used(call.given, event)
    done = replace(closed(call, event.at, detail=detail), text=text, given=given)
    return [Put(done), *([Drop(picture.answer)] if decided and step == "plan" else [])]


def planned(picture: Picture, event: PlanMade) -> list[Operation]:
    tasks = (
        event.tasks
        if event.version == 1
        else [t for t in event.tasks if t.id not in {*picture.entries, *picture.replaced}]
    )
    rows = [f"{n}. **{t.operator}** — {t.goal}{_why(picture, t)}" for n, t in enumerate(tasks, 1)]
    label = f"Planned {counted(len(tasks), 'task')}"
    if event.version > 1:
        label = f"Changed the plan (version {event.version}): {counted(len(tasks), 'task')} more"
    text = "\n".join([*([event.note, ""] if event.note else []), *rows])
    list_rows = [_row(picture, t) for t in event.tasks if t.id not in picture.entries and t.id not in picture.replaced]
    made = note(picture, event, "planned", str(event.version), label=label, text=text)
    return [Drop(picture.answer), Put(made), *list_rows, *_chief_is(picture, f"{label.lower()}")]


def _row(picture: Picture, task: Task) -> Operation:
    who = task.operator.replace("_", " ").capitalize()  # as people read it; its title comes with its work
    entry = Entry(named(f"{who}: {task.goal}"), "ready", picture.id(task.id))
    return Swap(task.instead_of, task.id, entry) if task.instead_of in picture.entries else Tick(task.id, entry)


def _why(picture: Picture, task: Task) -> str:
    """Say which task a new one stands in for, and why."""
    old = picture.entries.get(task.instead_of)
    instead = f"in place of “{old.title}”" if old else f"in place of {task.instead_of}" if task.instead_of else ""
    reasons = "; ".join(part for part in (instead, task.why) if part)
    return f" *({reasons})*" if reasons else ""


def task_started(picture: Picture, event: TaskStarted) -> list[Operation]:
    parent = _home(picture, event.parent_task_id)
    given = event.goal if not event.done_when else f"{event.goal}\n\nDone when: {event.done_when}"
    given += f"\n\nContext documents used: {', '.join(c.file for c in event.contexts)}" if event.contexts else ""
    if event.offered is not None:
        given += f"\n\nTools shown of {len(event.tools)}: {', '.join(event.offered)}"
    given += task_given(event)
    label = named(f"{event.title}: {event.goal}")
    line = Line(picture.id(event.task_id), parent, "tool", label, event.at, given=given)
    return [Put(line), Tick(event.task_id, Entry(label, "running", line.id))]


def called(picture: Picture, event: ToolCalled) -> list[Operation]:
    label = named(event.intent or event.tool)
    given = json.dumps(event.arguments, ensure_ascii=False, indent=2) if event.arguments else ""
    call = Line(picture.id(event.step), _home(picture, event.task_id), "tool", label, event.at, given=given)
    return [Put(call), *_operator_is(picture, event.task_id, label)]


def returned(picture: Picture, event: ToolReturned) -> list[Operation]:
    call = picture.line(event.step)
    if call is None:
        return []
    ok = event.status == "ok"
    words = lasted(event.seconds) if ok else f"{event.status} · {lasted(event.seconds)}"
    words = f"granted {', '.join(event.grants)} · {words}" if event.grants else words
    done = closed(call, event.at, detail=words, failed=not ok)
    return [Put(replace(done, text=f"{fenced(event.output)}\n\n{sizes(call.given, event)}" if event.output else ""))]


def sent(picture: Picture, event: MessageSent) -> list[Operation]:
    """Show what operators tell each other; the other hops are the tree itself."""
    message = event.message
    if message.message_type == "flag":
        label = named(f"Flags for review: {message.content}")
        home = picture.line(message.sender.removeprefix("task:"))
        put = note(picture, event, "message", message.message_id, label=label, text=message.content)
        return [Put(replace(put, parent=home.id) if home else put)]
    if message.message_type != "note":
        return []
    whom = "everyone" if message.recipient == EVERYONE else message.recipient.removeprefix("task:")
    label = named(f"Tells {whom}: {message.content}")
    return [Put(note(picture, event, "message", message.message_id, label=label, text=message.content))]
