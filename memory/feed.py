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

    def announce(self, events: Sequence[Event]) -> None:
        """Hand committed events, in order, to everyone who follows."""
        if not events:
            return
        self._recent.extend(events)
        self.last = events[-1].seq
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, seq: int) -> list[Event] | None:
        """Wait for events after `seq` and return them; None if they are no longer (or were never) in memory."""
        while self.last <= seq:
            await self._changed.wait()
        skip = seq + 1 - self._recent[0].seq
        return None if skip < 0 else list(islice(self._recent, skip, None))
