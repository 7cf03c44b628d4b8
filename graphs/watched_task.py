"""One task under watch: the time it has really worked, whom it waits for, and what was done about it already."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from core.events import TaskStarted
from graphs.intervening import Action
from graphs.stuck import Habits, Pattern

GRACE_SECONDS = 45.0
"""From a nudge until the task is ended, if nothing new came of it: one slow reply fits, and 15 seconds remain of the minute
within which whatever is stuck has to be resolved."""
READING_PATIENCE = 2
"""So many times the usual patience while new text keeps coming: a slow model that writes a long text is at work."""
NEARLY = 0.8
"""Two goals are nearly the same if they share this part of their words and all their numbers: a sentence turned around, or
with a polite word more, but not the next chapter and not a smaller piece."""
_COMPARED = 2_000  # characters of a goal


class Stopwatch:
    """Counts seconds while it runs; started at once."""

    def __init__(self, now: float) -> None:
        self._total = 0.0
        self._since: float | None = now

    def read(self, now: float) -> float:
        return self._total + (max(now - self._since, 0.0) if self._since is not None else 0.0)

    def run(self, running: bool, now: float) -> None:
        """Go on or stand still from now on."""
        self._total, self._since = self.read(now), now if running else None

    def when(self, mark: float, now: float) -> float | None:
        """Say at what time it will show `mark`; None while it stands still."""
        return None if self._since is None else now + mark - self.read(now)


@dataclass(slots=True)
class _Rung:
    """How far things went about one pattern; `at` is in seconds of the task's own work."""

    at: float
    eased: bool = False


@dataclass(frozen=True, slots=True)
class Alarm:
    """What happens at a time if nothing happens before."""

    when: float
    pattern: Pattern
    action: Action


@dataclass(slots=True)
class WatchedTask:
    """A task from its start to its end. The Chief, who waits while there are tasks, is watched as the task ""."""

    task_id: str
    operator: str
    title: str
    clock: Stopwatch
    parent: str = ""
    goal: frozenset[str] = frozenset()
    needs: set[str] = field(default_factory=set)
    children: set[str] = field(default_factory=set)
    people: dict[str, datetime] = field(default_factory=dict)  # what it waits for from a person, and since when
    habits: Habits = field(default_factory=Habits)
    moved: float = 0.0  # last progress, in seconds of its own work
    lived: float = 0.0  # last new text
    cancelled_at: float | None = None
    returned_to: int = 0  # how often its work came back to it from below
    _rungs: dict[Pattern, _Rung] = field(default_factory=dict)

    @classmethod
    def of(cls, event: TaskStarted, needs: set[str], now: float) -> WatchedTask:
        """Watch a task that has just started."""
        return cls(
            event.task_id,
            event.operator,
            event.title or event.operator,
            Stopwatch(now),
            parent=event.parent_task_id or "",
            goal=words_in(event.goal),
            needs=needs,
        )

    @property
    def working(self) -> bool:
        """Say whether it is its own turn: it waits for no person, no subtask and no task that it needs."""
        return not (self.people or self.children or self.needs)

    def tell(self, now: float) -> None:
        """Take note that whom it waits for may have changed."""
        self.clock.run(self.working, now)

    def progress(self, now: float) -> None:
        """Something was achieved."""
        self.moved = self.clock.read(now)
        if rung := self._rungs.get("no_progress"):
            rung.eased = True

    def ease(self) -> None:
        """It has found another way: no nudge is open any more, though none is forgotten."""
        for rung in self._rungs.values():
            rung.eased = True

    def told_of(self, pattern: Pattern) -> bool:
        return pattern in self._rungs

    def tell_of(self, pattern: Pattern, now: float, *, eased: bool = False) -> None:
        """Note a nudge; the same one again changes nothing."""
        if pattern not in self._rungs:
            self._rungs[pattern] = _Rung(self.clock.read(now), eased)
            self.habits.excuse(pattern)

    def alarms(self, now: float, patience: float) -> Iterator[Alarm]:
        """List what time alone will bring; `patience` in seconds."""
        if self.cancelled_at is not None:
            return
        latest = min(max(self.moved, self.lived) + patience, self.moved + READING_PATIENCE * patience)
        nudged = self._rungs.get("no_progress")
        if nudged is None or nudged.eased:
            yield from self._at(latest, now, "no_progress", "cancel_task" if nudged else "nudge")
        for pattern, rung in self._rungs.items():
            if not rung.eased:
                yield from self._at(rung.at + GRACE_SECONDS, now, pattern, "cancel_task")

    def _at(self, mark: float, now: float, pattern: Pattern, action: Action) -> Iterator[Alarm]:
        when = self.clock.when(mark, now)
        if when is not None:
            yield Alarm(when, pattern, action)


def words_in(goal: str) -> frozenset[str]:
    """Break a goal into its words, for comparing it with another."""
    return frozenset(re.findall(r"\w+", goal[:_COMPARED].lower()))


def nearly_same(one: frozenset[str], other: frozenset[str]) -> bool:
    """Say whether two goals are the same but for a few words; other numbers make another goal."""
    if {w for w in one if w[0].isdigit()} != {w for w in other if w[0].isdigit()}:
        return False
    return len(one & other) >= NEARLY * len(one | other)
