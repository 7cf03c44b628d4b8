"""The inbox: everything that waits for the person, over all conversations. Plain HTML and forms, no JavaScript.

Forms come from our own pages only: the guard refuses what another site sends, and the session's cookie stays away from it.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.approvals import decision
from api.bodies import read_object
from api.inbox_items import DONE, Thing, Waiting, drawn, rule_drawn
from api.templates import template
from api.visitors import present
from core.errors import BadInput, Conflict, NotFound, Refused, StaffworkError
from core.missions import ENDED, Status, derived_id, new_id
from core.steering import Order, OrderKind
from graphs.standing import Standing

if TYPE_CHECKING:
    from graphs.office import Office

router = APIRouter()

MOST = 100
"""Missions that are looked at: the newest that have not ended."""
_UNENDED = tuple(status for status in Status if status not in ENDED)
_KINDS = {
    "question": OrderKind.ANSWER,
    "held": OrderKind.RELEASE,
    "attention": OrderKind.SETTLE,
    "plan": OrderKind.PLAN,
}
_CODES: tuple[tuple[type[StaffworkError], int], ...] = (
    (NotFound, 404),
    (Conflict, 409),
    (Refused, 403),
    (BadInput, 400),
)


@router.get("/inbox")
async def inbox_page(request: Request, did: str = "") -> HTMLResponse:
    """Show what waits for the person, and the decisions they had remembered."""
    return await _page(request, said=DONE.get(did, ""))


@router.post("/inbox")
async def inbox_order(request: Request) -> Response:
    """Carry out one form of the page; whatever is wrong is said on the page, and nothing is changed then."""
    given = {k: v[0] for k, v in parse_qs((await request.body()).decode(errors="replace")).items()}
    try:
        did = await _carry_out(request, given)
    except StaffworkError as problem:
        code = next((code for kind, code in _CODES if isinstance(problem, kind)), 400)
        return await _page(request, problem=str(problem), code=code)
    return RedirectResponse(f"/inbox?did={did}", 303)


async def _carry_out(request: Request, given: dict[str, str]) -> str:
    office, user_id = _office(request), present().user_id
    kind, choice = given.get("kind", ""), given.get("choice", "")
    if kind == "rule":
        await office.approval_rules.revoke(given.get("rule", ""), user_id)
        return "revoke"
    written = given.get("arguments", "").strip()
    arguments = read_object(written.encode()) if written and choice in ("edit", "pattern") else None
    text = given.get("text", "")
    if kind == "approval":
        asked = await office.approvals.get(given.get("approval", ""), user_id)
        await office.give(decision(asked, choice, user_id, text=text, arguments=arguments))
        return choice
    if kind not in _KINDS:
        raise BadInput("This form is not known here. Please load the page again.")
    mission, step = given.get("mission", ""), given.get("step", "")
    parts = ("inbox", user_id, mission, kind, step, choice, text, written)
    await office.give(
        Order(
            id=new_id() if choice == "check" else derived_id(*parts),
            mission_id=mission,
            kind=_KINDS[kind],
            by=user_id,
            step=step,
            choice=choice,
            text=text,
            arguments=arguments,
        )
    )
    return choice or "answer"


async def waiting_for(office: Office, user_id: str) -> list[Waiting]:
    """List what waits for a person: of each mission its approvals, calls to look at, questions and held steps."""
    found = []
    rows = await office.missions.recent(user_id, MOST, status=_UNENDED)
    approvals = {a.id: a for a in await office.approvals.open_in([row.mission.id for row in rows], user_id)}
    for row in rows:
        standing = Standing(await office.journal.read(row.mission.id))
        asked = (approvals[a.approval_id] for a in standing.open_approvals if a.approval_id in approvals)
        things: list[Thing] = [
            *asked,
            *standing.open_plans,
            *standing.open_attention,
            *standing.open_questions,
            *standing.open_steps,
        ]
        found += [Waiting(row.mission, thing, standing.operators) for thing in things]
    return found


async def _page(request: Request, *, said: str = "", problem: str = "", code: int = 200) -> HTMLResponse:
    office, user_id = _office(request), present().user_id
    waiting = await waiting_for(office, user_id)
    more = len(await office.missions.recent(user_id, MOST + 1, status=_UNENDED)) > MOST
    rules = await office.approval_rules.of_user(user_id)
    html = template("inbox.html").substitute(
        items="".join(drawn(one) for one in waiting),
        none="hidden" if waiting or more else "",
        more="" if more else "hidden",
        rules="".join(rule_drawn(rule) for rule in rules),
        no_rules="hidden" if not rules else "",
        said=escape(said),
        no_said="" if said else "hidden",
        problem=escape(problem),
        no_problem="" if problem else "hidden",
        count=f"({len(waiting)}) " if waiting else "",
    )
    return HTMLResponse(html, code)


def _office(request: Request) -> Office:
    office: Office = request.app.state.office
    return office
