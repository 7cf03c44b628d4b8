"""The head of every page of ours: the mark, the way back to the chat, and the pages that a person's role opens.

Pages say where it stands with a mark, and the guard puts it there when they leave: all have the same one, without JavaScript.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from fastapi import APIRouter, Request
from starlette.types import Scope

from api.inbox import waiting_for
from api.rooms import office_of
from api.templates import address_of_asset, template
from api.visitors import Visitor, present, visitor
from core.errors import StoreUnavailable
from core.steering import Right, may

router = APIRouter()

MARK = "<!-- masthead -->"
INBOX = "/inbox"


@dataclass(frozen=True)
class Place:
    """A page that people can go to; `also` are beginnings of addresses that belong to it."""

    path: str
    words: str
    right: Right = Right.READ
    also: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Say whether an address is this page, or one below it."""
        return path == self.path or any(path.startswith(f"{one}/") or path == one for one in self._beginnings())

    def _beginnings(self) -> tuple[str, ...]:
        return ((self.path,) if self.path != "/" else ()) + self.also


PLACES = (
    Place("/", "Chat"),
    Place(INBOX, "Inbox", Right.WORK),
    Place("/search", "Search"),
    Place("/conversations", "Conversations"),
    Place("/artifacts", "Artifacts"),
    Place("/files", "Files"),
    Place("/schedules", "Schedules"),
    Place("/shares", "Links", Right.SHARE),
    Place("/export", "Export", also=("/import",)),
    Place("/contexts", "Documents"),
    Place("/memories", "Memory"),
    Place("/preferences", "Chat settings", Right.WORK),
    Place("/models", "Models", Right.HOUSE),
    Place("/people", "People", Right.PEOPLE),
    Place("/feedback", "Feedback", Right.PEOPLE),
    Place("/audit", "Audit", Right.AUDIT),
    Place("/me", "Account", also=("/keys", "/reference")),
)
"""In the order in which they are offered."""


def open_to(person: Visitor) -> Sequence[Place]:
    """List the pages that a person's role opens."""
    return [place for place in PLACES if may(person.role, place.right)]


@router.get("/api/me/pages")
async def my_pages(request: Request) -> dict[str, Any]:
    """List the pages one can go to, and how many things wait in the inbox."""
    person = present()
    waiting = len(await waiting_for(office_of(request), person.user_id)) if may(person.role, Right.WORK) else 0
    return {"pages": [{"path": p.path, "words": p.words} for p in open_to(person)], "waiting": waiting}


async def furnished(html: str, scope: Scope, *, scripts: bool = True) -> str:
    """Put the head on a page that has a place for it; one that may have no `scripts` follows the system's theme."""
    person = visitor.get()
    if MARK not in html or person is None:
        return html
    look = f'<link rel="stylesheet" href="{address_of_asset("house.css")}">\n{template("icons.html").template}'
    head = f"{look}{_scripts() if scripts else ''}</head>"
    html = html.replace("</head>", head, 1).replace("<main", '<main id="content" tabindex="-1"', 1)
    return html.replace(MARK, masthead(person, scope["path"], await _waiting(person, scope)), 1)


def _scripts() -> str:
    """Let a page follow the theme that was chosen in the chat, last in the head, when the style sheets are known; forms go once."""
    return "".join(f'<script src="{address_of_asset(file)}"></script>' for file in ("theme_choice.js", "pressing.js"))


def masthead(person: Visitor, path: str, waiting: int) -> str:
    """Draw the head of a page, as HTML; `waiting` things are counted beside the inbox."""
    links = "".join(_link(place, path, waiting) for place in open_to(person))
    count = f'<span class="count" aria-hidden="true">{waiting}</span>' if waiting else ""
    return template("masthead.html").substitute(links=links, count=count)


def _link(place: Place, path: str, waiting: int) -> str:
    here = ' aria-current="page"' if place.holds(path) else ""
    count = (
        f' <span class="count">{waiting}<span class="unseen"> waiting</span></span>'
        if waiting and place.path == INBOX
        else ""
    )
    return f'<a href="{place.path}"{here}>{escape(place.words)}{count}</a>'


async def _waiting(person: Visitor, scope: Scope) -> int:
    """Count what waits for a person; a page is shown without the count where it cannot be had just now."""
    if not may(person.role, Right.WORK):
        return 0
    try:
        return len(await waiting_for(scope["app"].state.office, person.user_id))
    except StoreUnavailable:
        return 0
