"""What happens with a message: its files are stored, it becomes a mission (or the answer to a question), and is followed."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chat.audience import openings
from chat.desk import Desk
from core.errors import BadInput, StaffworkError
from core.missions import Attachment, Mission, derived_id, now

log = logging.getLogger(__name__)
LOOK = "Look at what I attached and tell me what matters in it."


@dataclass(frozen=True)
class GivenFile:
    """A file as the browser uploaded it, not yet in our store."""

    name: str
    mime: str
    path: Path


@dataclass(frozen=True)
class Incoming:
    """One message a person sent; `id` is the page's own for it."""

    id: str
    conversation_id: str
    user_id: str
    text: str
    files: Sequence[GivenFile] = field(default=())


@dataclass(frozen=True)
class Taken:
    """What became of a message: the mission it belongs to; `replied` if it answered that mission's question."""

    mission_id: str
    replied: bool = False


async def converse(desk: Desk, incoming: Incoming) -> Taken:
    """Store a message safely and let everyone in the conversation follow what comes of it.

    Raises BadInput for what cannot be used, NotFound for a conversation of somebody else.
    """
    office = desk.office
    _check(desk, incoming)
    waiting = await office.missions.waiting_in(incoming.conversation_id)
    if waiting is not None and waiting.mission.user_id == incoming.user_id and not incoming.files:
        mission_id = waiting.mission.id
        begun = await openings(office, incoming.conversation_id, incoming.user_id)
        await office.answer(mission_id, incoming.user_id, incoming.text)
        desk.audience.announce(
            incoming.conversation_id, incoming.user_id, mission_id, begun.get(mission_id, mission_id)
        )
        return Taken(mission_id, replied=True)
    mission = await _mission(desk, incoming)
    await office.submit(mission, incoming.id)
    desk.audience.announce(incoming.conversation_id, incoming.user_id, mission.id, incoming.id)
    return Taken(mission.id)


def _check(desk: Desk, incoming: Incoming) -> None:
    try:
        well_formed = uuid.UUID(incoming.id).version == 4
    except ValueError:
        well_formed = False
    if not well_formed:
        raise BadInput("This message came in an unknown form. Reload the page and send it again.")
    if len(incoming.files) > desk.office.settings.upload_max_files:
        raise BadInput(f"At most {desk.office.settings.upload_max_files} files can go with one message.")


async def _mission(desk: Desk, incoming: Incoming) -> Mission:
    attachments: list[Attachment] = []
    for file in incoming.files:
        attachments.append(
            await desk.office.receive(incoming.user_id, incoming.conversation_id, file.name, file.mime, file.path)
        )
    return Mission(
        # Derived, so that a message sent twice (a lost connection) is one mission, and nobody can name another's.
        id=derived_id(incoming.user_id, incoming.conversation_id, incoming.id),
        conversation_id=incoming.conversation_id,
        user_id=incoming.user_id,
        goal=incoming.text.strip() or (LOOK if attachments else ""),
        attachments=tuple(attachments),
        created_at=now(),
    )


async def stop(desk: Desk, conversation_id: str, user_id: str) -> None:
    """Stop what is at work in a conversation; nothing happens if nothing is."""
    mission_id = desk.office.running(conversation_id)
    if mission_id is not None:
        await desk.office.cancel(mission_id, user_id)


def in_words(problem: Exception) -> str:
    """Say to a person what went wrong; what only the administrator can mend is logged under an id, which they are told."""
    if isinstance(problem, StaffworkError):
        return str(problem)
    error_id = uuid.uuid4().hex[:8]
    log.error("a request failed, error id %s", error_id, exc_info=problem)
    return f"Something went wrong here, and it was written down for the administrator. Error id: `{error_id}`"
