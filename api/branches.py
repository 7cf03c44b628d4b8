"""Branches: a message changed, or answered again, in a new conversation; and where a conversation goes on differently."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.visitors import present
from core.missions import ENDED, derived_id
from graphs.branching import branch

if TYPE_CHECKING:
    from graphs.office import Office

router = APIRouter(prefix="/api")


class Wanted(BaseModel):
    """How to go on: with another goal, or (None) with the same once more; the same `client_id` twice is one branch."""

    goal: str | None = Field(None, max_length=500_000)
    client_id: str = Field("", max_length=64)


@router.post("/missions/{mission_id}/branch", status_code=201)
async def go_on_differently(request: Request, mission_id: str, wanted: Wanted) -> dict[str, str]:
    """Begin a branch before a mission, and the mission in it."""
    mission = await branch(
        request.app.state.office, present().user_id, mission_id, wanted.goal, client_id=wanted.client_id
    )
    return {"mission_id": mission.id, "conversation_id": mission.conversation_id}


@router.get("/conversations/{conversation_id}/branches")
async def branches(request: Request, conversation_id: str) -> dict[str, object]:
    """List a conversation's turns, and the other conversations that go on differently from one of them.

    `message_id` and `answer_id` name the lines of a turn in the chat.
    """
    office: Office = request.app.state.office
    forks = await office.conversations.forks(conversation_id, present().user_id)
    begun: dict[str, str] = {}
    for message in await office.conversations.messages(conversation_id, user_id=present().user_id):
        if message.author == "user" and message.mission_id is not None:
            begun.setdefault(message.mission_id, message.id)
    turns = [
        {
            "mission_id": row.mission.id,
            "message_id": begun.get(row.mission.id, row.mission.id),
            "answer_id": derived_id(row.mission.id, "answer"),
            "goal": row.mission.goal,
            "ended": row.status in ENDED,
        }
        for row in await office.missions.in_view(conversation_id)
    ]
    return {"conversation_id": conversation_id, "turns": turns, "forks": [f.model_dump() for f in forks]}
