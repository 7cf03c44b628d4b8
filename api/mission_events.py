"""What happens in a mission, told to programs: replayed, then live, as Server-Sent Events; or as JSON so far."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from api.bodies import Unusable
from api.missions import mine
from core.errors import StaffworkError
from core.events import Event
from core.missions import ENDED

if TYPE_CHECKING:
    from graphs.office import Office

router = APIRouter(prefix="/api/missions")
HEARTBEAT_SECONDS = 15.0
"""Pause after which a comment is sent, so that nobody in between takes the connection for dead."""
_LAST = 2**53


@router.get("/{mission_id}/events")
async def follow_events(
    request: Request,
    mission_id: str,
    *,
    after: Annotated[int, Query(ge=0, le=_LAST)] = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    last_event_id: Annotated[str | None, Header()] = None,
    accept: Annotated[str, Header()] = "",
) -> Response:
    """Tell the events after `after` (or after the Last-Event-ID of a reconnecting browser) until the mission rests.

    With `Accept: application/json`: at most `limit` of those so far.
    """
    office: Office = request.app.state.office
    row = await mine(request, mission_id)
    seq = after if last_event_id is None else _seq(last_event_id)
    if "application/json" in accept and "text/event-stream" not in accept:
        return Response(await _so_far(office, mission_id, seq, limit), media_type="application/json")
    if row.status in ENDED and not await office.journal.read(mission_id, seq):
        return Response(status_code=204)  # an EventSource does not come again after this
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(lines(office, mission_id, seq), media_type="text/event-stream", headers=headers)


def _seq(last_event_id: str) -> int:
    if not last_event_id.isascii() or not last_event_id.isdigit() or int(last_event_id[:17]) > _LAST:
        raise Unusable("Last-Event-ID: it must be the number of an event, as it was sent.")
    return int(last_event_id)


async def _so_far(office: Office, mission_id: str, seq: int, limit: int) -> bytes:
    found = await office.journal.read(mission_id, seq)
    status = (await office.missions.get(mission_id)).status
    told = ",".join(as_json(event) for event in found[:limit])
    more = "true" if len(found) > limit else "false"
    return f'{{"events":[{told}],"more":{more},"status":"{status.value}"}}'.encode()


async def lines(
    office: Office, mission_id: str, seq: int, heartbeat: float = HEARTBEAT_SECONDS
) -> AsyncIterator[bytes]:
    """Write the events of a mission after `seq` as an event stream."""
    yield b"retry: 2000\n\n"
    try:
        async with aclosing(beating(office.follow(mission_id, seq), heartbeat)) as events:
            async for event in events:
                yield b": still here\n\n" if event is None else f"id: {event.seq}\ndata: {as_json(event)}\n\n".encode()
    except StaffworkError as problem:  # deleted meanwhile, or the database is away: the reader may come again
        yield f": {' '.join(str(problem).split())}\n\n".encode()


async def beating(events: AsyncIterator[Event], seconds: float) -> AsyncGenerator[Event | None, None]:
    """Pass events on, and None whenever none came for so long; whoever stops listening frees everything."""
    coming = asyncio.ensure_future(anext(events, None))
    try:
        while True:
            done, _ = await asyncio.wait({coming}, timeout=seconds)
            if not done:
                yield None
                continue
            event = coming.result()
            if event is None:
                return
            yield event
            coming = asyncio.ensure_future(anext(events, None))
    finally:
        coming.cancel()  # this ends the follower too: it waits in there
        await _closed(events, coming)


async def _closed(events: Any, coming: asyncio.Future[Any]) -> None:
    try:
        await asyncio.wait({coming})
    finally:
        if coming.done():
            await events.aclose()


def as_json(event: Event) -> str:
    """Write an event as one line of JSON; numbers of any size stay what they are."""
    return event.model_dump_json(exclude_none=True)
