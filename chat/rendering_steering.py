"""How steering looks: orders, held steps, interrupted calls, and what the watchdog did.

What waits for a person stands beside the work it belongs to; the buttons for it are above the composer (see chat/helm.py).
"""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from chat import rendering_approvals as approvals
from chat import rendering_plans as plans
from chat.picture import Drop, Keep, Line, Operation, Picture, Put, Vanish, closed
from chat.rendering_work import HELD, holds, note, waiting
from chat.wording import named
from core.missions import RESTING, Status
from core.steering import (
    ApprovalDecided,
    ApprovalRequested,
    AttentionNeeded,
    AttentionSettled,
    Intervened,
    Order,
    OrderGiven,
    OrderKind,
    OrderSettled,
    PlanDecided,
    PlanProposed,
    StatusChanged,
    SteeringEvent,
    StepHeld,
    StepReleased,
)
from graphs.requeueing import MOVED, TAKEN_BACK, USED
from tools.sanitise import in_full

_SILENT = frozenset({OrderKind.STOP, OrderKind.CANCEL_TASK})  # that the mission or the task ended says it already
_STATES = {
    Status.IN_PROGRESS: "goes on",
    Status.PAUSED: "paused",
    Status.WAITING_ANSWER: "waits for your answer",
    Status.WAITING_APPROVAL: "waits for your approval",
    Status.NEEDS_ATTENTION: "needs your attention",
}
_RELEASED = {"skip": "you skipped it", "edit": "you changed it", "abort": "you stopped here"}
_DECIDED = {
    "check": "checked",
    "happened": "you said that it happened",
    "retry": "you had it done again",
    "skip": "you had it left out",
}


def steered(picture: Picture, event: SteeringEvent) -> list[Operation]:  # noqa: C901, PLR0911, PLR0912 (one line per event kind)
    """Say what happened, each thing where a person would look for it."""
    match event:
        case StatusChanged():
            return _status(picture, event)
        case OrderGiven(order=order):
            return [Keep(order), *_given(picture, event, order)]
        case OrderSettled():
            return _settled(picture, event)
        case StepHeld():
            given = in_full(event.arguments) if event.arguments else ""
            label = named(f"{HELD}: {event.words}") if event.what == "act" else f"{HELD} before it begins"
            return [Put(waiting(picture, event, "held", event.step, label=label, given=given))]
        case StepReleased():
            return _released(picture, event)
        case AttentionNeeded():
            given = in_full(event.arguments) if event.arguments else ""
            label = named(f"May or may not have happened: {event.tool}")
            return [Put(waiting(picture, event, "attention", event.step, label=label, text=event.words, given=given))]
        case AttentionSettled():
            return _decided(picture, event)
        case PlanProposed():
            return plans.proposed(picture, event)
        case PlanDecided():
            return plans.decided(picture, event)
        case ApprovalRequested():
            return approvals.requested(picture, event)
        case ApprovalDecided():
            return approvals.decided(picture, event)
        case Intervened():
            label = named(f"Watchdog: {event.words}")
            return [Put(note(picture, event, "watchdog", str(event.seq), label=label, failed=event.action != "nudge"))]
        case _:
            assert_never(event)


def _status(picture: Picture, event: StatusChanged) -> list[Operation]:
    line = picture.line(event.task_id)
    words = event.reason or _STATES.get(event.status)
    if line is None or line.end is not None or words is None:
        return []
    if event.status is Status.PAUSED and holds(picture, line):
        words = "waits for you"
    return [Put(replace(line, detail=words, still=event.status in RESTING))]


def _given(picture: Picture, event: OrderGiven, order: Order) -> list[Operation]:
    if order.kind is OrderKind.STOP:
        return _withdrawn(picture, event, order)
    if order.kind is not OrderKind.INSTRUCT:
        return []
    place = picture.id("instruction", order.id)
    said = Line(place, picture.run, "user_message", "You", event.at, end=event.at, text=order.text)
    state = Line(
        picture.id("instruction", order.id, "state"),
        picture.run,
        "tool",
        "Instruction",
        event.at,
        "queued: read at the next step",
        still=True,
    )
    return [Put(said), Put(state)]


def _withdrawn(picture: Picture, event: OrderGiven, order: Order) -> list[Operation]:
    """Show no more of a message that was taken back while it waited, or that is an instruction now."""
    if order.choice in (USED, TAKEN_BACK):
        return [Vanish()]
    goal, run = picture.lines.get(picture.message_id), picture.lines.get(picture.run)
    if order.choice != MOVED or goal is None or run is None:
        return []
    label, link = "Continued in a conversation of its own", f"[Open it](/thread/{order.text})"
    moved = Line(picture.id("moved"), run.id, "tool", label, event.at, end=event.at, text=link, unfolded=True)
    return [Vanish((goal, closed(run, event.at), moved))]


def _settled(picture: Picture, event: OrderSettled) -> list[Operation]:
    order, refused = picture.orders.get(event.order_id), event.outcome == "refused"
    if state := picture.line("instruction", event.order_id, "state"):
        words = f"not applied: {event.words}" if refused else event.words
        return [Put(closed(replace(state, label=named(f"Instruction · {words}")), event.at, failed=refused))]
    if order is None or not event.words or (order.kind in _SILENT and not refused):
        return []
    label = named(f"Not done: {event.words}" if refused else event.words)
    return [Put(note(picture, event, "order", event.order_id, label=label, failed=refused))]


def _released(picture: Picture, event: StepReleased) -> list[Operation]:
    held = picture.line("held", event.step)
    if held is None:
        return []
    if event.choice == "continue":
        return [Drop(held.id)]  # the step itself says the rest
    given = in_full(event.arguments) if event.arguments is not None else held.given
    done = closed(held, event.at, detail=_RELEASED[event.choice])
    return [Put(replace(done, text=event.text, given=given))]


def _decided(picture: Picture, event: AttentionSettled) -> list[Operation]:
    line = picture.line("attention", event.step)
    if line is None:
        return []
    if event.choice == "check" and event.words:  # the check could not tell: it waits again
        return [Put(replace(line, text=f"{line.text}\n\nChecked: {event.words}", end=None, still=True))]
    return [Put(closed(line, event.at, detail=_DECIDED[event.choice]))]
