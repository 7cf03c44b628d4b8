"""The page with all conversations: projects, pins, the archive, and several at once. Plain HTML and forms, no JavaScript."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.rooms import code_of, moment, office_of, options
from api.safe_markdown import plain
from api.shelves import checked_which, shelves
from api.templates import address_of_asset, template
from api.visitors import present
from core.errors import BadInput, StaffworkError
from graphs.temporary import delete_wholly
from memory.shelves import MOST_AT_ONCE, Project, Shelved

router = APIRouter()
SHOWN = 100
_WHICH = {"open": "All", "pinned": "Pinned", "unread": "Unread", "archived": "Archived"}
_ACTIONS = {
    "pin": "Pin",
    "unpin": "Take the pin off",
    "archive": "Archive",
    "unarchive": "Bring back from the archive",
    "read": "Mark as read",
    "unread": "Mark as unread",
    "move": "Move to the project",
    "delete": "Delete for good",
}
DONE = {
    "pin": "Pinned.",
    "unpin": "Not pinned any more.",
    "archive": "Archived. It is found here, and by searching.",
    "unarchive": "Back in the list.",
    "read": "Marked as read.",
    "unread": "Marked as unread.",
    "move": "Moved.",
    "delete": "Deleted, with everything that was in it.",
    "rename": "Renamed.",
    "create": "The project is there. Choose conversations below and move them to it.",
    "rename_project": "The project is renamed.",
    "remove_project": "The project is gone; its conversations stayed.",
}


@router.get("/conversations")
async def conversations_page(
    request: Request, which: str = "open", project: str = "", did: str = "", before: datetime | None = None
) -> HTMLResponse:
    """Show the person's conversations, or those of one kind or project."""
    return await _page(request, {"which": which, "project": project}, before=before, said=DONE.get(did, ""))


@router.post("/conversations")
async def change_conversations(request: Request) -> Response:
    """Carry out one form of the page; whatever is wrong is said on the page, and nothing is changed then."""
    try:
        form = parse_qs((await request.body()).decode(errors="replace"), keep_blank_values=True, max_num_fields=1000)
    except ValueError:
        raise BadInput("This form has too many fields. Please load the page again.") from None
    given = {name: values[0] for name, values in form.items()}
    place = {"which": given.get("which", "open"), "project": given.get("shown", "")}
    try:
        did = await _carry_out(request, given, form.get("id", []))
    except StaffworkError as problem:
        return await _page(request, place, problem=str(problem), code=code_of(problem))
    if did == "remove_project":
        place["project"] = ""
    return RedirectResponse(f"/conversations?{urlencode(place | {'did': did})}", 303)


async def _carry_out(request: Request, given: dict[str, str], ids: Sequence[str]) -> str:
    user_id, store, kind = present().user_id, shelves(request), given.get("kind", "")
    match kind:
        case "create":
            await store.create(user_id, given.get("name", ""))
        case "rename_project":
            await store.rename(given.get("shown", ""), user_id, given.get("name", ""))
        case "remove_project":
            await store.remove(given.get("shown", ""), user_id)
        case "rename":
            await office_of(request).conversations.rename(given.get("one", ""), user_id, given.get("name", ""))
        case "several":
            return await _several(request, given, ids)
        case _:
            raise BadInput("This form is not known here. Please load the page again.")
    return kind


async def _several(request: Request, given: dict[str, str], ids: Sequence[str]) -> str:
    what, user_id = given.get("what", ""), present().user_id
    if not ids:
        raise BadInput("Choose at least one conversation first.")
    if what != "delete":
        await shelves(request).change(user_id, ids, what, given.get("project", ""))
        return what
    if given.get("sure") != "yes":
        raise BadInput("Deleting cannot be undone. Tick “Yes, delete” as well.")
    if len(ids) > MOST_AT_ONCE:
        raise BadInput(f"At most {MOST_AT_ONCE} conversations can be deleted at once.")
    for conversation_id in ids:
        await delete_wholly(office_of(request), conversation_id, user_id)
    return what


