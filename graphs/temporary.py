"""The end of temporary conversations: everything of them is removed, when a person says so or when nobody has them open."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from core.errors import NotFound, StaffworkError
from core.missions import Mission, now
from memory.temporary import Temporary

if TYPE_CHECKING:
    from graphs.office import Office
    from graphs.reception import Reception

log = logging.getLogger(__name__)
LOOK_SECONDS = 30.0


async def remembering(office: Reception, mission: Mission) -> Mission:
    """Return a mission as it is to be run: one of a temporary conversation has no memory, whatever else was chosen."""
    if not await Temporary(office.database).holds(mission.conversation_id):
        return mission
    return mission.model_copy(update={"choices": mission.choices.model_copy(update={"memory": False})})


async def delete_wholly(office: Office, conversation_id: str, user_id: str) -> None:
    """Delete a conversation; of a temporary one its branches too, and what the database's own files still hold of it.

    Raises NotFound if it is not this user's.
    """
    temporary = Temporary(office.database)
    lost = await temporary.holds(conversation_id)
    family = await temporary.family(conversation_id) if lost else []
    await office.delete_conversation(conversation_id, user_id)
    for other in family:
        with suppress(NotFound):
            await office.delete_conversation(other, user_id)
    if lost:
        await office.database.settle()


async def end_idle(office: Office) -> int:
    """Delete the temporary conversations that nobody has open any more; returns how many."""
    since = now() - timedelta(minutes=office.settings.temporary_minutes)
    idle = await Temporary(office.database).idle(since)
    for conversation_id, user_id in idle:
        with suppress(NotFound):
            await delete_wholly(office, conversation_id, user_id)
    return len(idle)


@asynccontextmanager
async def ending(office: Any) -> AsyncIterator[None]:
    """End temporary conversations for as long as this lasts: those of before, then each when its time is over."""
    looking = asyncio.create_task(_look(office), name="temporary conversations")
    looking.add_done_callback(_ended)
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait([looking])


async def _look(office: Office) -> None:
    while True:
        try:
            await end_idle(office)
        except StaffworkError as problem:  # tried again at the next look
            log.warning("temporary conversations cannot be ended just now: %s", problem)
        await asyncio.sleep(LOOK_SECONDS)


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (problem := task.exception()) is not None:
        log.error("nobody ends temporary conversations any more", exc_info=problem)
