"""How a plan looks that waits until you accept it, and what became of it. Every task is shown in full: you accept the words."""

from __future__ import annotations

from typing import Any

from chat.picture import Drop, Operation, Picture, Put, closed
from chat.rendering_work import note, waiting
from chat.wording import counted, literal, named
from core.missions import Task
from core.steering import PlanDecided, PlanProposed
from tools.sanitise import visible

_DECIDED = {
    "accept": "you accepted it",
    "edit": "you changed it",
    "replan": "you wanted another one",
    "stop": "you stopped here",
}


def proposed(picture: Picture, event: PlanProposed) -> list[Operation]:
    """Show a plan that waits; how it is decided is shown above the composer."""
    text = "\n".join([*([event.note, ""] if event.note else []), *_rows(event.tasks)])
    label = f"The plan waits for you: {counted(len(event.tasks), 'task')}"
    return [Drop(picture.answer), Put(waiting(picture, event, "proposal", event.step, label=label, text=text))]


def decided(picture: Picture, event: PlanDecided) -> list[Operation]:
    """Say beside the plan what became of it."""
    line = picture.line("proposal", event.step)
    if line is None:
        return []
    done = Put(closed(line, event.at, detail=_DECIDED[event.choice]))
    if not event.reason:
        return [done]
    why = named(f"Your reason: {event.reason}")
    return [done, Put(note(picture, event, "proposal", event.step, "why", label=why, text=literal(event.reason)))]


def _rows(tasks: tuple[Task, ...]) -> list[str]:
    return [f"{n}. **{t.operator}**{after(t)} — {literal(visible(t.goal))}" for n, t in enumerate(tasks, 1)]


def after(task: Task) -> str:
    """Say which tasks must be done before one."""
    return f" (after {', '.join(task.needs)})" if task.needs else ""


def plan_card(asked: PlanProposed) -> dict[str, Any]:
    """Describe the card above the composer: plain values, every task in full."""
    fields = {"id", "operator", "goal", "done_when", "needs", "priority"}
    return {
        "kind": "plan",
        "step": asked.step,
        "note": asked.note,
        "tasks": [t.model_dump(mode="json", include=fields) | {"goal": visible(t.goal)} for t in asked.tasks],
        "choices": list(asked.choices),
        "operators": list(asked.operators),
        "most": asked.most,
    }
