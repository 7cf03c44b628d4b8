"""The doorkeeper: whoever stays connected is looked after, and shown out as soon as their session has ended.

A request is checked when it comes. A socket, or an answer that goes on and on, was let in long ago: it is checked here, at
once when a session is ended in this house, and every two seconds for what nobody says (another process, or time).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import TYPE_CHECKING

from api.visitors import KEY
from core.errors import StaffworkError
from memory.sessions import TOPIC

if TYPE_CHECKING:
    from graphs.reception import Reception

log = logging.getLogger(__name__)
LOOK_SECONDS = 2.0


class Doorkeeper:
    """Knows who is inside, by session, and how to show each of them out."""

    def __init__(self) -> None:
        self._inside: dict[str, list[Callable[[], None]]] = {}

    @contextmanager
    def staying(self, session_id: str, show_out: Callable[[], None]) -> Iterator[None]:
        """While this lasts, have `show_out` called once the session has ended ("" is nobody's session)."""
        if not session_id:
            yield
            return
        self._inside.setdefault(session_id, []).append(show_out)
        try:
            yield
        finally:
            left = self._inside[session_id]
            left.remove(show_out)
            if not left:
                del self._inside[session_id]

    @asynccontextmanager
    async def on_duty(self, office: Reception) -> AsyncIterator[None]:
        """Look after everybody for as long as the house is open."""
        watching = asyncio.create_task(self._watch(office), name="doorkeeper")
        watching.add_done_callback(_ended)
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def look(self, office: Reception) -> None:
        """Show out everybody whose session has ended."""
        keys = {name for name in self._inside if name.startswith(KEY)}
        ended = await office.sessions.ended(set(self._inside) - keys)
        ended |= {KEY + i for i in await office.doors.keys.ended([name.removeprefix(KEY) for name in keys])}
        for session_id in ended:
            for show_out in list(self._inside.get(session_id, ())):
                show_out()

    async def _watch(self, office: Reception) -> None:
        with office.database.signals.watching(TOPIC) as changed:
            while True:
                changed.clear()
                try:
                    if self._inside:
                        await self.look(office)
                except StaffworkError as problem:  # the database is away: nobody new gets in either
                    log.warning("sessions cannot be looked at just now: %s", problem)
                with suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await changed.wait()


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (problem := task.exception()) is not None:
        log.error("nobody looks after those who stay connected any more", exc_info=problem)
