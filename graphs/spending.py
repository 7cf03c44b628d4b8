"""What a mission has used of its budget so far, and when its time will be up; counted from its events."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from core.budget import Budget, Usage
from core.events import Event, ModelFailed, ModelReplied, ToolReturned, money
from graphs.watched_task import Stopwatch

NEARLY_SPENT = Decimal("0.8")
"""The part of a budget at which operators are asked to come to an end: a fifth is left for their reports and the answer."""


class Spending:
    """Calls, tokens, money and time of one mission; `clock` stands still while everybody waits for people."""

    def __init__(self, budget: Budget, clock: Stopwatch, at_work: float) -> None:
        self._budget, self._at_work = budget, at_work
        self._used = Usage()
        self.clock = clock

    def count(self, event: Event) -> None:
        """Add what a call used; a call that failed or was stopped costs all the same."""
        match event:
            case ModelReplied() | ModelFailed():
                self._used += event.usage
            case ToolReturned():
                self._used += Usage(tool_calls=1)
            case _:
                pass  # costs nothing

    def when(self, beyond: float, now: float, part: Decimal = Decimal(1)) -> float | None:
        """Say when the time at work is `part` of what is allowed and `beyond` seconds more; None if never as things stand."""
        if self._budget.seconds is None:
            return None
        return self.clock.when(self._budget.seconds * float(part) + beyond - self._at_work, now)

    def nearly_spent(self) -> bool:
        """Say whether so much of anything but time is used that the work should come to an end."""
        return any(used >= allowed * NEARLY_SPENT for used, allowed, _ in self._amounts())

    def words(self, now: float) -> str:
        """Say what is used most, in comparison with what is allowed."""
        seconds = Decimal(f"{self.clock.read(now) + self._at_work:.0f}")
        time = [] if self._budget.seconds is None else [(seconds, Decimal(self._budget.seconds), "seconds")]
        used, allowed, unit = max([*self._amounts(), *time], key=lambda a: a[0] / a[1])
        if unit == "dollars":
            return f"{money(used)} of {money(allowed)}"
        return f"{used:,} of {allowed:,f} {unit}"

    def _amounts(self) -> Iterator[tuple[Decimal, Decimal, str]]:
        b, u = self._budget, self._used
        for used, allowed, unit in (
            (u.model_calls, b.model_calls, "model calls"),
            (u.tool_calls, b.tool_calls, "tool calls"),
            (u.tokens, b.tokens, "tokens"),
            (u.cost, b.cost, "dollars"),
        ):
            if allowed is not None:
                yield Decimal(used), Decimal(allowed), unit
