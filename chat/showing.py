"""What one page shows of its conversation beyond its newest missions: earlier ones, and the place it was sent to by a search."""

from __future__ import annotations

from typing import Any

from api.visitors import Visitor
from chat.window import Talk, gap_id

_SHOWN = "staffwork_shown"
_LONGEST_ID = 64


def shown_from(session: Any, conversation_id: str) -> str:
    """Name the mission from which on a page shows this conversation, also when it is connected anew; "" if it did not."""
    known, oldest = getattr(session, _SHOWN, ("", ""))
    return oldest if known == conversation_id else ""


async def tell_shown(session: Any, oldest: str, left: int) -> None:
    """Tell the page from which mission on it shows its conversation by now, and how many it does not; see public/earlier.js."""
    setattr(session, _SHOWN, (session.thread_id, oldest))
    shown = {"conversation": session.thread_id, "oldest": oldest, "left": left}
    await session.emit("window_message", {"shown": shown})


async def earlier(session: Any, person: Visitor, told: dict[str, Any]) -> None:
    """Show what came before the mission `earlier`; or a place, a list of lines of which the first that there is is meant.

    Raises NotFound for a conversation of somebody else.
    """
    talk = await Talk.open(session.thread_id, person.user_id)
    if isinstance(told.get("earlier"), str):
        reach = told.get("reach")
        await _add(session, talk, told["earlier"], reach if isinstance(reach, str) else "")
        return
    lines = [line for line in told["place"] if isinstance(line, str) and 0 < len(line) <= _LONGEST_ID][:2]
    place, oldest = await talk.find(lines), shown_from(session, session.thread_id)
    if place and not talk.shows(oldest, place.mission_id):
        await _add(session, talk, oldest, place.mission_id)
    await session.emit("window_message", {"place": {"asked": lines, "path": place.path if place else []}})


async def _add(session: Any, talk: Talk, oldest: str, reach: str) -> None:
    """Put missions into the gap before the one a page begins with."""
    part = await talk.before(oldest, reach)
    await session.emit("update_message", {"id": gap_id(session.thread_id, oldest), "steps": part.steps})
    for element in part.elements:
        if element["type"] != "tasklist":  # the page shows the newest one only
            await session.emit("element", element)
    await tell_shown(session, part.oldest, part.left)
