"""Schedules over HTTP: list, add, change, remove, run now; and what a cron line means, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
from fastapi import APIRouter, Request, Response

from api.visitors import present
from core.errors import BadInput
from core.missions import now
from graphs.schedule_keeping import preview
from graphs.timetable_words import clock, in_words
from memory.schedules import Schedule

if TYPE_CHECKING:
    from graphs.schedule_keeping import ScheduleKeeper

router = APIRouter(prefix="/api/schedules")


def keeper(request: Request) -> ScheduleKeeper:
    """Find who keeps the schedules."""
    found: ScheduleKeeper = request.app.state.office.schedules
    return found


@router.get("")
async def list_schedules(request: Request) -> dict[str, Any]:
    """List the person's schedules: the one due next first, paused ones last."""
    return {"schedules": [shown(s) for s in await keeper(request).list(present().user_id)]}


@router.post("", status_code=201)
async def add_schedule(request: Request) -> dict[str, Any]:
    """Keep a new schedule."""
    return shown(await keeper(request).add(present().user_id, await _given(request)))


@router.get("/preview")
async def preview_times(cron: str = "", timezone: str = "UTC") -> dict[str, Any]:
    """Say what a cron line means, and when it comes next."""
    return preview(cron, timezone, now())


@router.get("/{schedule_id}")
async def show_schedule(request: Request, schedule_id: str) -> dict[str, Any]:
    """Show one schedule."""
    return shown(await keeper(request).get(schedule_id, present().user_id))


@router.patch("/{schedule_id}")
async def change_schedule(request: Request, schedule_id: str) -> dict[str, Any]:
    """Change some fields of the version that was seen; 409 if somebody changed it since."""
    fields = await _given(request)
    version = fields.pop("version", None)
    if not isinstance(version, int) or isinstance(version, bool):
        raise BadInput("version: it is missing. Send the version of the schedule that you have seen.")
    return shown(await keeper(request).change(schedule_id, present().user_id, version, fields))


@router.delete("/{schedule_id}", status_code=204)
async def remove_schedule(request: Request, schedule_id: str, version: int | None = None) -> Response:
    """Remove a schedule; what came of it stays in its conversation."""
    await keeper(request).remove(schedule_id, present().user_id, version)
    return Response(status_code=204)


@router.post("/{schedule_id}/run", status_code=202)
async def run_schedule(request: Request, schedule_id: str, request_id: str = "") -> dict[str, str]:
    """Give the schedule's mission now; the same `request_id` twice is one mission."""
    mission = await keeper(request).run(schedule_id, present().user_id, request_id[:100])
    return {"mission_id": mission.id, "conversation_id": mission.conversation_id}


def shown(schedule: Schedule) -> dict[str, Any]:
    """Show a schedule as JSON: its fields, when it is due in words, and times as its own clock shows them."""
    fields = schedule.model_dump(mode="json", exclude={"user_id", "changed_by"})
    return fields | {
        "words": in_words(schedule.cron),
        "next_shown": clock(schedule.next_at, schedule.timezone) if schedule.next_at else None,
        "last_shown": clock(schedule.last_at, schedule.timezone) if schedule.last_at else None,
    }


async def _given(request: Request) -> dict[str, Any]:
    try:
        given = orjson.loads(await request.body())
    except orjson.JSONDecodeError as problem:
        raise BadInput(f"This is no JSON: {problem}.") from None
    if not isinstance(given, dict):
        raise BadInput("Send one JSON object with the fields of the schedule.")
    return given
