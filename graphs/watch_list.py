"""Everybody at work on one mission: who is whose subtask, who waits for whom, and to whom an event belongs."""

from __future__ import annotations

from collections.abc import Iterator

from core.events import Event, ModelAsked, PlanMade, QuestionAnswered, QuestionAsked, TaskEnded, TaskStarted
from core.missions import ENDED, RESTING
from core.steering import (
    ApprovalDecided,
    ApprovalRequested,
    AttentionNeeded,
    AttentionSettled,
    PlanDecided,
    PlanProposed,
    StatusChanged,
    StepHeld,
    StepReleased,
)
from graphs.watched_task import Stopwatch, WatchedTask

CHIEF_TASK = ""


class WatchList:
    """The Chief and every task that has started and not ended."""

    def __init__(self, now: float) -> None:
        self.chief = WatchedTask(CHIEF_TASK, "chief", "", Stopwatch(now))
        self._open: dict[str, WatchedTask] = {}
        self._seen: set[str] = set()
        self._expected: set[str] = set()  # planned or started, and not ended
        self._instead: dict[str, str] = {}  # task -> the one it does again
        self._overflows: dict[str, int] = {}  # ended task -> how often there was no room at the end of it

    def __iter__(self) -> Iterator[WatchedTask]:
        return iter(self._open.values())

    def get(self, task_id: str | None) -> WatchedTask | None:
        return self._open.get(task_id or "")

    def at_work(self) -> list[WatchedTask]:
        """List the tasks whose own turn it is."""
        return [task for task in self if task.working]

    @property
    def asks_people(self) -> bool:
        """Say whether anybody waits for a person."""
        return any(task.people for task in (self.chief, *self))

    @property
    def anybody_works(self) -> bool:
        return self.chief.working or any(task.working for task in self)

    def above(self, task: WatchedTask) -> Iterator[WatchedTask]:
        """Walk up from a task's parent; the Chief is not among them."""
        while (parent := self._open.get(task.parent)) is not None:
            yield parent
            task = parent

    def note(self, event: Event, now: float) -> WatchedTask | None:
        """Take an event in and return to whom it belongs: of a task's end, whoever gave it; None if that is over."""
        match event:
            case PlanMade():
                self._plan(event)
                return self.chief
            case TaskStarted():
                return self._start(event, now)
            case TaskEnded():
                return self._end(event.task_id, now)
        task = self._owner(event)
        if task is not None:
            _wait(task, event)
            task.tell(now)
        return task

    def _plan(self, event: PlanMade) -> None:
        new = {task.id for task in event.tasks} - self._seen
        self._seen |= new
        self._expected |= new
        self._instead |= {task.id: task.instead_of for task in event.tasks if task.instead_of}

    def _start(self, event: TaskStarted, now: float) -> WatchedTask | None:
        if event.task_id in self._open:
            return None  # told again after a crash
        self._seen.add(event.task_id)
        self._expected.add(event.task_id)
        task = WatchedTask.of(event, self._expected & set(event.needs), now)
        task.habits.overflows = self._overflows.get(self._instead.get(event.task_id, ""), 0)
        self._open[task.task_id] = task
        parent = self._parent(task)
        parent.children.add(task.task_id)
        parent.tell(now)
        task.tell(now)
        return task

    def _end(self, task_id: str, now: float) -> WatchedTask | None:
        self._expected.discard(task_id)
        for other in self:
            other.needs.discard(task_id)
            other.tell(now)
        task = self._open.pop(task_id, None)
        if task is None:
            return None
        self._overflows[task_id] = task.habits.overflows
        for child in list(task.children):  # whoever ends takes its subtasks along
            self._end(child, now)
        parent = self._parent(task)
        parent.children.discard(task_id)
        parent.tell(now)
        return parent

    def _parent(self, task: WatchedTask) -> WatchedTask:
        return self._open.get(task.parent, self.chief)

    def _owner(self, event: Event) -> WatchedTask | None:
        if event.task_id:
            return self._open.get(event.task_id)
        before, slash, _ = str(getattr(event, "step", "")).partition("/")
        return self._open.get(before) if slash else self.chief


def _wait(task: WatchedTask, event: Event) -> None:
    match event:
        case ModelAsked():
            # Whoever thinks waits for nobody; but an event may come late, after what was told of a wait that began since.
            task.people = {what: at for what, at in task.people.items() if at > event.at}
            task.needs.clear()
        case StatusChanged() if event.status in RESTING - ENDED:
            task.people["status"] = event.at
        case StatusChanged():
            task.people.pop("status", None)
        case StepHeld() | QuestionAsked() | AttentionNeeded() | ApprovalRequested() | PlanProposed():
            task.people[event.step] = event.at
        case AttentionSettled(choice="check") if event.words:
            task.people[event.step] = event.at  # even the check could not tell: it is open again
        case StepReleased() | QuestionAnswered() | AttentionSettled() | ApprovalDecided() | PlanDecided():
            task.people.pop(event.step, None)
        case _:
            pass  # changes nothing about who waits
