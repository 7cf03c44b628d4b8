"""The newest events of one mission, for those who watch it in this process."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from itertools import islice

from core.events import Event

KEPT = 512
"""Events kept in memory; a follower further behind reads the database, so it can be slow without holding anyone up."""


class Feed:
    """Holds what was committed last and wakes its followers; the writer never waits for them."""

    def __init__(self) -> None:
        self._recent: deque[Event] = deque(maxlen=KEPT)
        self._changed = asyncio.Event()
        self.last = 0
        self.hints = 0
        """How often another process may have written."""

    def announce(self, events: Sequence[Event]) -> None:
        """Hand committed events, in order, to everyone who follows."""
        if not events:
            return
        if events[0].seq != self.last + 1:  # another process had the mission meanwhile
            self._recent.clear()
        self._recent.extend(events)
        self.last = events[-1].seq
        self._wake()

    def hint(self) -> None:
        """Hear that another process may have written: what it wrote stands in the database only."""
        self.hints += 1
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, seq: int, hints: int) -> list[Event] | None:
        """Wait for events after `seq` and return them; None if there may be some that are not in memory.

        `hints` is how many there were when the database was read last.
        """
        while self.last <= seq and self.hints == hints:
            await self._changed.wait()
        if self.last <= seq:
            return None
        skip = seq + 1 - self._recent[0].seq
        return None if skip < 0 else list(islice(self._recent, skip, None))
