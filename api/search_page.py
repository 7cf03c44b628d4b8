"""The page that searches everything of one's own: plain HTML, a form and links, no JavaScript."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from api.rooms import code_of, moment, office_of, options
from api.safe_markdown import plain
from api.searching import link
from api.templates import address_of_asset, template
from api.visitors import present
from core.errors import BadInput
from memory.finding import Finder, Hit, Piece, Wanted
from memory.shelves import Shelves

router = APIRouter()
SHOWN = 50
LABELS = {
    "conversation": "Conversation",
    "question": "You said",
    "answer": "Answer",
    "step": "Operator",
    "tool": "Tool call",
    "file": "File",
    "artifact": "Artifact",
}
_KINDS = {"": "Everything", "titles": "Titles", "messages": "Messages", "steps": "Steps", "files": "Files"}
_ARCHIVED = {"any": "All conversations", "no": "Not archived", "only": "Archived only"}


@router.get("/search")
async def search_page(
    request: Request,
    *,
    query: Annotated[str, Query(max_length=500)] = "",
    kind: str = "",
    project: str = "",
    since: str = "",
    until: str = "",
    archived: str = "any",
) -> HTMLResponse:
    """Show what is found among the person's conversations, steps and files."""
    user_id, database = present().user_id, office_of(request).database
    problem, code, found = "", 200, list[Hit]()
    try:
        wanted = Wanted(query, kind, project, "", since, until, archived)
        found = await Finder(database).find(user_id, wanted, SHOWN + 1)
    except BadInput as refused:
        problem, code = str(refused), code_of(refused)
    projects = {p.id: p.name for p in await Shelves(database).projects(user_id)}
    words = {
        "query": escape(query),
        "kinds": options(_KINDS, kind),
        "projects": options({"": "All projects"} | projects, project),
        "archived": options(_ARCHIVED, archived),
        "since": escape(since),
        "until": escape(until),
        "open": "open" if kind or project or since or until or archived != "any" else "",
        "count": _counted(found) if query.strip() and not problem else "",
        "items": "".join(map(_item, found[:SHOWN])),
        "none": "" if query.strip() and not found and not problem else "hidden",
        "problem": escape(problem),
        "no_problem": "" if problem else "hidden",
        "base_style": address_of_asset("schedules.css"),
        "style": address_of_asset("order.css"),
    }
    return HTMLResponse(template("search.html").substitute(words), code)


def _counted(found: Sequence[Hit]) -> str:
    if len(found) > SHOWN:
        return f"More than {SHOWN} places; the newest are shown. One more word finds fewer."
    return "1 place" if len(found) == 1 else f"{len(found)} places" if found else ""


def _item(hit: Hit) -> str:
    title = plain(hit.conversation) or "Untitled"
    what = LABELS[hit.kind] + (f" · <bdi>{plain(hit.title)}</bdi>" if hit.title else "")
    badge = ' <span class="badge">archived</span>' if hit.archived else ""
    said = f'<p class="said-there">{marked(hit.snippet)}</p>' if hit.snippet and hit.kind != "conversation" else ""
    name = marked(hit.snippet) if hit.kind == "conversation" else title
    return (
        f'<li class="card hit"><div class="head"><h2><a href="{escape(link(hit))}">{name}</a></h2>{badge}</div>'
        f'<p class="soft">{what} · {moment(hit.at)}</p>{said}</li>'
    )


def marked(pieces: Sequence[Piece]) -> str:
    """Draw a snippet as HTML, with what was looked for marked; everything is escaped."""
    return "".join(f"<mark>{plain(p.text)}</mark>" if p.hit else plain(p.text) for p in pieces)
