"""My account: my role, another password, where I am signed in, and the way to my keys and links."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.people_parts import own_rights, sessions
from api.rooms import code_of, filled, office_of, room, shown
from api.templates import template
from api.visitors import present
from core.errors import BadInput, StaffworkError
from core.steering import Right, may

router = APIRouter()

DONE = {
    "password": "Your password is changed. Everywhere else you are signed out. API keys go on working until you revoke them.",
    "end": "That session has ended.",
    "others": "Everywhere else you are signed out.",
}


@router.get("/me")
async def my_account(request: Request, did: str = "") -> HTMLResponse:
    """Show one's own account."""
    return await _page(request, said=DONE.get(did, ""))


@router.post("/me")
async def change_my_account(request: Request) -> Response:
    """Carry out one form of the page; whatever is wrong is said on the page, and nothing is changed then."""
    given = await filled(request)
    kind = given.get("kind", "")
    if kind == "sign_out":
        return await _sign_out(request)
    try:
        await _carry_out(request, kind, given)
    except StaffworkError as problem:
        return await _page(request, problem=str(problem), code=code_of(problem))
    return RedirectResponse(f"/me?did={kind}", 303)


async def _carry_out(request: Request, kind: str, given: dict[str, str]) -> None:
    office, person = office_of(request), present()
    match kind:
        case "password":
            if given.get("new") != given.get("again"):
                raise BadInput("The two new passwords are not the same. Please type them again.")
            await office.people.change_password(
                person.user_id, given.get("old", ""), given.get("new", ""), person.session_id
            )
        case "end":
            await office.sessions.end(given.get("session", ""), person.user_id)
        case "others":
            await office.sessions.end_others(person.user_id, person.session_id)
        case _:
            raise BadInput("This form is not known here. Please load the page again.")


async def _sign_out(request: Request) -> Response:
    answer = RedirectResponse("/login", 303)
    request.app.state.forget_session(request, answer)
    await office_of(request).sessions.sign_out(present().session_id)
    return answer


async def _page(request: Request, *, said: str = "", problem: str = "", code: int = 200) -> HTMLResponse:
    person = present()
    found = await office_of(request).sessions.of_user(person.user_id)
    content = (
        f'<section class="card"><div class="head"><h2>{shown(person.name)}</h2><span class="badge">{person.role}</span></div>'
        f'<p class="facts">Your role allows: {own_rights(person.role)}.</p>'
        f'<div class="actions">{_links(person.role, oidc=bool(office_of(request).settings.oidc_issuer))}</div></section>'
    )
    content += template("me_password.html").template + sessions(found, own=person.session_id)
    content += template("me_sessions.html").template
    return room("My account", "", content, said=said, problem=problem, code=code)


def _links(role: str, *, oidc: bool) -> str:
    """Draw the ways from here; keys and second factor have pages of their own."""
    ways = [("/me/second-factor", "Second factor")]
    ways += [("/me/identities", "Ways to log in")] if oidc else []
    ways += [("/keys", "API keys")] if may(role, Right.KEYS) else []
    ways += [("/shares", "My links")] if may(role, Right.SHARE) else []
    return "".join(f'<a class="button" href="{to}">{words}</a>' for to, words in ways)
