"""How steering looks: orders, held steps, questions of operators, interrupted calls, and what the watchdog did."""

from __future__ import annotations

from chat.picture import Operation, Picture, Put
from chat.rendering_work import note
from chat.wording import named
from core.steering import (
    AttentionNeeded,
    AttentionSettled,
    Intervened,
    OrderGiven,
    OrderSettled,
    StatusChanged,
    SteeringEvent,
    StepHeld,
    StepReleased,
)


def steered(picture: Picture, event: SteeringEvent) -> list[Operation]:
    """Say in one line what happened."""
    match event:
        case StatusChanged():
            words = f"{event.task_id} is {event.status.value.replace('_', ' ')}. {event.reason}"
        case OrderGiven(order=order):
            words = f"{order.kind.value.replace('_', ' ').capitalize()}: {order.text or order.choice or order.task_id or ''}"
        case OrderSettled():
            words = event.words or event.outcome
        case StepHeld() | AttentionNeeded() | Intervened():
            words = event.words
        case StepReleased() | AttentionSettled():
            words = event.choice
    return [Put(note(picture, event, event.kind, str(event.seq), label=named(words)))]
