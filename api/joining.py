"""Coming in by a link: accept an invitation, or choose a new password. Plain forms for whoever has the link; each works once."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from api.first_start import NOTE, page
from api.people import invitations
from api.rooms import code_of, filled
from core.errors import BadInput, NotFound, StaffworkError
from memory.people import User

router = APIRouter()
HIDDEN = {"referrer-policy": "same-origin", "x-robots-tag": "noindex, nofollow", "cache-control": "no-store"}
"""Without a referrer at all a browser would not say where a form comes from, and the guard would refuse it."""
LONGEST = 200


@router.get("/join/{token}")
async def invitation_page(request: Request, token: str) -> Response:
    """Show what somebody is invited to, and the form that makes their account."""
    return await _form(request, "join", token)


@router.post("/join/{token}")
async def accept_invitation(request: Request, token: str) -> Response:
    """Make the account, and sign its person in."""
    given = await filled(request)
    try:
        _check_repeated(given)
        person = await invitations(request).accept(token[:LONGEST], given.get("name", ""), given.get("password", ""))
    except StaffworkError as problem:
        return await _form(request, "join", token, name=given.get("name", ""), problem=problem)
    return await _signed_in(request, person, "invitation")


@router.get("/reset/{token}")
async def reset_page(request: Request, token: str) -> Response:
    """Show the form that takes a new password."""
    return await _form(request, "reset", token)


@router.post("/reset/{token}")
async def reset_password(request: Request, token: str) -> Response:
    """Set the new password; all sessions of before are over."""
    given = await filled(request)
    try:
        _check_repeated(given)
        await invitations(request).reset(token[:LONGEST], given.get("password", ""))
    except StaffworkError as problem:
        return await _form(request, "reset", token, problem=problem)
    # Not signed in by the link: a second factor, if there is one, is asked for at the login.
    words = (
        "Your new password is set, and you are signed out everywhere. Sign in with it now. Your API keys go on working."
    )
    return _hidden(page(NOTE, title="Done", words=words, link="/login", link_words="Go to the login"))


async def _form(
    request: Request, kind: str, token: str, *, name: str = "", problem: StaffworkError | None = None
) -> Response:
    """Draw a form; a link that does not work is answered 404, whatever else was wrong."""
    store = invitations(request)
    words = {"problem": str(problem or ""), "shown": "problem" if problem else "hidden", "action": f"/{kind}/{token}"}
    try:
        if kind == "join":
            offered = await store.look(token[:LONGEST])
            words |= {"role": offered.role, "name": name or offered.name}
        else:
            words |= {"name": await store.whose_reset(token[:LONGEST])}
    except NotFound as gone:
        note = {
            "title": "This link does not work",
            "words": str(gone),
            "link": "/login",
            "link_words": "Go to the login",
        }
        return _hidden(page(NOTE, code_of(gone), **note))
    return _hidden(page(f"{kind}.html", code_of(problem) if problem else 200, **words))


async def _signed_in(request: Request, person: User, how: str) -> Response:
    answer = RedirectResponse("/", 303, headers=HIDDEN)
    await request.app.state.sign_in(request, answer, person, how)
    return answer


def _check_repeated(given: dict[str, str]) -> None:
    if given.get("password") != given.get("repeated"):
        raise BadInput("The two passwords are not the same. Please type them again.")


def _hidden(answer: Response) -> Response:
    answer.headers.update(HIDDEN)
    return answer