async def _page(request: Request, place: dict[str, str], *, before: datetime | None = None, **say: Any) -> HTMLResponse:
    user_id, store = present().user_id, shelves(request)
    which, project = checked_which(place["which"]), place["project"]
    projects = await store.projects(user_id)
    here = next((p for p in projects if p.id == project), None)
    wanted = {"project": project} if project else {}
    found = await store.list(user_id, which, limit=SHOWN + 1, before=before, **wanted)
    said, problem = say.get("said", ""), say.get("problem", "")
    words = {
        "tabs": _tabs(which, project) + _project_tabs(projects, project),
        "which": escape(which),
        "shown": escape(project),
        "items": "".join(_item(one, projects) for one in found[:SHOWN]),
        "forms": "".join(_form(one, place) for one in found[:SHOWN]),
        "actions": options(_ACTIONS, "pin"),
        "projects": options({"": "no project"} | {p.id: p.name for p in projects}, project),
        "none": "hidden" if found else "",
        "some": "" if found else "hidden",
        "project_name": escape(here.name) if here else "",
        "no_project": "" if here else "hidden",
        "more": _more(found, place),
        "said": escape(said),
        "no_said": "" if said else "hidden",
        "problem": escape(problem),
        "no_problem": "" if problem else "hidden",
        "base_style": address_of_asset("schedules.css"),
        "style": address_of_asset("order.css"),
    }
    return HTMLResponse(template("conversations.html").substitute(words), say.get("code", 200))


def _tabs(which: str, project: str) -> str:
    return "".join(_tab({"which": name}, words, name == which and not project) for name, words in _WHICH.items())


def _project_tabs(projects: Sequence[Project], chosen: str) -> str:
    return "".join(_tab({"project": p.id}, f"{p.name} ({p.count})", p.id == chosen, "project") for p in projects)


def _tab(query: dict[str, str], words: str, here: bool, kind: str = "") -> str:
    current = ' aria-current="page"' if here else ""
    return f'<a class="tab {kind}" href="/conversations?{escape(urlencode(query))}"{current}>{plain(words)}</a>'


def _item(one: Shelved, projects: Sequence[Project]) -> str:
    badges = [words for there, words in ((one.pinned, "pinned"), (one.archived, "archived")) if there]
    if one.unread:
        badges.insert(0, {"failed": "failed", "needs_you": "needs you"}.get(one.news, "new"))
    badges += [p.name for p in projects if p.id == one.project_id]
    marks = "".join(f'<span class="badge {words.split()[0]}">{plain(words)}</span>' for words in badges)
    chat, title = escape(one.id), plain(one.title) or "Untitled"
    return (
        f'<li class="talk{" unread" if one.unread else ""}">'
        f'<input type="checkbox" name="id" value="{chat}" aria-label="Choose {title}">'
        f'<div class="about"><a href="/thread/{chat}">{title}</a><div class="marks">{marks}'
        f'<span class="soft">{moment(one.updated_at)}</span></div></div>'
        f'<details class="rename"><summary aria-label="Rename {title}">Rename</summary><div class="line">'
        f'<input form="r-{chat}" name="name" value="{title}" maxlength="200" aria-label="New title of {title}">'
        f'<button form="r-{chat}" type="submit">Save</button>'
        "</div></details></li>"
    )


def _form(one: Shelved, place: dict[str, str]) -> str:
    """Draw the form that renames a conversation; its fields stand in the list, which is a form itself."""
    hidden = {"kind": "rename", "one": one.id, "which": place["which"], "shown": place["project"]}
    fields = "".join(f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in hidden.items())
    return f'<form id="r-{escape(one.id)}" method="post" action="/conversations">{fields}</form>'


def _more(found: Sequence[Shelved], place: dict[str, str]) -> str:
    if len(found) <= SHOWN:
        return ""
    last = found[SHOWN - 1].updated_at.isoformat()
    return f'<a href="/conversations?{escape(urlencode(place | {"before": last}))}">Older conversations</a>'
