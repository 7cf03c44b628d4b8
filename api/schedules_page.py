"""The page on which people keep their schedules; drawn here, its buttons speak to `/api/schedules` (public/schedules.js)."""

from __future__ import annotations

from functools import cache
from html import escape
from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.schedules import keeper, shown
from api.templates import address_of_asset, template
from api.visitors import present
from core.missions import Status
from graphs.timetable import zones
from memory.schedules import Schedule

router = APIRouter()

STANDS = {
    Status.PENDING: "waiting for its turn",
    Status.IN_PROGRESS: "at work",
    Status.PAUSED: "paused",
    Status.WAITING_APPROVAL: "waits for your approval",
    Status.WAITING_ANSWER: "waits for your answer",
    Status.COMPLETED: "completed",
    Status.FAILED: "failed",
    Status.CANCELLED: "stopped",
    Status.NEEDS_ATTENTION: "needs your attention",
}


@router.get("/schedules")
async def schedules_page(request: Request) -> HTMLResponse:
    """Show the person's schedules, and the forms to change them."""
    schedules = await keeper(request).list(present().user_id)
    items = "".join(item(s) for s in schedules)
    return HTMLResponse(
        template("schedules.html").substitute(
            items=items,
            none="hidden" if schedules else "",
            some="" if schedules else "hidden",
            zones=_zones(),
            style=address_of_asset("schedules.css"),
            script=address_of_asset("schedules.js"),
        )
    )


def item(schedule: Schedule) -> str:
    """Draw one schedule; every word is escaped."""
    fields = shown(schedule)
    words: dict[str, str] = {
        "id": schedule.id,
        "name": schedule.name,
        "goal": schedule.goal,
        "when": fields["words"][:1].upper() + fields["words"][1:],
        "zone": schedule.timezone,
        "next": f"Next: {fields['next_shown']}" if fields["next_shown"] else "Paused: it does not run by itself.",
        "last": schedule.last_words,
        "status": STANDS[schedule.last_status] if schedule.last_status else "",
        "stands": schedule.last_status.value if schedule.last_status else "none",
        "results": f"/thread/{schedule.conversation_id}",
        "paused": "" if schedule.active else "paused",
        "toggle": "Pause" if schedule.active else "Resume",
        "data": _data(fields),
    }
    hidden = {
        "no_last": "" if schedule.last_words else "hidden",
        "no_results": "" if schedule.last_status else "hidden",
        "no_badge": "hidden" if schedule.active else "",
    }
    return template("schedule.html").substitute(hidden, **{key: escape(word) for key, word in words.items()})


def _data(fields: dict[str, Any]) -> str:
    return orjson.dumps(fields).decode()


@cache
def _zones() -> str:
    return "".join(f'<option value="{escape(zone)}">' for zone in zones())
