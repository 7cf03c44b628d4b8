"""The pages on which people take a conversation out, and in: plain HTML and forms, no JavaScript.

Forms come from our own pages only: the guard refuses what another site sends, and the session's cookie stays away from it.
"""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request, UploadFile
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.exports import take_in
from api.safe_markdown import plain
from api.templates import address_of_asset, template
from api.visitors import present
from core.errors import BadInput
from core.steering import Right, may

router = APIRouter()
SHOWN = 50


@router.get("/export")
async def export_page(request: Request, conversation: str = "") -> HTMLResponse:
    """Offer the ways to take a conversation out; without one, offer the newest ones. Raises NotFound for another person's."""
    office, person = request.app.state.office, present()
    if not conversation:
        found = await office.conversations.list(person.user_id, limit=SHOWN)
        rows = "".join(
            f'<li class="card"><h2><a href="/export?conversation={escape(c.id)}">{plain(c.title) or "Conversation"}</a></h2>'
            f'<p class="soft">{c.updated_at:%Y-%m-%d %H:%M} UTC</p></li>'
            for c in found
        )
        words = {"items": rows, "none": "hidden" if found else "", "may_import": _may_import()}
        return HTMLResponse(template("exports.html").substitute(words, **assets()))
    talk = await office.conversations.get(conversation, person.user_id)
    words = {"id": escape(talk.id), "title": plain(talk.title) or "Conversation", "may_import": _may_import()}
    return HTMLResponse(template("export.html").substitute(words, **assets()))


@router.get("/import")
async def import_page(request: Request) -> HTMLResponse:
    """Show the form that takes a file in."""
    return _form(request)


@router.post("/import")
async def import_file(request: Request, file: UploadFile) -> Response:
    """Take the file in and lead to its conversation; what is wrong with it is said above the form."""
    try:
        conversation_id = await take_in(request, file)
    except BadInput as problem:
        return _form(request, str(problem), 400)
    return RedirectResponse(f"/thread/{conversation_id}", 303)


def _form(request: Request, problem: str = "", code: int = 200) -> HTMLResponse:
    words = {
        "problem": plain(problem),
        "no_problem": "" if problem else "hidden",
        "most": str(request.app.state.office.settings.upload_max_mb),
    }
    return HTMLResponse(template("import.html").substitute(words, **assets()), code)


def _may_import() -> str:
    return "" if may(present().role, Right.WORK) else "hidden"


def assets() -> dict[str, str]:
    """Name the style sheets of these pages."""
    names = {"base_style": "schedules.css", "style": "contexts.css", "own_style": "exports.css"}
    return {name: address_of_asset(file) for name, file in names.items()}
