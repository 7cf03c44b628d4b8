"""What a person does with a message that waits its turn: use it in the work at hand, begin a conversation with it, take it back.

Each is done once, however often it is asked for: what is new has an id derived from the waiting mission's, and is stored before
the old one is stopped, so that a crash in between loses nothing and asking again goes on where it was.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.errors import BadInput, Conflict, NotFound
from core.missions import ENDED, Mission, Status, derived_id
from core.steering import Order, OrderKind
from memory.missions import MissionRow

if TYPE_CHECKING:
    from graphs.reception import Reception

USED, MOVED, TAKEN_BACK, OVERTAKEN = "used", "moved", "taken back", "overtaken"
"""What the order that stops a mission says in `choice`; views tell from it what became of the message. One is overtaken when the
user went on with another message instead of answering its question."""


async def use_now(office: Reception, user_id: str, waiting_id: str) -> None:
    """Give a waiting message to the mission at hand in its conversation, as an instruction.

    Raises NotFound, BadInput if the message has files, or Conflict if it has begun, or nothing is at work to be told.
    """
    stop = _stop(user_id, waiting_id, USED)
    row = await _waiting(office, user_id, stop)
    if row.mission.attachments:
        raise BadInput(
            "Files cannot be handed to work that has begun. Leave the message where it is, or begin a new conversation."
        )
    if row.status is Status.PENDING:
        target = await _at_hand(office, row)
        order_id = derived_id(waiting_id, "instruction", target)
        await office.give(
            Order(id=order_id, mission_id=target, kind=OrderKind.INSTRUCT, by=user_id, text=row.mission.goal)
        )
        await office.give(stop)


async def begin_elsewhere(office: Reception, user_id: str, waiting_id: str) -> Mission:
    """Give a waiting message, with its files, to a conversation of its own; returns the mission there.

    Raises NotFound, or Conflict if it has begun here.
    """
    there = derived_id(waiting_id, "conversation")
    stop = _stop(user_id, waiting_id, MOVED, text=there)
    old = (await _waiting(office, user_id, stop)).mission
    new_id = derived_id(waiting_id, "elsewhere")
    try:
        mission = (await office.missions.get(new_id, user_id)).mission
    except NotFound:
        files = [
            await office.receive(user_id, there, f.name, f.mime, office.blobs.path(f.hash)) for f in old.attachments
        ]
        changed = {"id": new_id, "conversation_id": there, "attachments": tuple(files)}
        mission = old.model_copy(update=changed)
        await office.submit(mission)
    await office.give(stop)
    return mission


async def take_back(office: Reception, user_id: str, waiting_id: str) -> None:
    """Withdraw a waiting message; raises NotFound, or Conflict if it has begun."""
    stop = _stop(user_id, waiting_id, TAKEN_BACK)
    await _waiting(office, user_id, stop)
    await office.give(stop)


def _stop(user_id: str, waiting_id: str, choice: str, text: str = "") -> Order:
    return Order(
        id=derived_id(waiting_id, "stop", choice),
        mission_id=waiting_id,
        kind=OrderKind.STOP,
        by=user_id,
        choice=choice,
        text=text,
    )


async def _waiting(office: Reception, user_id: str, stop: Order) -> MissionRow:
    """Return a mission that waits its turn; also one that this very order has stopped already."""
    row = await office.missions.get(stop.mission_id, user_id)
    if row.status is not Status.PENDING and not await office.orders.known(stop):
        raise Conflict("This message does not wait any more: work on it has begun.")
    return row


async def _at_hand(office: Reception, row: MissionRow) -> str:
    """Name the mission of the same conversation that has begun and not ended, one at work before one at rest."""
    others = await office.missions.of_conversation(row.mission.conversation_id)
    begun = [r for r in others if r.status is not Status.PENDING and r.status not in ENDED and r.mission != row.mission]
    if not begun:
        raise Conflict("Nothing is at work here any more; your message is next.")
    return max(begun, key=lambda r: r.status is Status.IN_PROGRESS).mission.id
