"""What happens with a message: its files are stored, it becomes a mission (or the answer to a question), and is followed."""

from __future__ import annotations

import logging
import uuid
from contextlib import suppress
from dataclasses import dataclass

from chat.answering import answer, overtake
from chat.desk import Desk
from chat.incoming import Incoming, received
from chat.lobby import with_samples
from core.errors import BadInput, NotFound, StaffworkError
from core.missions import Mission, derived_id, now
from graphs.choosing import checked_wishes, terms_for

log = logging.getLogger(__name__)
LOOK = "Look at what I attached and tell me what matters in it."


@dataclass(frozen=True)
class Taken:
    """What became of a message: the mission it belongs to; `replied` if it answered that mission's question."""

    mission_id: str
    replied: bool = False


async def converse(desk: Desk, incoming: Incoming) -> Taken:
    """Store a message safely and let everyone in the conversation follow what comes of it.

    Raises BadInput for what cannot be used, NotFound for a conversation of somebody else.
    """
    incoming = with_samples(incoming)
    _check(desk, incoming)
    if not await _known(desk, incoming) and (answered := await answer(desk, incoming)) is not None:
        desk.audience.nudge(answered)
        return Taken(answered, replied=True)
    mission = await _mission(desk, incoming)
    await desk.office.submit(mission, incoming.id)
    if incoming.talk_to:
        await talk_to(desk, incoming.talk_to, incoming.conversation_id, incoming.user_id)
    desk.audience.announce(mission, incoming.id)
    if incoming.files:
        await overtake(desk, incoming)
    return Taken(mission.id)


async def _known(desk: Desk, incoming: Incoming) -> bool:
    """Say whether a message is a mission already: sent a second time, it is no answer to what was asked meanwhile."""
    with suppress(NotFound):
        await desk.office.missions.get(_mission_id(incoming), incoming.user_id)
        return True
    return False


def _mission_id(incoming: Incoming) -> str:
    # Derived, so that a message sent twice (a lost connection) is one mission, and nobody can name another's.
    return derived_id(incoming.user_id, incoming.conversation_id, incoming.id)


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
    attachments = await received(desk, incoming)
    terms = await terms_for(desk.office, incoming.user_id, incoming.conversation_id)
    return Mission(
        id=_mission_id(incoming),
        conversation_id=incoming.conversation_id,
        user_id=incoming.user_id,
        goal=incoming.text.strip() or (LOOK if attachments else ""),
        attachments=attachments,
        created_at=now(),
        step_mode=terms.step_mode,
        cost=terms.cost,
        choices=terms.choices.model_copy(update=_said_with(incoming)),
    )


def _said_with(incoming: Incoming) -> dict[str, object]:
    """Say what was chosen with the message itself."""
    chosen: dict[str, object] = {"operators": incoming.talk_to} if incoming.talk_to else {}
    return chosen | ({"approve_plan": True} if incoming.plan_first else {})


async def talk_to(desk: Desk, operators: tuple[str, ...], conversation_id: str, user_id: str) -> None:
    """Have the next messages of a conversation go to these operators, or (none) to the Chief; raises NotFound or BadInput."""
    kept = await desk.office.preferences.get(user_id, conversation_id)
    wishes = kept.wishes.model_copy(update={"operators": operators})
    now = (await desk.office.connections.now()).settings
    await desk.office.preferences.put(checked_wishes(wishes, now, desk.office.roster), user_id, conversation_id)


def in_words(problem: Exception) -> str:
    """Say to a person what went wrong; what only the administrator can mend is logged under an id, which they are told."""
    if isinstance(problem, StaffworkError):
        return str(problem)
    error_id = uuid.uuid4().hex[:8]
    log.error("a request failed, error id %s", error_id, exc_info=problem)
    return f"Something went wrong here, and it was written down for the administrator. Error id: `{error_id}`"
