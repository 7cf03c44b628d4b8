"""Pages drawn by the server in one frame: plain HTML and forms that work without JavaScript.

Forms come from our own pages only: the guard refuses what another site sends, and the session's cookie stays away from it.
"""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from fastapi import Request
from fastapi.responses import HTMLResponse

from api.safe_markdown import plain
from api.templates import address_of_asset, template
from core.errors import BadInput, Conflict, NotFound, Refused, StaffworkError
from memory.throttle import TooManyAttempts

if TYPE_CHECKING:
    from graphs.office import Office

_CODES: tuple[tuple[type[StaffworkError], int], ...] = (
    (TooManyAttempts, 429),
    (NotFound, 404),
    (Conflict, 409),
    (Refused, 403),
    (BadInput, 400),
)


def office_of(request: Request) -> Office:
    """Find the office behind a request."""
    office: Office = request.app.state.office
    return office


async def filled(request: Request) -> dict[str, str]:
    """Read a form that was sent: each field's first value; raises BadInput for one that no page of ours has sent."""
    try:
        given = parse_qs((await request.body()).decode(errors="replace"), keep_blank_values=True, max_num_fields=100)
    except ValueError:
        raise BadInput("This form has too many fields. Please load the page again.") from None
    return {name: values[0] for name, values in given.items()}


def code_of(problem: StaffworkError) -> int:
    """Name the status code of a problem that is said on a page."""
    return next((code for kind, code in _CODES if isinstance(problem, kind)), 400)


def room(title: str, about: str, content: str, *, said: str = "", problem: str = "", code: int = 200) -> HTMLResponse:
    """Draw a page; `content` is HTML, everything else is escaped."""
    words = {
        "title": escape(title),
        "about": escape(about),
        "content": content,
        "said": escape(said),
        "no_said": "" if said else "hidden",
        "problem": escape(problem),
        "no_problem": "" if problem else "hidden",
        "base_style": address_of_asset("schedules.css"),
        "style": address_of_asset("people.css"),
    }
    return HTMLResponse(template("room.html").substitute(words), code)


def moment(at: datetime | None, never: str = "never") -> str:
    """Write a point in time for a page, as HTML."""
    return never if at is None else f'<time datetime="{at.isoformat()}">{at:%Y-%m-%d %H:%M} UTC</time>'


def shown(text: str) -> str:
    """Write what somebody typed for a page, as HTML: escaped, and what is invisible is seen."""
    return f"<bdi>{plain(text)}</bdi>"


def options(choices: dict[str, str], chosen: str = "") -> str:
    """Draw the choices of a list, as HTML."""
    return "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(words)}</option>'
        for value, words in choices.items()
    )


def address_of(request: Request, path: str) -> str:
    """Write the whole address of a path, as people open it."""
    house = office_of(request).settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
    return house + path
