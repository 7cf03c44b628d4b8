"""The audit log, for owners and admins: over HTTP, and as a page."""

from __future__ import annotations

from html import escape
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from api.people_parts import browser
from api.rooms import moment, office_of, options, room, shown
from api.visitors import allowed
from core.steering import Right
from memory.audit import KINDS, Entry
from memory.people import normal

router = APIRouter()
Before = Annotated[int | None, Query(ge=1, lt=2**31)]
Filter = Annotated[str, Query(max_length=200)]
PER_PAGE = 50


@router.get("/api/audit")
async def list_audit(
    request: Request,
    kind: Filter = "",
    person: Filter = "",
    before: Before = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """List what was done, newest first: of one kind, by or about one person, older than the row `before`."""
    allowed(Right.AUDIT)
    found = await office_of(request).audit.read(kind=kind, person=normal(person), before=before, limit=limit + 1)
    entries = [entry.model_dump(mode="json") for entry in found[:limit]]
    return {"entries": entries, "more": len(found) > limit, "kinds": KINDS}


@router.get("/audit")
async def audit_page(request: Request, kind: Filter = "", person: Filter = "", before: str = "") -> HTMLResponse:
    """Show what was done, a page at a time."""
    allowed(Right.AUDIT)
    row = int(before) if before.isascii() and before.isdigit() and len(before) < 10 else None
    read = office_of(request).audit.read
    found = await read(kind=kind, person=normal(person), before=row, limit=PER_PAGE + 1)
    rows = "".join(_row(entry) for entry in found[:PER_PAGE])
    table = (
        f'<table class="log"><tr><th>When</th><th>Who</th><th>What</th><th>From</th></tr>{rows}</table>'
        if rows
        else '<section class="empty"><h2>Nothing here</h2><p>Nothing of this kind was done, or not by this person.</p></section>'
    )
    older = _link("Older", kind, person, found[PER_PAGE - 1].number) if len(found) > PER_PAGE else ""
    pager = f'<p class="pager"><span>{_link("Newest", kind, person) if row else ""}</span><span>{older}</span></p>'
    about = "Sign-ins, links, approvals, roles, keys, deletions, changed settings, and where code went. Rows are only ever added."
    return room("Audit log", about, _filter(kind, person) + table + pager)


def _filter(kind: str, person: str) -> str:
    kinds = options({"": "Everything"} | KINDS, kind)
    return (
        '<form class="inline" method="get" action="/audit">'
        f'<label>What<select name="kind">{kinds}</select></label>'
        f'<label>Who<input name="person" value="{escape(person)}" maxlength="200" placeholder="a name" autocomplete="off"></label>'
        "<button>Show</button></form><br>"
    )


def _link(words: str, kind: str, person: str, before: int | None = None) -> str:
    query = {"kind": kind, "person": person} | ({} if before is None else {"before": before})
    return f'<a href="/audit?{escape(urlencode(query))}">{words}</a>'


def _row(entry: Entry) -> str:
    said = entry.details | ({"browser": browser(entry.details["browser"])} if entry.details.get("browser") else {})
    details = ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in said.items() if value)
    subject = f" {shown(entry.subject)}" if entry.subject and entry.subject != entry.actor else ""
    told = f'<div class="facts">{shown(details)}</div>' if details else ""
    return (
        f'<tr><td class="at">{moment(entry.at)}</td><td>{shown(entry.actor or "-")}</td>'
        f"<td><strong>{escape(entry.words)}</strong>{subject}{told}</td>"
        f'<td class="from" data-name="From">{shown(entry.address)}</td></tr>'
    )
