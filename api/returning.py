"""Back to where one wanted to go: whoever is led to the login takes the page along in its address, and is led there afterwards.

Nothing of it is kept: it ends with the tab, after a while, and where somebody else logs in than who was there before.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse
from starlette.datastructures import Headers
from starlette.responses import Response

from api.visitors import present
from core.missions import now
from memory.link_key import digest

router = APIRouter()

PAGES = (
    "/artifacts", "/artifacts/*", "/audit", "/contexts", "/contexts/*", "/contexts/*/compare", "/conversations", "/export",
    "/feedback", "/files", "/files/*/view", "/import", "/inbox", "/keys", "/me", "/me/identities", "/me/second-factor",
    "/memories", "/models", "/people", "/people/*", "/preferences", "/reference", "/s/*", "/schedules", "/search", "/shares",
    "/shares/new", "/thread/*", "/welcome",
)  # fmt: skip
"""Where one can be led to: pages of this house that only show something; * is an id."""
_PATHS = re.compile("|".join(re.escape(page).replace(r"\*", "[A-Za-z0-9_-]+") for page in PAGES))
_QUERY = re.compile(r"[!-~]*")
_LONGEST = 500
UNKNOWN_SECONDS = 3600
"""How long one is led back if nobody knows who set out."""
KNOWN_SECONDS = 3 * 24 * 3600
"""How long a person is led back whose session ended at their work: a page stays open over a weekend."""
LEFT, LEFT_SECONDS = "staffwork_left", 600
"""Names the cookie of a browser in which somebody signed out: their open pages lead nobody anywhere, for so long."""


def login_address(to: str, user_id: str = "") -> str:
    """Write the address of the login that leads back to a page: for whoever logs in soon, or for this person only."""
    if not is_page(to):
        return "/login"
    until = int(now().timestamp()) + (KNOWN_SECONDS if user_id else UNKNOWN_SECONDS)
    return "/login?" + urlencode({"to": to, "until": until} | ({"for": _tag(user_id)} if user_id else {}))


def wanted(asked: Mapping[str, str], user_id: str) -> str:
    """Name the page a person is led to after the login: what the login's address asks for, if it is for them, or the chat."""
    to, until, whose = asked.get("to", ""), asked.get("until", ""), asked.get("for", "")
    in_time = until.isascii() and until.isdecimal() and len(until) < 12 and now().timestamp() < int(until)
    return to if in_time and whose in ("", _tag(user_id)) and is_page(to) else "/"


def is_page(to: str) -> bool:
    """Say whether this is a page of this house and nothing else: no scheme, host, backslash, control character or fragment."""
    path, _, query = to.partition("?")
    harmless = _QUERY.fullmatch(query) is not None and not set(query) & set("\\#<>\"'")
    return len(to) <= _LONGEST and _PATHS.fullmatch(path) is not None and harmless


def from_login(headers: Headers) -> dict[str, str]:
    """Read what the login page that a request came from (its referrer) asks for."""
    try:
        page = urlsplit(headers.get("referer", "")[:2000])
    except ValueError:
        return {}
    return dict(parse_qsl(page.query)) if page.path == "/login" else {}


def has_left(headers: Headers) -> bool:
    """Say whether somebody signed out in this browser a moment ago."""
    return any(one.partition("=")[0].strip() == LEFT for one in headers.get("cookie", "").split(";"))


def leave(answer: Response) -> None:
    """Note on an answer that somebody signed out."""
    answer.set_cookie(LEFT, "1", max_age=LEFT_SECONDS, path="/", httponly=True, samesite="lax")


@router.get("/login/back")
async def back(request: Request) -> RedirectResponse:
    """Lead whoever has just logged in to where they wanted to go; the login page asks for it with its own address."""
    return RedirectResponse(wanted(request.query_params, present().user_id), 303)


def _tag(user_id: str) -> str:
    """Name a person in an address without their id."""
    return digest(f"back {user_id}")[:16]
