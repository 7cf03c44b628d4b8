"""One's own account over HTTP: who I am, where I am signed in, another password."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.bodies import sent
from api.people import session
from api.rooms import office_of
from api.visitors import present
from core.steering import RIGHTS

router = APIRouter(prefix="/api")


class NewPassword(BaseModel):
    """The password now, and the one that takes its place."""

    model_config = ConfigDict(extra="forbid")
    old: str = Field(max_length=2000)
    new: str = Field(max_length=2000)


@router.get("/me")
async def me() -> dict[str, Any]:
    """Say who is asking, and what their role allows."""
    person = present()
    rights = sorted(RIGHTS.get(person.role, frozenset()))
    return {"id": person.user_id, "name": person.name, "role": person.role, "rights": rights}


@router.post("/me/password", status_code=204)
async def change_password(request: Request) -> Response:
    """Change one's password; every other session ends."""
    given, person = await sent(request, NewPassword), present()
    await office_of(request).people.change_password(person.user_id, given.old, given.new, person.session_id)
    return Response(status_code=204)


@router.get("/sessions")
async def list_sessions(request: Request) -> dict[str, Any]:
    """List where one is signed in, the place used last first."""
    return {"sessions": [session(s) for s in await office_of(request).sessions.of_user(present().user_id)]}


@router.delete("/sessions", status_code=204)
async def end_other_sessions(request: Request) -> Response:
    """Sign out everywhere else."""
    person = present()
    await office_of(request).sessions.end_others(person.user_id, person.session_id)
    return Response(status_code=204)


@router.delete("/sessions/{session_id}", status_code=204)
async def end_session(request: Request, session_id: str) -> Response:
    """Sign out in one place."""
    await office_of(request).sessions.end(session_id, present().user_id)
    return Response(status_code=204)
