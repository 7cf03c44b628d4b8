"""Leaving: somebody who was deleted is out at once; what is theirs is removed here, also after a crash in the middle of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from core.errors import NotFound, StaffworkError
from core.missions import ENDED, Status
from core.settings import Settings
from graphs.reception import Reception
from memory import contents
from memory.members import LEAVING, Members
from memory.presence import attended

if TYPE_CHECKING:
    from graphs.office import Office

log = logging.getLogger(__name__)
LOOK_SECONDS = 60.0
_UNENDED = tuple(status for status in Status if status not in ENDED)
_MANY = 500


async def stop_missions(office: Reception, user_id: str) -> int:
    """Stop everything that is at work, or waits, for a person; returns how much that was."""
    rows = await office.missions.recent(user_id, _MANY, status=_UNENDED)
    for row in rows:
        with suppress(NotFound):
            await office.cancel(row.mission.id, user_id)
    return len(rows)


async def set_role(office: Reception, user_id: str, role: str, by: str) -> None:
    """Give a person another role; missions stop if it does not allow them. Raises what Members.set_role does."""
    await Members(office.database).set_role(user_id, role, by)
    if role == "viewer":
        await stop_missions(office, user_id)
    await discard(office)


async def set_active(office: Reception, user_id: str, active: bool, by: str) -> None:
    """Let a person in again, or out with their missions stopped. Raises what Members.set_active does."""
    await Members(office.database).set_active(user_id, active, by)
    if not active:
        await stop_missions(office, user_id)


async def discard(office: Reception) -> None:
    """Erase the copies of links that have ended, with the contents nobody needs any more."""
    await contents.discard(office.database, office.blobs, await office.shares.sweep())


async def remove_everything(office: Office, user_id: str) -> None:
    """Remove all that is somebody's who is leaving, and then their account: conversations with missions, files, links and
    vectors; memories; keys, sessions, schedules and rules go with the account. What the audit log says stays."""
    members = Members(office.database)
    for conversation_id in await members.conversations_of(user_id):
        with suppress(NotFound):  # another process is at it too
            await office.delete_conversation(conversation_id, user_id)
    for origin_id in await members.indexed_of(user_id):  # memories, and whatever else is found again
        await office.index.forget(origin_id=origin_id, user_id=user_id)
    await discard(office)
    await members.remove(user_id)
    office.database.settle_soon()
    log.info("a person and all that was theirs is removed")


async def finish(settings: Settings) -> bool:
    """Remove who is leaving from here, if nobody else is at work on this data; says whether it was done."""
    if await attended(settings):
        return False
    from graphs.office import Office

    async with Office.open(settings, at_work=False) as office:
        for user_id in await Members(office.database).leaving():
            await remove_everything(office, user_id)
    return True


@asynccontextmanager
async def leaving(office: Any) -> AsyncIterator[None]:
    """Remove who is leaving for as long as this lasts: those of before, then each as they come."""
    removing = asyncio.create_task(_serve(office), name="leaving")
    removing.add_done_callback(_ended)
    try:
        yield
    finally:
        removing.cancel()
        await asyncio.wait([removing])


async def _serve(office: Office) -> None:
    members = Members(office.database)
    with office.database.signals.watching(LEAVING) as changed:
        while True:
            changed.clear()
            try:
                for user_id in await members.leaving():
                    await remove_everything(office, user_id)
            except StaffworkError as problem:  # tried again at the next look
                log.warning("a person cannot be removed just now: %s", problem)
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await changed.wait()


def _ended(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (problem := task.exception()) is not None:
        log.error("nobody removes people who are leaving any more", exc_info=problem)
