"""The second step of a login: the password was right, and now a code is asked for. Only then a session is opened.

Between the two steps the browser holds a pass: it opens nothing, lasts ten minutes, and ends with the login.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from api.first_start import NOTE, page
from api.keys import office_of
from api.returning import wanted
from api.second_factor_pages import HERE, SHOWN_ONCE, codes_page, posted, set_up_page
from api.visitors import LoginRefused, address, visitor
from core.errors import NotFound, Refused
from memory.passes import LASTS, PassRefused

if TYPE_CHECKING:
    from core.settings import Settings
    from memory.doors import Doors
    from memory.people import User

router = APIRouter()
KIND, COOKIE, PATH = "second factor", "staffwork_step", "/second-factor"


class SecondStep(LoginRefused):
    """The first step was right; `token` is the pass for the second."""

    def __init__(self, token: str) -> None:
        super().__init__("Now your second factor is needed: please go on at /second-factor.")
        self.token = token


async def second_step(doors: Doors, settings: Settings, person: User) -> None:
    """Raise SecondStep if this person has a second factor, or must have one; return if the first step was enough."""
    if required(settings, person.role) or (await doors.second_factors.standing(person.id)).on:
        raise SecondStep(await doors.passes.make(KIND, person.id, token_version=person.token_version))


def required(settings: Settings, role: str) -> bool:
    """Say whether people in this role must have a second factor."""
    return settings.second_factor == "everyone" or (settings.second_factor == "admins" and role in ("owner", "admin"))


async def answer_second_step(request: Request, problem: Exception) -> Response:
    """Lead on to the second step: a page is sent there, a program is told where it is (the login page follows)."""
    assert isinstance(problem, SecondStep)
    answer: Response = JSONResponse({"detail": str(problem), "next": PATH}, 401)
    if "text/html" in request.headers.get("accept", ""):
        answer = RedirectResponse(PATH, 303)
    seconds = int(LASTS.total_seconds())
    answer.set_cookie(COOKIE, problem.token, max_age=seconds, path=PATH, httponly=True, samesite="lax")
    return answer


@router.get("/second-factor")
async def ask(request: Request) -> Response:
    """Ask for a code; whoever must have a second factor and has none sets it up here."""
    try:
        return await _asked(request, await _waiting(request))
    except PassRefused as problem:
        return _over(problem)


@router.post("/second-factor")
async def take(request: Request) -> Response:
    """Take a code; if it is right, the session is opened."""
    try:
        person = await _waiting(request)
        return await _taken(request, person, (await posted(request)).get("code", ""))
    except PassRefused as problem:
        return _over(problem)


async def _taken(request: Request, person: User, code: str) -> Response:
    doors, onward = office_of(request).doors, wanted(request.query_params, person.id)
    try:
        if (await doors.second_factors.standing(person.id)).on:
            await doors.second_factors.check(person.id, code, address.get())
            answer: Response = RedirectResponse(onward, 303)
        else:
            codes = await doors.second_factors.confirm(person.id, code, address.get())
            answer = codes_page(codes, onward, "Go on")
    except (Refused, NotFound) as problem:
        return await _asked(request, person, str(problem), 401)
    await doors.passes.take(KIND, request.cookies.get(COOKIE, ""))
    await request.app.state.sign_in(request, answer, person, "second_factor")
    answer.delete_cookie(COOKIE, path=PATH)
    return answer


async def _asked(request: Request, person: User, problem: str = "", code: int = 200) -> HTMLResponse:
    factors, back = office_of(request).doors.second_factors, request.url.query
    here = f"{PATH}?{back}" if back else PATH
    if not (await factors.standing(person.id)).on:
        secret = await factors.begin(person.id)
        return set_up_page(secret, person.name, here, problem=problem, code=code, must=True)
    shown = "problem" if problem else "hidden"
    return page("second_factor.html", code, name=person.name, problem=problem, shown=shown, action=here)


async def _waiting(request: Request) -> User:
    """Return who waits for the second step; raises PassRefused, also if they changed their password since the first."""
    office = office_of(request)
    held = await office.doors.passes.look(KIND, request.cookies.get(COOKIE, ""))
    person = await office.people.get(held.user_id or "")
    if not person.active or person.token_version != held.data["token_version"]:
        raise PassRefused
    return person


def _over(problem: PassRefused) -> HTMLResponse:
    if visitor.get() is not None:  # the same form once more
        words = f"Nothing was done now. {SHOWN_ONCE}"
        return page(NOTE, 409, title="You are logged in", words=words, link=HERE, link_words="My second factor")
    return page(NOTE, 401, title="Please log in", words=str(problem), link="/login", link_words="Go to the login")
