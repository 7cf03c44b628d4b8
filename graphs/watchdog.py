"""The watchdog of one mission: sees every event, recognises what is stuck, and says what is to be done. Code, not a model.

First the operator is told, then its task is ended, and the mission only if nothing in it moves any more. Whatever is stuck is
resolved within a minute after it has become clear: 45 seconds from a nudge to the end of a task, 10 more to the mission's.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import cast

from core.budget import Budget
from core.events import (
    ArtifactMade,
    BriefAssembled,
    Event,
    MissionEnded,
    MissionStarted,
    ModelReplied,
    PlanMade,
    PlanRefused,
    QuestionAnswered,
    ReviewGiven,
    TaskEnded,
    TaskStarted,
    TextStreamed,
    ToolReturned,
)
from core.missions import Status
from core.settings import Settings
from core.steering import AttentionSettled, Intervened, PlanDecided, StatusChanged, StepReleased
from graphs.intervening import Action, Finding
from graphs.spending import NEARLY_SPENT, Spending
from graphs.stuck import TOO_LONG, Pattern, told
from graphs.watch_list import WatchList
from graphs.watched_task import Alarm, Stopwatch, WatchedTask, nearly_same

END_GRACE_SECONDS = 10.0
"""From the end of the last task at work, by order, until the mission is ended if even that changed nothing."""
CALL_GRACE_SECONDS = 30.0
"""Past the mission's wall time no call begins; those under way may take so much longer before their task is ended."""
OVERTIME_SECONDS = 55.0
"""Past the mission's wall time, when the mission is ended if it still goes on: the answer has these last seconds."""
_EARLY = 0.001  # seconds: sums of fractions are not exact, and who looks when it is due must find it

