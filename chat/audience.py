"""Who watches: every connected browser session of a conversation follows the missions of it, from the first event on."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Protocol

from chat.picture import Picture
from chat.rendering import render
from chat.screen import Emit, Screen, pause
from core.errors import NotFound
from core.missions import RESTING

if TYPE_CHECKING:
    from graphs.office import Office

log = logging.getLogger(__name__)
_RESUMING = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)


class Session(Protocol):
    """What we use of Chainlit's websocket session; `emit` goes to the browser's newest connection."""

    id: str
    thread_id: str
    emit: Emit


class Audience:
    """Keeps the sessions that are connected, and one task for each mission each of them watches."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._present: dict[str, tuple[Session, str]] = {}
        self._watching: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def join(self, session: Session, user_id: str) -> None:
        """Take in a session that has just connected; it follows what is at work in its conversation."""
        await self.leave(session.id)
        self._present[session.id] = (session, user_id)
        rows = await self._office.missions.of_conversation(session.thread_id)
        begun = await openings(self._office, session.thread_id, user_id)
        for row in rows:
            if row.mission.user_id == user_id and row.status not in RESTING:
                self._watch(session, row.mission.id, begun.get(row.mission.id, row.mission.id))

    async def leave(self, session_id: str) -> None:
        """Let a session go; the missions go on."""
        self._present.pop(session_id, None)
        tasks = [task for (watcher, _), task in self._watching.items() if watcher == session_id]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Let everybody go."""
        for session_id in list(self._present):
            await self.leave(session_id)

    def announce(self, conversation_id: str, user_id: str, mission_id: str, message_id: str) -> None:
        """Let every session of this user's conversation watch a mission."""
        for session, owner in self._present.values():
            if session.thread_id == conversation_id and owner == user_id:
                self._watch(session, mission_id, message_id)

    def _watch(self, session: Session, mission_id: str, message_id: str) -> None:
        key = (session.id, mission_id)
        if key in self._watching:
            return
        behind = self._office.running(session.thread_id) not in (None, mission_id)
        task = asyncio.create_task(self._follow(session, Picture(mission_id, message_id, behind)))
        self._watching[key] = task
        task.add_done_callback(lambda done: self._done(key, done))

    def _done(self, key: tuple[str, str], task: asyncio.Task[None]) -> None:
        self._watching.pop(key, None)
        if not task.cancelled() and (problem := task.exception()):
            log.error("a view of mission %s stopped", key[1], exc_info=problem)

    def _busy(self, session_id: str) -> bool:
        return any(watcher == session_id for watcher, _ in self._watching)

    async def _follow(self, session: Session, picture: Picture) -> None:
        """Show a mission in one session until it ends; the stop button is there for as long."""

        async def emit(name: str, data: object) -> None:
            await session.emit(name, data)  # looked up anew each time: a reconnected browser has a new connection

        screen, changed = Screen(session.thread_id, emit), asyncio.Event()
        await emit("task_start", {})
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(picture, changed))
            while not reading.done():
                await changed.wait()
                changed.clear()
                await screen.show(picture)
                await asyncio.sleep(pause(picture))
        await screen.show(picture)
        self._watching.pop((session.id, picture.mission_id), None)
        if not self._busy(session.id):
            await emit("task_end", {})

    async def _read(self, picture: Picture, changed: asyncio.Event) -> None:
        """Draw events as they come. An answered mission rests until it is taken up again: then it is followed anew."""
        seq, waits = 0, iter(_RESUMING)
        try:
            while True:
                async for event in self._office.follow(picture.mission_id, seq):
                    seq, waits = event.seq, iter(_RESUMING)
                    picture.apply(render(picture, event))
                    changed.set()
                if not picture.at_work:
                    return
                await asyncio.sleep(next(waits, _RESUMING[-1]))
        except NotFound:
            return  # the conversation was deleted meanwhile
        finally:
            changed.set()


async def openings(office: Office, conversation_id: str, user_id: str) -> dict[str, str]:
    """Map each mission of a conversation to the message it began with."""
    found: dict[str, str] = {}
    for message in await office.conversations.messages(conversation_id, user_id=user_id):
        if message.author == "user" and message.mission_id is not None:
            found.setdefault(message.mission_id, message.id)
    return found
