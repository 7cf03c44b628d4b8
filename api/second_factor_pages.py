"""The pages of the second factor: what it is, setting it up, new recovery codes, taking it away. Plain forms, no JavaScript."""

from __future__ import annotations

from html import escape
from typing import Any
from urllib.parse import parse_qs

import segno
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.keys import office_of
from api.templates import template, text_of
from api.visitors import address, allowed, present
from core.errors import BadInput, Conflict, NotFound, Refused
from core.steering import Right, denial, may
from memory.second_factors import CodeRefused, address_for

router = APIRouter()
HERE = "/me/second-factor"
SHOWN_ONCE = (
    "Recovery codes are shown only once: if you did not keep them, make new ones; the old ones stop working then."
)


@router.get("/me/second-factor")
async def my_second_factor(request: Request, did: str = "") -> HTMLResponse:
    """Say whether the person has a second factor, and offer what can be done."""
    said = "It is off. Your password alone lets you in." if did == "off" else ""
    return await _mine(request, said=said)


@router.post("/me/second-factor")
async def change_second_factor(request: Request) -> Response:
    """Set it up, confirm it, make new recovery codes, or take it away; the last two want a code."""
    person, given = present(), await posted(request)
    factors, kind, code = office_of(request).doors.second_factors, given.get("kind", ""), given.get("code", "")
    try:
        match kind:
            case "begin":
                return set_up_page(await factors.begin(person.user_id), person.name, HERE)
            case "confirm":
                return codes_page(await factors.confirm(person.user_id, code, address.get()), HERE, "Done")
            case "codes":
                await factors.check(person.user_id, code, address.get())
                return codes_page(await factors.new_codes(person.user_id), HERE, "Done")
            case "off":
                await factors.check(person.user_id, code, address.get())
                await factors.remove(person.user_id)
                return RedirectResponse(f"{HERE}?did=off", 303)
        raise BadInput("This form is not known here. Please load the page again.")
    except (Refused, NotFound, Conflict, BadInput) as problem:
        words = str(problem)
        if kind == "confirm" and not (await factors.standing(person.user_id)).on:
            return set_up_page(await factors.begin(person.user_id), person.name, HERE, problem=words, code=400)
        if kind == "confirm":  # the same form once more: nothing is wrong, and nothing is made again
            words = f"It is on already. {SHOWN_ONCE}"
        elif kind == "codes" and isinstance(problem, CodeRefused):
            words = f"{problem} If it has just made new recovery codes, those count. {SHOWN_ONCE}"
        return await _mine(request, problem=words, code=400)


@router.delete("/api/people/{person_id}/second-factor", status_code=204)
async def remove_second_factor(request: Request, person_id: str) -> None:
    """Take away the second factor of somebody who lost their device; for administrators, of an owner for owners only."""
    me, office = allowed(Right.PEOPLE), office_of(request)
    person = await office.people.get(person_id)
    if person.role == "owner" and not may(me.role, Right.OWNERS):
        raise Refused(denial(me.role, Right.OWNERS))
    if not await office.doors.second_factors.remove(person.id, by=me.user_id):
        raise NotFound(f"{person.name} has no second factor.")


def set_up_page(
    secret: str, name: str, action: str, *, problem: str = "", code: int = 200, must: bool = False
) -> HTMLResponse:
    """Show the secret as a picture and in letters, and ask for a first code."""
    picture = segno.make(address_for(secret, name), error="m").svg_inline(
        scale=4, border=4, light="#fff", omitsize=True
    )
    why = "Your role here needs a second factor to log in. " if must else ""
    return filled(
        "second_factor_new.html",
        code,
        picture=picture,
        secret=" ".join(secret[n : n + 4] for n in range(0, len(secret), 4)),
        action=escape(action),
        why=why,
        problem=escape(problem),
        shown="problem" if problem else "hidden",
    )


def codes_page(codes: list[str], onward: str, words: str) -> HTMLResponse:
    """Show recovery codes, this once."""
    listed = "".join(f"<li>{escape(code)}</li>" for code in codes)
    return filled("recovery_codes.html", codes=listed, link=escape(onward), link_words=words)


async def posted(request: Request) -> dict[str, str]:
    """Read a form of ours: the first value of each field."""
    return {k: v[0] for k, v in parse_qs((await request.body()).decode(errors="replace")).items()}


async def _mine(request: Request, *, said: str = "", problem: str = "", code: int = 200) -> HTMLResponse:
    standing = await office_of(request).doors.second_factors.standing(present().user_id)
    left = standing.codes_left
    return filled(
        "second_factor_mine.html",
        code,
        said=escape(said),
        no_said="" if said else "hidden",
        problem=escape(problem),
        shown="problem" if problem else "hidden",
        off="hidden" if standing.on else "",
        on="" if standing.on else "hidden",
        since=f"{standing.since:%Y-%m-%d}" if standing.since else "",
        left=f"{left} recovery code{'' if left == 1 else 's'} left",
    )


def filled(file: str, code: int = 200, **words: Any) -> HTMLResponse:
    """Fill in a page; what is not HTML of ours was escaped by the caller."""
    return HTMLResponse(template(file).substitute(style=text_of("style.html"), **words), code)
