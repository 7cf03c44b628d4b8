"""What an opinion can be about: the answer or a step of a mission, and who did it with which model in which version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from core.events import Event, ModelAsked, ModelReplied, TaskStarted, ToolCalled
from core.missions import Value, derived_id

KINDS = ("model_asked", "model_replied", "tool_called", "task_started")
"""The kinds of events that say it."""


class Place(Value):
    """What an opinion is about; `step` "" is the answer, `operator` "" the Chief. What is not on record is ""."""

    mission_id: str
    step: str = ""
    operator: str = ""
    model: str = ""
    profile_version: str = ""
    prompt_version: str = ""


class Places:
    """The places of one mission: its events are gone through once, however many opinions there are."""

    def __init__(self, mission_id: str, events: Iterable[Event]) -> None:
        self._mission_id = mission_id
        self._tasks: dict[str, TaskStarted] = {}
        self._calls: dict[str, str | None] = {}  # the step of a call, of a model or a tool -> its task
        self._asked: dict[tuple[str | None, str], tuple[int, ModelAsked]] = {}  # with its number: later ones win
        self._last: dict[str | None, ModelAsked] = {}  # task (None is the Chief's own) -> its last question to a model
        self._replied: dict[str, str] = {}
        for number, event in enumerate(events):
            self._note(number, event)

    def _note(self, number: int, event: Event) -> None:
        match event:
            case TaskStarted(task_id=str(task)):
                self._tasks.setdefault(task, event)
            case ModelAsked():
                self._calls.setdefault(event.step, event.task_id)
                self._asked[event.task_id, event.step] = number, event
                self._last[event.task_id] = event
            case ToolCalled():
                self._calls.setdefault(event.step, event.task_id)
            case ModelReplied():
                self._replied[event.step] = event.model
            case _:
                pass  # says nothing about who did what

    def shown_as(self, for_id: str) -> Place | None:
        """Find the step that a line of the chat shows."""
        steps = (*self._tasks, *self._calls)
        return next((self.of(step) for step in steps if for_id == derived_id(self._mission_id, step)), None)

    def of(self, step: str) -> Place | None:
        """Name who did a step (a task as a whole, a call of a model or of a tool), or wrote the answer; None: no such step."""
        if not step:  # whoever the Chief asked last has written the answer
            last = self._last.get(None)
            about = {"model": last.model, "prompt_version": last.prompt} if last else {}
            return Place(mission_id=self._mission_id, **about)
        if step in self._tasks:
            return self._place(step, step, self._last.get(step))
        if step not in self._calls:
            return None
        task_id = self._calls[step]
        mine = [found for name in _within(step) if (found := self._asked.get((task_id, name)))]
        return self._place(step, task_id, max(mine, key=_number)[1] if mine else self._last.get(task_id))

    def _place(self, step: str, task_id: str | None, asked: ModelAsked | None) -> Place:
        task = self._tasks.get(task_id) if task_id else None
        return Place(
            mission_id=self._mission_id,
            step=step,
            operator=task.operator if task else "",
            model=(self._replied.get(asked.step) or asked.model) if asked else "",
            profile_version=task.profile_version if task else "",
            prompt_version=asked.prompt if asked else "",
        )


def _number(found: tuple[int, ModelAsked]) -> int:
    return found[0]


def _within(step: str) -> Iterator[str]:
    """Name a step, and the steps it is part of: t1/3.0 is part of t1/3."""
    yield step
    yield from (step[:at] for at, mark in enumerate(step) if mark == ".")
