"""A schedule said in the chat: shown as a card with its time, zone and next times, and kept only when the person confirms it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from core.errors import BadInput
from core.missions import ENDED, now
from graphs.schedule_keeping import preview
from graphs.schedule_saying import Saying, understood
from graphs.timetable import check_timezone
from memory.temporary import Temporary

if TYPE_CHECKING:
    from chat.incoming import Incoming
    from graphs.office import Office

CONFIRMED = re.compile(r"yes (?P<cron>\S+ \S+ \S+ \S+ \S+) (?P<zone>\S+) (?P<goal>.+)", re.S)
"""What the card's button sends after /schedule."""
_ZONE = "staffwork_zone"
HOW = 'Say when and what: "/schedule every Monday at 9, summarise the news". A zone may follow the time: "in Europe/Berlin".'


def keep_zone(session: Any, name: object) -> None:
    """Note which time zone a page's clock is in; one that is none is not noted."""
    try:
        setattr(session, _ZONE, check_timezone(str(name)[:60]))
    except BadInput:
        return


def zone_of(session: Any) -> str:
    """Name the time zone of a page's clock, "" if it has not said so."""
    return str(getattr(session, _ZONE, ""))


async def proposed(office: Office, incoming: Incoming) -> Saying | None:
    """Find a schedule in a message; None while work goes on (it may be an answer), with files, and in a temporary chat."""
    saying = None if incoming.files else understood(incoming.text)
    if saying is None or await Temporary(office.database).holds(incoming.conversation_id):
        return None
    for row in await office.missions.of_conversation(incoming.conversation_id):
        if row.mission.user_id == incoming.user_id and row.status not in ENDED:
            return None
    return await placed(office, incoming, saying)


async def placed(office: Office, incoming: Incoming, saying: Saying) -> Saying:
    """Give it a time zone: the one that was named, that of the page's clock, that of the person's newest schedule, or UTC."""
    zone = saying.zone or incoming.zone
    if not zone:
        known = await office.schedules.list(incoming.user_id)
        zone = max(known, key=lambda s: s.created_at).timezone if known else "UTC"
    return Saying(saying.cron, zone, saying.goal)


def wanted(rest: str) -> Saying:
    """Read what follows /schedule; raises BadInput that says how to write it."""
    found = understood(rest)
    if found is None:
        raise BadInput(f"When, and what? {HOW}")
    return found


def times(saying: Saying) -> tuple[str, list[str]]:
    """Say when a schedule is due, and the next three times as its clock shows them."""
    told = preview(saying.cron, saying.zone, now())
    words = str(told["words"])
    return f"{words[:1].upper()}{words[1:]}, {told['timezone']}", list(told["next"])


async def confirmed(office: Office, user_id: str, found: re.Match[str]) -> tuple[str, str]:
    """Keep the schedule of a card, once; returns its name and when it is due, in words. Raises BadInput."""
    fields = {"goal": found["goal"].strip(), "cron": found["cron"], "timezone": found["zone"]}
    same = [
        s
        for s in await office.schedules.list(user_id)
        if s.active and (s.goal, s.cron, s.timezone) == (fields["goal"], fields["cron"], fields["timezone"])
    ]
    kept = same[0] if same else await office.schedules.add(user_id, fields)  # a button pressed twice makes one
    words, coming = times(Saying(kept.cron, kept.timezone, kept.goal))
    return kept.name, f"{words}. Next: {coming[0]}."
