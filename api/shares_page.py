"""The pages on which people share a conversation and keep their links; their buttons speak to `/api` (public/shares.js)."""

from __future__ import annotations

from html import escape
from typing import Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.safe_markdown import plain
from api.shared_page import file_size
from api.shares import public_allowed, sharing, shown
from api.templates import address_of_asset, template
from api.visitors import present
from memory.snapshots import Share, SharedFile

router = APIRouter()

WHO = {"people": "For people with an account here", "public": "For everybody who has the link"}
WHAT = {"answers": "Questions and answers", "steps": "Questions, answers and how it was done"}


@router.get("/shares")
async def shares_page(request: Request) -> HTMLResponse:
    """Show the person's links."""
    found = await sharing(request).mine(present().user_id)
    items = [item(share, await shown(request, share)) for share in found]
    words = {"items": "".join(items), "none": "hidden" if items else "", "public": _public(request)}
    return HTMLResponse(template("shares.html").substitute(words, **_assets()))


@router.get("/shares/new")
async def share_form(request: Request, conversation: str = "") -> HTMLResponse:
    """Show the form that makes a link to one conversation; raises NotFound if it is not this person's."""
    user_id = present().user_id
    talk = await request.app.state.office.conversations.get(conversation, user_id)
    everything = await sharing(request).whole(talk.id, user_id)
    left = everything.left_out
    words = {
        "conversation": escape(talk.id),
        "title": plain(talk.title),
        "none": "hidden" if everything.messages else "",
        "some": "" if everything.messages else "hidden",
        "left_out": f"{'One message is' if left == 1 else f'{left} messages are'} still being worked on and left out.",
        "no_left": "" if left else "hidden",
        "files": "".join(_file(f) for f in everything.files),
        "no_files": "" if everything.files else "hidden",
        "public": _public(request),
    }
    return HTMLResponse(template("share_new.html").substitute(words, **_assets()))


def item(share: Share, fields: dict[str, Any]) -> str:
    """Draw one link; every word is escaped."""
    live = fields["state"] == "live"
    end = share.revoked_at or share.expires_at
    how = {"live": "works until", "expired": "ended", "revoked": "revoked"}[fields["state"]]
    ends = f', {how} <time datetime="{end.isoformat()}">{_moment(end)}</time>' if end else ", works until you revoke it"
    seen = (
        f', last <time datetime="{share.viewed_at.isoformat()}">{_moment(share.viewed_at)}</time>.'
        if share.viewed_at
        else "."
    )
    words = {
        "id": escape(share.id),
        "title": plain(share.title),
        "conversation": escape(share.conversation_id),
        "state": fields["state"],
        "paused": "" if live else "paused",
        "who": WHO[share.audience] + (", with a password" if share.protected else ""),
        "what": WHAT[share.include],
        "made": _moment(share.created_at),
        "made_at": share.created_at.isoformat(),
        "ends": ends,
        "views": f"{share.views} view" if share.views == 1 else f"{share.views} views",
        "seen": seen,
        "data": escape(orjson.dumps(fields).decode()),
        "no_badge": "hidden" if live else "",
        "dead": "" if live else "hidden",
    }
    return template("share_item.html").substitute(words)


def _file(file: SharedFile) -> str:
    return (
        f'<label class="check"><input type="checkbox" name="file" value="{escape(file.id)}">'
        f'<span class="name"><bdi>{plain(file.name)}</bdi> <span class="soft">{file_size(file.size)}</span></span></label>'
    )


def _public(request: Request) -> str:
    """Offer public links only where the house and the person's role allow them."""
    return "" if public_allowed(request) else "disabled hidden"


def _moment(at: Any) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _assets() -> dict[str, str]:
    names = {"base_style": "schedules.css", "style": "shares.css", "script": "shares.js"}
    return {name: address_of_asset(file) for name, file in names.items()}
