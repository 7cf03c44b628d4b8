"""Who a conversation goes to, as one browser chose it, and what the composer offers: staff and commands."""

from __future__ import annotations

import asyncio
from typing import Any

from chat.commands import COMMANDS
from chat.conversation import talk_to
from chat.desk import Desk
from core.errors import BadInput, NotFound
from graphs.choosing import checked_wishes
from graphs.reception import LONGEST_MESSAGE
from memory.preferences import Wishes

_CHOSEN, _TURN = "staffwork_talk_to", "staffwork_turn"


def chosen(session: Any) -> tuple[str, ...]:
    """Name the operators chosen for a conversation that has not begun; () once it has."""
    return () if session.has_first_interaction else getattr(session, _CHOSEN, ())


def in_turn(session: Any) -> asyncio.Lock:
    """What makes a choice be known before a message that was sent right after it: events of one page begin in their order."""
    lock: asyncio.Lock = getattr(session, _TURN, None) or asyncio.Lock()
    setattr(session, _TURN, lock)
    return lock


async def choose(desk: Desk, session: Any, user_id: str, names: list[Any]) -> None:
    """Choose whom to talk to: kept with the conversation, or with this page while nothing was said in it.

    Raises BadInput for an operator there is not, NotFound for a conversation of somebody else.
    """
    if len(names) > 1 or not all(isinstance(name, str) for name in names):
        raise BadInput("Choose one operator, or the Chief of Staff.")
    operators = tuple(names)
    if session.has_first_interaction:
        await talk_to(desk, operators, session.thread_id, user_id)
    else:
        now = (await desk.office.connections.now()).settings
        checked_wishes(Wishes(operators=operators), now, desk.office.roster)
    setattr(session, _CHOSEN, operators)


async def view(desk: Desk, session: Any, user_id: str) -> dict[str, Any]:
    """Describe for the page whom the conversation goes to, and whom and what the composer offers."""
    operators = chosen(session)
    if session.has_first_interaction:
        try:
            operators = (await desk.office.preferences.get(user_id, session.thread_id)).wishes.operators
        except NotFound:
            operators = ()
    staff = [{"name": p.name, "title": p.title, "when": p.when} for p in desk.office.roster.enabled()]
    known = {p["name"] for p in staff}
    return {
        "to": next((name for name in operators if name in known), ""),
        "staff": staff,
        "commands": [{"name": name, "takes": c.takes, "words": c.words} for name, c in COMMANDS.items()],
        "longest": LONGEST_MESSAGE,
    }
