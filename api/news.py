"""News: what a page asks every few seconds, kept cheap. What waits is counted again only if something happened."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict

from api.inbox import waiting_for
from api.rooms import office_of
from api.visitors import present
from core.errors import NotFound
from core.steering import Right, may
from memory.news import NewsDesk

router = APIRouter()
MOST_KEPT = 1000
Counted = dict[str, tuple[tuple[object, ...], int]]
"""User id -> where their missions stood, and how many things waited then."""


class Seen(BaseModel):
    """Whether a conversation is to be marked as unread instead."""

    model_config = ConfigDict(extra="forbid")
    unread: bool = False


@router.get("/api/news")
async def news(request: Request) -> dict[str, Any]:
    """List the conversations with something unread, and count what waits in the inbox."""
    office, person = office_of(request), present()
    unread = await NewsDesk(office.database).unread(person.user_id)
    waiting = await _waiting(request, person.user_id) if may(person.role, Right.WORK) else 0
    return {"unread": [one.model_dump(mode="json") for one in unread], "waiting": waiting}


@router.post("/api/conversations/{conversation_id}/seen", status_code=204)
async def seen(request: Request, conversation_id: str, given: Seen | None = None) -> None:
    """Note that the person has a conversation before them, or mark it as unread."""
    unread = given is not None and given.unread
    if not await NewsDesk(office_of(request).database).seen(conversation_id, present().user_id, unread):
        raise NotFound("There is no such conversation.")


async def _waiting(request: Request, user_id: str) -> int:
    office, counted = office_of(request), _counted(request)
    stands = await NewsDesk(office.database).fingerprint(user_id)
    known = counted.get(user_id)
    if known is not None and known[0] == stands:
        return known[1]
    many = len(await waiting_for(office, user_id))
    if len(counted) >= MOST_KEPT:
        counted.clear()
    counted[user_id] = (stands, many)
    return many


def _counted(request: Request) -> Counted:
    state = request.app.state
    if not hasattr(state, "waiting_counted"):
        state.waiting_counted = Counted()
    found: Counted = state.waiting_counted
    return found
