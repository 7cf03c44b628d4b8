"""How work looks when it is done: tasks, reviews and the mission with its answer, sources, files and price."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chat.picture import Attach, Entry, Line, Operation, Picture, Put, Rest, Tick, closed
from chat.rendering_account import account_words
from chat.rendering_work import holds, note
from chat.wording import (
    SHOWN_OUTPUT,
    between,
    counted,
    lasted,
    literal,
    made,
    named,
    price_line,
    sources_list,
    spent,
)
from core.events import MissionEnded, ReviewGiven, TaskEnded
from core.missions import ENDED, RESTING, Artifact, Status
from graphs.requeueing import OVERTAKEN

_WAITS = {
    Status.PAUSED: "paused",
    Status.WAITING_APPROVAL: "waits for your approval",
    Status.WAITING_ANSWER: "waits for your answer",
    Status.NEEDS_ATTENTION: "needs your attention",
}


def task_ended(picture: Picture, event: TaskEnded) -> list[Operation]:
    well = event.status is Status.COMPLETED
    entry = picture.entries.get(event.task_id)
    line = picture.line(event.task_id)
    if line is None:  # it ended before anyone took it: what it needed failed, or the mission was stopped
        label = entry.title if entry else event.operator
        line = Line(picture.id(event.task_id), picture.chief, "tool", label, event.at)
    outcome = [] if well and not event.partial else ["partial" if event.partial else event.status.value]
    words = [*outcome, lasted(between(line.start, event.at)), *spent(event.usage)]
    done = replace(closed(line, event.at, detail=" · ".join(words), failed=not well), text=_outcome(event))
    title = entry.title if entry else line.label
    return [Put(done), Tick(event.task_id, Entry(title, "done" if well else "failed", line.id))]


def _outcome(event: TaskEnded) -> str:
    result = event.result if len(event.result) <= SHOWN_OUTPUT else event.result[:SHOWN_OUTPUT] + " …"
    claimed = "\n".join(f"- {literal(what)} ({step or 'not verified'})" for what, step in event.claims)
    flags = "\n".join(f"- {literal(flag)}" for flag in event.flags)
    parts = [event.problem, event.summary, result if result != event.summary else ""]
    parts += [f"**What it did**\n\n{claimed}" if claimed else "", f"**Flagged for review**\n\n{flags}" if flags else ""]
    parts.append(sources_list(event.sources))
    return "\n\n".join(part for part in parts if part)


def reviewed(picture: Picture, event: ReviewGiven) -> list[Operation]:
    label = "Accepted the work" if event.verdict == "accept" else "Sent work back"
    rows = [f"- **{task}** — {reason}" for task, reason in event.reasons.items()]
    text = "\n".join([*([event.shortfall] if event.shortfall else []), *rows])
    return [Put(note(picture, event, "reviewed", event.step, label=label, text=text))]


def mission_ended(picture: Picture, event: MissionEnded) -> list[Operation]:
    """Close every open line, and say how it ended; a mission that waits for a person only stands still."""
    if event.status in RESTING - ENDED and not _asked_by_chief(picture, event):
        chief = picture.lines.get(picture.chief)
        words = "waits for you" if event.status is Status.PAUSED and holds(picture) else _WAITS[event.status]
        return [*([Put(replace(chief, detail=words))] if chief else []), Rest()]
    stopped = event.status is Status.CANCELLED
    operations: list[Operation] = [
        Put(closed(line, event.at, detail="stopped" if stopped and line.kind != "run" else line.detail))
        for line in picture.lines.values()
        if line.end is None and line.id not in (picture.chief, picture.answer)
    ]
    chief = picture.lines.get(picture.chief)
    if chief is not None and chief.end is None:
        operations.append(Put(_chief_done(picture, chief, event)))
    overtaken = stopped and any(order.choice == OVERTAKEN for order in picture.orders.values())
    if event.status is Status.WAITING_ANSWER or overtaken:
        return operations
    began = chief.start if chief else event.at
    return [*operations, Put(_final(picture, event, began)), *(Attach(picture.answer, a) for a in event.artifacts)]


def _asked_by_chief(picture: Picture, event: MissionEnded) -> bool:
    """Say whether the Chief itself waits for an answer: then its turn is over, and another begins with the answer."""
    return event.status is Status.WAITING_ANSWER and not any(
        line.still and line.end is None for line in picture.lines.values()
    )


def _chief_done(picture: Picture, chief: Line, event: MissionEnded) -> Line:
    helped = counted(len(picture.entries), "task") if picture.entries else ""
    took = [lasted(between(chief.start, event.at)), *spent(event.usage)]
    how = {
        Status.COMPLETED: helped or "answered directly",
        Status.WAITING_ANSWER: "asks you something",
        Status.CANCELLED: "stopped",
    }.get(event.status, "could not finish")
    words = " · ".join([how, *took])
    failed = event.status is Status.FAILED
    return replace(closed(chief, event.at, detail=words, failed=failed), unfolded=bool(picture.entries))


def _final(picture: Picture, event: MissionEnded, began: datetime) -> Line:
    """Compose the last message: the answer, what it rests on, and what it took."""
    shown = picture.lines.get(picture.answer)
    said = event.answer or (shown.text if shown else "")
    artifacts: dict[str, Artifact] = {f.id: f for _, f in picture.files.values() if isinstance(f, Artifact)}
    artifacts |= {a.id: a for a in event.artifacts}
    done = account_words(picture.mission_id, event.account)
    parts = [said, _trouble(event), made(list(artifacts.values())), done, sources_list(event.sources)]
    if event.usage.model_calls:
        parts.append(f"*{price_line(event.usage, between(began, event.at))}*")
    text = "\n\n".join(part for part in parts if part)
    failed = event.status is Status.FAILED
    start = shown.start if shown else event.at
    return Line(picture.answer, picture.run, "assistant_message", "Staffwork", start, "", event.at, text, "", failed)


def _trouble(event: MissionEnded) -> str:
    """Say in plain words what went wrong, with the id under which it stands in the log."""
    if event.status is Status.COMPLETED:
        return named(event.problem) if event.problem else ""
    if event.status is Status.CANCELLED:
        return "**Stopped.** Nothing more is done for this message."
    words = event.problem or "Something went wrong, and it was written down for the administrator."
    shown = f"\n\nError id: `{event.error_id}`" if event.error_id else ""
    if event.limit:
        return f"**A limit was reached.** {words}{shown}"
    return f"**This did not work.** {words}{shown}"
