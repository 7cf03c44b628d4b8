"""The pages on which people keep context documents: plain HTML and forms, no JavaScript.

Forms come from our own pages only: the guard refuses what another site sends, and the session's cookie stays away from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.contexts import keeper
from api.contexts_drawn import DONE, draw_compared, draw_document, draw_form, draw_list
from api.visitors import present
from core.errors import BadInput, Conflict, NotFound, Refused, StaffworkError
from core.memories import Context

router = APIRouter()

_CODES: tuple[tuple[type[StaffworkError], int], ...] = (
    (NotFound, 404),
    (Conflict, 409),
    (Refused, 403),
    (BadInput, 400),
)
_FIELDS = ("title", "triggers", "operators", "text")


@router.get("/contexts")
async def contexts_page(request: Request, did: str = "") -> HTMLResponse:
    """Show the documents a person can see; drafts that wait for them first."""
    found = await keeper(request).of_user(present().user_id)
    return HTMLResponse(draw_list(found, said=DONE.get(did, "")))


@router.get("/contexts/new")
async def new_context(request: Request, like: str = "") -> HTMLResponse:
    """Show the form for a new document, or for one that replaces another."""
    user_id, kept = present().user_id, keeper(request)
    fields: dict[str, str] = {}
    if like:
        fields = _given(await kept.get(like, user_id))
    return HTMLResponse(draw_form(fields, may_house=await kept.keeps_house(user_id)))


@router.post("/contexts/new")
async def add_context(request: Request) -> Response:
    """Keep a new document; what is wrong is said above the form, with everything that was typed."""
    user_id, kept = present().user_id, keeper(request)
    given = await _sent(request)
    fields = {name: given.get(name, "") for name in (*_FIELDS, "name")}
    try:
        made = await kept.add(user_id, fields, house=given.get("house") == "on")
    except StaffworkError as problem:
        house = await kept.keeps_house(user_id)
        return HTMLResponse(draw_form(given, may_house=house, problem=str(problem)), _code(problem))
    return _back(made.id, "added")


@router.get("/contexts/{context_id}")
async def context_page(request: Request, context_id: str, did: str = "") -> HTMLResponse:
    """Show one document: to change it, or to read it where it is not the person's to change."""
    return await _document(request, context_id, said=DONE.get(did, ""))


@router.post("/contexts/{context_id}")
async def change_context(request: Request, context_id: str) -> Response:
    """Carry out one form of the page; whatever is wrong is said on the page, and nothing is changed then."""
    given = await _sent(request)
    try:
        did = await _carry_out(request, context_id, given)
    except NotFound:
        raise
    except StaffworkError as problem:
        typed = given if given.get("do") == "save" else {}
        return await _document(request, context_id, problem=str(problem), typed=typed, code=_code(problem))
    return RedirectResponse(f"/contexts?did={did}", 303) if did == "removed" else _back(context_id, did)


@router.get("/contexts/{context_id}/compare")
async def compare_page(request: Request, context_id: str, old: int, new: int) -> HTMLResponse:
    """Show what changed between two versions."""
    user_id, kept = present().user_id, keeper(request)
    context = await kept.get(context_id, user_id)
    lines = await kept.diff(context_id, user_id, old, new)
    may = await kept.may_change(context, user_id)
    return HTMLResponse(draw_compared(context, lines, old, new, may_change=may))


async def _document(
    request: Request,
    context_id: str,
    *,
    said: str = "",
    problem: str = "",
    typed: Mapping[str, str] | None = None,
    code: int = 200,
) -> HTMLResponse:
    user_id, kept = present().user_id, keeper(request)
    context = await kept.get(context_id, user_id)
    versions = await kept.versions(context_id, user_id)
    may = await kept.may_change(context, user_id)
    fields = dict(_given(context)) | dict(typed or {})
    html = draw_document(context, versions, fields, may_change=may, said=said, problem=problem)
    return HTMLResponse(html, code)


async def _carry_out(request: Request, context_id: str, given: Mapping[str, str]) -> str:
    user_id, kept = present().user_id, keeper(request)
    version, to = _number(given.get("version", "")), given.get("to", "")
    match given.get("do"):
        case "save":
            fields = {name: given.get(name, "") for name in _FIELDS}
            await kept.change(context_id, user_id, version, fields | {"enabled": given.get("enabled") == "on"})
            return "saved"
        case "accept":
            await kept.accept(context_id, user_id, version)
            return "accepted"
        case "restore":
            await kept.restore(context_id, user_id, version, _number(to))
            return "restored"
        case "remove":
            await kept.remove(context_id, user_id, version)
            return "removed"
    raise BadInput("This form is not known here. Please load the page again.")


def _given(context: Context) -> dict[str, str]:
    lists = {"triggers": ", ".join(context.triggers), "operators": ", ".join(context.operators)}
    about = {"name": context.name, "title": context.title, "text": context.text}
    return about | lists | ({"enabled": "on"} if context.enabled else {})


async def _sent(request: Request) -> dict[str, str]:
    body = (await request.body()).decode(errors="replace")
    return {name: values[0] for name, values in parse_qs(body, keep_blank_values=True).items()}


def _number(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadInput("This form is not known here. Please load the page again.")
    return int(text)


def _code(problem: StaffworkError) -> int:
    return next((code for kind, code in _CODES if isinstance(problem, kind)), 400)


def _back(context_id: str, did: str) -> RedirectResponse:
    return RedirectResponse(f"/contexts/{quote(context_id, safe=':')}?did={did}", 303)
