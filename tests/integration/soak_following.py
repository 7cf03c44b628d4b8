"""Whoever follows a mission from another process, over all kills and rests."""

from __future__ import annotations

import asyncio

from core.events import Event
from core.missions import ENDED
from memory.journal import Journal
from memory.missions import Missions


class Follower:
    """Follows one mission from its first event until it is told that nothing more is to come."""

    def __init__(self, missions: Missions, journal: Journal, mission_id: str) -> None:
        self._missions, self._journal, self._mission_id = missions, journal, mission_id
        self.seen: list[Event] = []
        self._over = asyncio.Event()
        self._task = asyncio.create_task(self._follow())

    async def _follow(self) -> None:
        while True:
            over = self._over.is_set()
            after = self.seen[-1].seq if self.seen else 0
            async for event in self._journal.follow(self._mission_id, after):
                self.seen.append(event)
            if over and (await self._missions.get(self._mission_id)).status in ENDED:
                return
            if not over:
                await asyncio.wait({asyncio.ensure_future(self._over.wait())}, timeout=0.1)

    async def finish(self) -> list[Event]:
        """Return every event, in the order in which they came."""
        self._over.set()
        await asyncio.wait_for(self._task, 30)
        return self.seen
