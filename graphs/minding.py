"""A watchdog at its mission: it is shown every event and looks when it is due, by a timer of the loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from core.events import Event
from graphs.intervening import Finding
from graphs.watchdog import Limits, Watchdog

LONGEST_LOOK_AWAY = 1.0
"""Seconds between two looks at most: events may bring forward what is due, and asking after each would cost more than looking."""


class Minder:
    """Hands each finding to `act`, from the loop and never from within `observe`; `close` it when the attempt is over."""

    def __init__(self, limits: Limits, act: Callable[[Finding], None]) -> None:
        self._dog, self._act = Watchdog(limits), act
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False

    def recall(self, past: list[Event]) -> None:
        """Show it the events of earlier attempts."""
        for event in past:
            self._dog.observe(event)

    def observe(self, event: Event) -> None:
        """Show it an event, in the order in which they happen."""
        self._dog.observe(event)
        if self._timer is None or self._dog.has_found:
            self._look_in(0.0)

    def close(self) -> None:
        """Look no more."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _look_in(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not self._closed:
            self._timer = asyncio.get_running_loop().call_later(seconds, self._look)

    def _look(self) -> None:
        now = time.monotonic()
        for finding in self._dog.look(now):
            self._act(finding)
        due = self._dog.due()
        wait = LONGEST_LOOK_AWAY if due is None else min(max(due - now, 0.0), LONGEST_LOOK_AWAY)
        self._look_in(wait)
