"""The first start: the one-time page on which the owner's account is made; plain HTML, no JavaScript."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.templates import template, text_of
from core.errors import BadInput, Conflict, Refused

if TYPE_CHECKING:
    from graphs.office import Office

router = APIRouter()

FORM, NOTE = "setup.html", "note.html"


def page(file: str, code: int = 200, **words: str) -> HTMLResponse:
    """Fill in a page; every word is escaped."""
    escaped = {name: escape(word) for name, word in words.items()}
    return HTMLResponse(template(file).substitute(style=text_of("style.html"), **escaped), code)


def _note(title: str, words: str, link: str, link_words: str, code: int = 200) -> HTMLResponse:
    return page(NOTE, code, title=title, words=words, link=link, link_words=link_words)


def _has_owner() -> HTMLResponse:
    words = "This house has its owner, so this page is closed. Log in with your name and password."
    return _note("Already set up", words, "/login", "Go to the login", 409)


@router.get("/setup")
async def first_start(request: Request, token: str = "") -> Response:
    """Show the form, or say why there is none."""
    office: Office = request.app.state.office
    if await office.people.count():
        return _has_owner()
    if not token:
        words = (
            "Staffwork is running and waits for its owner. Open the set-up address that was printed where it was started; "
            "it looks like this page's address with ?token=... at its end."
        )
        return _note("Almost there", words, "/setup", "Try again")
    return page(FORM, token=token, name="", problem="", shown="hidden")


@router.post("/setup")
async def create_owner(request: Request) -> Response:
    """Make the owner's account and let them in, to the two doors of the first run."""
    office: Office = request.app.state.office
    given = {k: v[0] for k, v in parse_qs((await request.body()).decode(errors="replace")).items()}
    token, name, password = given.get("token", ""), given.get("name", ""), given.get("password", "")
    try:
        if password != given.get("repeated", ""):
            raise BadInput("The two passwords are not the same. Please type them again.")
        owner = await office.people.create_owner(token, name, password)
    except BadInput as problem:
        return page(FORM, 400, token=token, name=name, problem=str(problem), shown="problem")
    except Refused as problem:
        return _note("This link does not work any more", str(problem), "/setup", "Back", 403)
    except Conflict:
        return _has_owner()
    answer = RedirectResponse("/welcome", 303)
    await request.app.state.sign_in(request, answer, owner, "password")  # they have just typed it twice
    return answer
