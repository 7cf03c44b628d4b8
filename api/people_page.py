"""The pages of owners and admins: everybody who belongs to the house, and one of them."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api import people_parts as parts
from api.once import sent_id
from api.people import end_sessions, invitations, members
from api.rooms import address_of, code_of, filled, office_of, room
from api.second_factor_pages import remove_second_factor
from api.visitors import allowed
from core.errors import BadInput, StaffworkError
from core.steering import Right
from graphs import leaving
from memory.people import normal

router = APIRouter()

DONE = {
    "role": "The role is changed. They are signed out and sign in again.",
    "deactivate": "They are out: signed out everywhere, their missions stopped, their schedules paused.",
    "activate": "They may sign in again. Their schedules stay paused until they are switched on.",
    "sessions": "They are signed out everywhere.",
    "second_factor": "Their second factor is off. They can set it up again on another device.",
    "delete": "They are out, and everything of theirs is being removed.",
    "revoke": "The invitation does not work any more.",
}


@router.get("/people")
async def people_page(request: Request, did: str = "") -> HTMLResponse:
    """Show everybody, the invitations that still work, and the form that makes one."""
    return await _everybody(request, said=DONE.get(did, ""))


@router.get("/people/{user_id}")
async def person_page(request: Request, user_id: str, did: str = "") -> HTMLResponse:
    """Show one person, and what can be done about them."""
    return await _one(request, user_id, said=DONE.get(did, ""))


@router.post("/people")
async def people_order(request: Request) -> Response:
    """Carry out a form of the page of everybody; whatever is wrong is said on the page, and nothing is changed then."""
    given = await filled(request)
    try:
        if given.get("kind") == "invite":
            return await _invite(request, given)
        if given.get("kind") != "revoke":
            raise _unknown()
        await invitations(request).revoke(given.get("invitation", ""), allowed(Right.PEOPLE).user_id)
    except StaffworkError as problem:
        return await _everybody(request, problem=str(problem), code=code_of(problem))
    return RedirectResponse("/people?did=revoke", 303)


@router.post("/people/{user_id}")
async def person_order(request: Request, user_id: str) -> Response:
    """Carry out a form of the page of one person."""
    given = await filled(request)
    kind = given.get("kind", "")
    await members(request).get(user_id)  # NotFound is no form's problem: there is no page to say it on
    try:
        if kind == "reset":
            return await _reset(request, user_id, sent_id(given))
        await _carry_out(request, user_id, kind, given)
    except StaffworkError as problem:
        return await _one(request, user_id, problem=str(problem), code=code_of(problem))
    return RedirectResponse(f"/people?did={kind}" if kind == "delete" else f"/people/{user_id}?did={kind}", 303)


async def _carry_out(request: Request, user_id: str, kind: str, given: dict[str, str]) -> None:
    office, by = office_of(request), allowed(Right.PEOPLE)
    match kind:
        case "role":
            await leaving.set_role(office, user_id, given.get("role", ""), by.user_id)
        case "deactivate" | "activate":
            await leaving.set_active(office, user_id, kind == "activate", by.user_id)
        case "second_factor":
            await remove_second_factor(request, user_id)
        case "sessions":
            await end_sessions(request, user_id, by)
        case "delete":
            person = await members(request).get(user_id)
            if normal(given.get("name", "")) != person.name:
                raise BadInput("That is not their name. Type it as it is shown, so that nobody is deleted by mistake.")
            await members(request).begin_leaving(user_id, by.user_id)
        case _:
            raise _unknown()


async def _invite(request: Request, given: dict[str, str]) -> HTMLResponse:
    days = given.get("days", "7")
    if not days.isascii() or not days.isdigit() or len(days) > 4:
        raise BadInput("days: an invitation works for 1 to 90 days.")
    by = allowed(Right.PEOPLE)
    made, token = await invitations(request).make(
        by.user_id, given.get("role", ""), name=given.get("name", ""), email=given.get("email", ""), days=int(days),
        invitation_id=sent_id(given),
    )  # fmt: skip
    words = f"The invitation for {made.name or made.email or 'whoever has this link'} ({made.role}). Send it to them yourself:"
    return await _everybody(request, fresh=parts.fresh(words, address_of(request, f"/join/{token}"), made.expires_at))


async def _reset(request: Request, user_id: str, link_id: str) -> HTMLResponse:
    token = await invitations(request).make_reset(user_id, allowed(Right.PEOPLE).user_id, link_id=link_id)
    words = "With this link they choose a new password, once, within 24 hours. Send it to them yourself:"
    return await _one(request, user_id, fresh=parts.fresh(words, address_of(request, f"/reset/{token}"), None))


async def _everybody(
    request: Request, *, said: str = "", problem: str = "", fresh: str = "", code: int = 200
) -> HTMLResponse:
    by = allowed(Right.PEOPLE)
    everybody = await members(request).list()
    content = fresh + f"<ul>{''.join(parts.member(m, by) for m in everybody)}</ul>"
    content += parts.invited(await invitations(request).list()) + parts.invite_form(by) + parts.rights()
    about = "Who belongs to this house, and what each of them may do."
    return room("People", about, content, said=said, problem=problem, code=code)


async def _one(
    request: Request, user_id: str, *, said: str = "", problem: str = "", fresh: str = "", code: int = 200
) -> HTMLResponse:
    by, person = allowed(Right.PEOPLE), await members(request).get(user_id)
    sessions = await office_of(request).sessions.of_user(user_id)
    content = fresh + parts.member(person, by, alone=True) + parts.sessions(sessions)
    factor = (await office_of(request).doors.second_factors.standing(user_id)).on
    content += parts.actions(person, by, signed_in=bool(sessions), factor=factor)
    content += f'<p><br><a href="/audit?person={escape(person.name)}">What they did, in the audit log</a></p>'
    content = '<p class="way"><a href="/people">Everybody</a></p>' + content
    return room(person.name, "", content, said=said, problem=problem, code=code)


def _unknown() -> BadInput:
    return BadInput("This form is not known here. Please load the page again.")