_PROGRESS = (
    MissionStarted, BriefAssembled, PlanMade, PlanRefused, TaskStarted, ModelReplied, ToolReturned, ArtifactMade, TaskEnded,
    ReviewGiven, QuestionAnswered, StepReleased, AttentionSettled,
    PlanDecided,
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """What the watchdog holds a mission to: seconds without progress, its budget, and its time at work in earlier attempts."""

    progress_seconds: float
    budget: Budget
    at_work: float = 0.0

    @classmethod
    def of(cls, settings: Settings, budget: Budget, at_work: float = 0.0) -> Limits:
        return cls(settings.task_progress_seconds, budget, at_work)


class Watchdog:
    """Watches one mission; feed it every event in order, earlier attempts included, and act on what `look` finds.

    `clock` tells seconds that only go forward; what the events themselves say of the time is not believed.
    """

    def __init__(self, limits: Limits, clock: Callable[[], float] = time.monotonic) -> None:
        self._patience, self._clock = limits.progress_seconds, clock
        self._tasks = WatchList(clock())
        self._spending = Spending(limits.budget, Stopwatch(clock()), limits.at_work)
        self._moved_at = clock()
        self._warned = self._over = False
        self._found: list[Finding] = []

    def observe(self, event: Event) -> None:
        """Take one event in."""
        now = self._clock()
        task = self._tasks.note(event, now)
        self._spending.clock.run(self._tasks.anybody_works, now)
        self._spending.count(event)
        if isinstance(event, _PROGRESS) or (isinstance(event, StatusChanged) and event.status is Status.IN_PROGRESS):
            self._moved_at = now
            if task is not None:
                task.progress(now)
        match event:
            case MissionStarted():
                self._over = False
            case MissionEnded():
                self._over, self._found = True, []
            case Intervened():
                self._recall(event, now)
            case _ if task is self._tasks.chief:
                self._listen(task, event, now)
            case _ if task is not None:
                self._judge(task, event, now)
        if not self._warned and not self._over and self._spending.nearly_spent():
            self._step_in(self._tasks.chief, "budget", "nudge", now)

    def look(self, now: float) -> list[Finding]:
        """Return what is to be done now; each finding is returned once."""
        for whose, alarm in list(self._alarms(now)):
            if alarm.when <= now + _EARLY and not self._over:
                self._step_in(whose, alarm.pattern, alarm.action, now)
        found, self._found = self._found, []
        for finding in found:
            if finding.action == "nudge" and (task := self._tasks.get(finding.task_id)) is not None:
                task.habits.start_over(finding.pattern)  # what was done before it was told is no relapse
        return found

    def due(self) -> float | None:
        """Say when to look next, by the clock; None while nothing but an event can change anything."""
        now = self._clock()
        if self._found:
            return now
        return min((alarm.when for _, alarm in self._alarms(now)), default=None)

    def _alarms(self, now: float) -> Iterator[tuple[WatchedTask, Alarm]]:
        if self._over:
            return
        chief = self._tasks.chief
        for task in self._tasks:
            yield from ((task, alarm) for alarm in task.alarms(now, self._patience))
        for alarm in chief.alarms(
            now, self._patience
        ):  # nobody tells the Chief, and it has no task that could be ended
            yield chief, Alarm(alarm.when, alarm.pattern, "end_mission")
        stopped = [task.cancelled_at for task in self._tasks.at_work()]
        at = max((at for at in stopped if at is not None), default=None)
        if at is not None and None not in stopped and not self._tasks.asks_people:
            yield chief, Alarm(max(at, self._moved_at) + END_GRACE_SECONDS, "no_progress", "end_mission")
        yield from self._overtime(now)

    def _overtime(self, now: float) -> Iterator[tuple[WatchedTask, Alarm]]:
        chief, spending = self._tasks.chief, self._spending
        if not self._warned and (when := spending.when(0.0, now, NEARLY_SPENT)) is not None:
            yield chief, Alarm(when, "budget", "nudge")
        if (when := spending.when(CALL_GRACE_SECONDS, now)) is not None:
            late = [task for task in self._tasks.at_work() if task.cancelled_at is None]
            yield from ((task, Alarm(when, "budget", "cancel_task")) for task in late)
        if (when := spending.when(OVERTIME_SECONDS, now)) is not None:
            yield chief, Alarm(when, "budget", "end_mission")

    def _judge(self, task: WatchedTask, event: Event, now: float) -> None:
        """See whether what a task did makes a pattern clear."""
        self._listen(task, event, now)
        if isinstance(event, TaskStarted):
            self._begin(task, now)
        found = told(task.habits, event)
        for pattern in found:
            self._step_in(task, pattern, "nudge", now)
        if task.habits.fresh and not found:
            task.ease()

    def _listen(self, task: WatchedTask, event: Event, now: float) -> None:
        """New text shows that a model is at work, though not that the work gets on."""
        if isinstance(event, TextStreamed) and event.text:
            found = task.habits.listen(event.step, event.offset, event.text)
            if not task.habits.looping:
                task.lived = task.clock.read(now)
            if found and task is not self._tasks.chief:
                self._step_in(task, "monologue", "nudge", now)

    def _begin(self, task: WatchedTask, now: float) -> None:
        """See whether a task comes back to whom it came from, or had no room when it was tried before."""
        if task.habits.overflows >= TOO_LONG:
            self._step_in(task, "too_long", "nudge", now)
        above = list(self._tasks.above(task))
        first = next((t for t in above if t.operator == task.operator and nearly_same(t.goal, task.goal)), None)
        if first is not None:
            # Told is who got it; then who hands it back is ended; and at the third time the one it comes from.
            usual = (task, above[0], first)[min(first.returned_to, 2)]
            whose = next((t for t in above if t.told_of("circle")), usual)
            first.returned_to += 1
            self._step_in(whose, "circle", "nudge" if whose is task else "cancel_task", now)
        task.ease()  # it has not begun: what it was told counts when it does the same again, not after a time

    def _recall(self, event: Intervened, now: float) -> None:
        """Remember an intervention of an earlier attempt (of this one it is known already)."""
        if event.task_id is None:
            self._warned = self._warned or event.action == "nudge"
        elif (task := self._tasks.get(event.task_id)) is not None:
            task.tell_of(cast(Pattern, event.pattern), now, eased=True)
        done = (event.pattern, event.action, event.task_id)
        self._found = [f for f in self._found if (f.pattern, f.action, f.task_id) != done]

    def _step_in(self, task: WatchedTask, pattern: Pattern, action: Action, now: float) -> None:
        """Put a finding on the list; a second nudge for the same thing is the end of the task."""
        again = task.told_of(pattern)
        about = self._about(task, pattern, now)
        if task is self._tasks.chief:
            self._warned, self._over = True, action == "end_mission"
        elif task.cancelled_at is not None or any(
            (f.pattern, f.task_id) == (pattern, task.task_id) for f in self._found
        ):
            return  # it is being ended, or is about to be told
        elif again or action == "cancel_task":
            action, task.cancelled_at = "cancel_task", now
        else:
            task.tell_of(pattern, now)
        self._found.append(Finding(pattern, action, task.task_id or None, task.title, about, again))

    def _about(self, task: WatchedTask, pattern: Pattern, now: float) -> str:
        match pattern:
            case "no_progress":
                still = now - self._moved_at if task is self._tasks.chief else task.clock.read(now) - task.moved
                return f"{still:.0f}"
            case "budget":
                return self._spending.words(now)
            case _:
                return task.habits.about
