"""People over HTTP, for owners and admins: the members, their roles and sessions, invitations and reset links."""

from __future__ import annotations

from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api.bodies import sent
from api.rooms import address_of, office_of
from api.visitors import Visitor, allowed, present
from core.steering import RIGHTS, Right
from graphs import leaving
from memory.invitations import Invitation, Invitations
from memory.members import Member, Members
from memory.sessions import Session

router = APIRouter(prefix="/api")
Role = Literal["owner", "admin", "member", "viewer"]


class Changed(BaseModel):
    """What is to change of a person."""

    model_config = ConfigDict(extra="forbid")
    role: Role | None = None
    active: bool | None = None


class Invited(BaseModel):
    """Whom to invite."""

    model_config = ConfigDict(extra="forbid")
    role: Role = "member"
    name: str = Field("", max_length=100)
    email: str = Field("", max_length=200)
    days: int = Field(7, ge=1, le=90)


@router.get("/people")
async def list_people(request: Request) -> dict[str, Any]:
    """List the people of the house, the invitations that still work, and what each role may do."""
    allowed(Right.PEOPLE)
    return {
        "people": [told(m) for m in await members(request).list()],
        "invitations": [invited(i) for i in await invitations(request).list()],
        "roles": {role: sorted(rights) for role, rights in RIGHTS.items()},
    }


@router.post("/people/invitations", status_code=201)
async def invite(request: Request) -> dict[str, Any]:
    """Invite somebody; the link is in this answer and nowhere else."""
    wish, by = await sent(request, Invited), allowed(Right.PEOPLE)
    made, token = await invitations(request).make(
        by.user_id, wish.role, name=wish.name, email=wish.email, days=wish.days
    )
    return invited(made) | {"url": address_of(request, f"/join/{token}")}


@router.delete("/people/invitations/{invitation_id}", status_code=204)
async def revoke_invitation(request: Request, invitation_id: str) -> Response:
    """End an invitation at once."""
    await invitations(request).revoke(invitation_id, allowed(Right.PEOPLE).user_id)
    return Response(status_code=204)


@router.get("/people/{user_id}")
async def show_person(request: Request, user_id: str) -> dict[str, Any]:
    """Show one person, and where they are signed in."""
    allowed(Right.PEOPLE)
    found = await members(request).get(user_id)
    return told(found) | {"sessions": [session(s) for s in await office_of(request).sessions.of_user(user_id)]}


@router.patch("/people/{user_id}")
async def change_person(request: Request, user_id: str) -> dict[str, Any]:
    """Give a person another role, or let them out or in again; they are signed out everywhere."""
    change, by = await sent(request, Changed), allowed(Right.PEOPLE)
    if change.role is not None:
        await leaving.set_role(office_of(request), user_id, change.role, by.user_id)
    if change.active is not None:
        await leaving.set_active(office_of(request), user_id, change.active, by.user_id)
    return told(await members(request).get(user_id))


@router.delete("/people/{user_id}", status_code=202)
async def delete_person(request: Request, user_id: str) -> dict[str, str]:
    """Put a person out for good: at once; all that is theirs is being removed when this answers."""
    await members(request).begin_leaving(user_id, allowed(Right.PEOPLE).user_id)
    return {"id": user_id, "status": "leaving"}


@router.post("/people/{user_id}/reset", status_code=201)
async def make_reset_link(request: Request, user_id: str) -> dict[str, Any]:
    """Make a link with which a person sets a new password; it is in this answer and nowhere else."""
    token = await invitations(request).make_reset(user_id, allowed(Right.PEOPLE).user_id)
    return {"user_id": user_id, "url": address_of(request, f"/reset/{token}")}


@router.delete("/people/{user_id}/sessions", status_code=204)
async def end_sessions_of(request: Request, user_id: str) -> Response:
    """Sign a person out everywhere."""
    by = allowed(Right.PEOPLE)
    await end_sessions(request, user_id, by)
    return Response(status_code=204)


async def end_sessions(request: Request, user_id: str, by: Visitor) -> None:
    """Sign a person out everywhere; raises NotFound, or Refused for an owner unless `by` is one."""
    await members(request).check_may_change(user_id, by.user_id)
    await office_of(request).sessions.end_others(user_id, "", by=by.user_id)


def members(request: Request) -> Members:
    """Find who keeps the members."""
    return Members(office_of(request).database)


def invitations(request: Request) -> Invitations:
    """Find who keeps the ways in."""
    office = office_of(request)
    return Invitations(office.database, office.people)


def told(member: Member) -> dict[str, Any]:
    """Show a person as JSON."""
    return member.model_dump(mode="json")


def invited(invitation: Invitation) -> dict[str, Any]:
    """Show an invitation as JSON, without its link."""
    return invitation.model_dump(mode="json")


def session(found: Session) -> dict[str, Any]:
    """Show a session as JSON; `current` is the one that asks."""
    return found.model_dump(mode="json", exclude={"user_id"}) | {"current": found.id == present().session_id}
