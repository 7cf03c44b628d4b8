"""The page of a person's identities at the identity provider: which there are, connecting one, taking one away."""

from __future__ import annotations

from html import escape

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.keys import office_of
from api.second_factor_pages import filled
from api.templates import template
from api.visitors import present

router = APIRouter()
DONE = {"link": "Connected. You can log in with it from now on.", "unlink": "It is not connected any more."}


@router.get("/me/identities")
async def my_identities(request: Request, did: str = "") -> HTMLResponse:
    """Show the person's identities."""
    office = office_of(request)
    found = await office.doors.identities.of_user(present().user_id)
    item = template("identity_item.html")
    items = [
        item.substitute(
            issuer=escape(one.issuer),
            subject=escape(one.subject),
            email=escape(one.email or one.subject),
            seen=f"{one.seen_at:%Y-%m-%d}",
        )
        for one in found
    ]
    said = DONE.get(did, "")
    return filled(
        "identities.html",
        items="".join(items),
        none="hidden" if found else "",
        label=escape(office.settings.oidc_label),
        offered="" if office.settings.oidc_issuer else "hidden",
        not_offered="hidden" if office.settings.oidc_issuer else "",
        said=escape(said),
        no_said="" if said else "hidden",
    )
