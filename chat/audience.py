"""Who watches: every connected browser session of a conversation follows the missions of it until they end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from chat.helm import Helm
from chat.picture import Picture
from chat.rendering import render
from chat.screen import Emit, Screen, pause
from core.errors import NotFound
from core.missions import ENDED, RESTING, Mission, Status, new_id

if TYPE_CHECKING:
    from graphs.office import Office

log = logging.getLogger(__name__)
_SOON = (0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
AT_REST_SECONDS = 5.0
"""How long a mission at rest is left alone at most, should what wakes it be missed."""


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
        self._nudged: dict[tuple[str, str], asyncio.Event] = {}

    async def open_in(self, conversation_id: str) -> frozenset[str]:
        """Name the missions of a conversation that have not ended: to be asked before it is shown, see `join`."""
        rows = await self._office.missions.of_conversation(conversation_id)
        return frozenset(row.mission.id for row in rows if row.status not in ENDED)

    async def join(self, session: Session, user_id: str, shown_open: frozenset[str] = frozenset()) -> None:
        """Take in a session that has just connected; it follows what has not ended in its conversation.

        `shown_open` had not ended when the conversation was about to be shown: they may have since, unseen.
        """
        await self.leave(session.id)
        self._present[session.id] = (session, user_id)
        rows = await self._office.missions.of_conversation(session.thread_id)
        begun = await openings(self._office, session.thread_id, user_id)
        for row in rows:
            follows = row.status not in ENDED or row.mission.id in shown_open
            if row.mission.user_id == user_id and follows:
                self._watch(session, row.mission, begun.get(row.mission.id, row.mission.id))

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

    def announce(self, mission: Mission, message_id: str) -> None:
        """Let every session of this user's conversation watch a mission."""
        for session in self.together(mission.conversation_id, mission.user_id):
            self._watch(session, mission, message_id)

    def together(self, conversation_id: str, user_id: str) -> list[Session]:
        """List the sessions of a user that show a conversation."""
        known = self._present.values()
        return [session for session, owner in known if session.thread_id == conversation_id and owner == user_id]

    def nudge(self, mission_id: str) -> None:
        """Tell those who watch a mission that something was ordered: if it rests, it goes on in a moment."""
        for (_, watched), nudged in self._nudged.items():
            if watched == mission_id:
                nudged.set()

    def _watch(self, session: Session, mission: Mission, message_id: str) -> None:
        key = (session.id, mission.id)
        if key in self._watching:
            return
        self._nudged[key] = asyncio.Event()
        task = asyncio.create_task(self._follow(session, Helm(mission), Picture(mission.id, message_id)))
        self._watching[key] = task
        task.add_done_callback(lambda done: self._done(key, done))

    def _done(self, key: tuple[str, str], task: asyncio.Task[None]) -> None:
        self._watching.pop(key, None)
        self._nudged.pop(key, None)
        if not task.cancelled() and (problem := task.exception()):
            log.error("a view of mission %s stopped", key[1], exc_info=problem)

    async def _follow(self, session: Session, helm: Helm, picture: Picture) -> None:
        """Show a mission in one session until it ends, and what can be done about it."""

        async def emit(name: str, data: object) -> None:
            await session.emit(name, data)  # looked up anew each time: a reconnected browser has a new connection

        screen, changed = Screen(session.thread_id, emit), asyncio.Event()
        nudged = self._nudged[session.id, picture.mission_id]
        title = await self._title(helm.mission)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(self._read(helm, picture, changed, nudged))
            while not reading.done():
                await changed.wait()
                changed.clear()
                await screen.show(picture, helm)
                await asyncio.sleep(pause(picture))
        await screen.show(picture, helm)
        if await self._title(helm.mission) != title:  # its answer gave the conversation a better one
            await list_anew(session)

    async def _title(self, mission: Mission) -> str:
        with suppress(NotFound):  # it was deleted meanwhile
            return (await self._office.conversations.get(mission.conversation_id, mission.user_id)).title
        return ""

    async def _read(self, helm: Helm, picture: Picture, changed: asyncio.Event, nudged: asyncio.Event) -> None:
        """Take events as they come, through all rests of the mission."""
        seq, waits = 0, iter(_SOON)
        try:
            while not helm.ended:
                async for event in self._office.follow(picture.mission_id, seq):
                    seq, waits = event.seq, iter(_SOON)
                    helm.note(event)
                    picture.apply(render(picture, event))
                    changed.set()
                longest = AT_REST_SECONDS if helm.status in RESTING else _SOON[-1]  # or it is about to be taken up
                # By whichever door it was answered, in this process or another: what is written about it next is seen.
                stirred = self._office.journal.stirred(picture.mission_id, seq)
                if await _at_most(next(waits, longest), nudged.wait(), stirred):
                    nudged.clear()
                    waits = iter(_SOON)
        except NotFound:
            helm.status = Status.CANCELLED  # the conversation was deleted meanwhile
        finally:
            changed.set()


async def _at_most(seconds: float, *awaited: Coroutine[Any, Any, object]) -> bool:
    """Wait for one of these, at most so long; says whether it came."""
    tasks = [asyncio.create_task(each) for each in awaited]
    try:
        done, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return bool(done)
    finally:
        for task in tasks:
            task.cancel()


async def list_anew(session: Session) -> None:
    """Have a page that shows a conversation ask for the list of all again: it does whenever it is told of other first words."""
    await session.emit("first_interaction", {"interaction": f"titles {new_id()}", "thread_id": session.thread_id})


async def openings(office: Office, conversation_id: str, user_id: str) -> dict[str, str]:
    """Map each mission of a conversation to the message it began with."""
    found: dict[str, str] = {}
    for message in await office.conversations.messages(conversation_id, user_id=user_id):
        if message.author == "user" and message.mission_id is not None:
            found.setdefault(message.mission_id, message.id)
    return found
