"""Links to conversations over REST, for those who make them: share, look at it as others will, change, revoke."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from api.bodies import fitting, sent
from api.shared_page import about, copy_button, shared_page
from api.visitors import present
from core.missions import now
from core.steering import Right, may
from graphs.share_wishes import Change, SecretsFound, Wish
from graphs.sharing import Sharing
from memory.shares import Shares
from memory.snapshots import Share, SharedFile

router = APIRouter(prefix="/api")


def sharing(request: Request) -> Sharing:
    """Find who makes links."""
    return Sharing(request.app.state.office, request.app.state.photograph)


@router.get("/conversations/{conversation_id}/shares")
async def what_could_be_shared(request: Request, conversation_id: str) -> dict[str, Any]:
    """Say what there is to share of a conversation: messages, files by their ids, and whether links may be public."""
    everything = await sharing(request).whole(conversation_id, present().user_id)
    return {
        "conversation_id": conversation_id,
        "messages": len(everything.messages),
        "left_out": everything.left_out,
        "files": [file_offered(f) for f in everything.files],
        "public": public_allowed(request),
    }


@router.post("/conversations/{conversation_id}/shares", status_code=201)
async def share(request: Request, conversation_id: str) -> Response:
    """Make a link; 409 with `findings` if something looks like a secret, until `secrets` says what becomes of it."""
    wish = await sent(request, Wish)
    try:
        made = await sharing(request).publish(conversation_id, present().user_id, wish)
    except SecretsFound as found:
        findings = [f.model_dump() for f in found.findings]
        return JSONResponse({"detail": str(found), "findings": findings}, 409)
    return JSONResponse(await shown(request, made), 201)


@router.get("/conversations/{conversation_id}/shares/preview")
async def preview_draft(request: Request, conversation_id: str) -> Response:
    """Show the page that a link would show, before there is one: `?title=&include=&files=&files=&secrets=`."""
    asked = request.query_params
    fields: dict[str, Any] = {"secrets": "mask", **asked, "files": asked.getlist("files")}
    wish = fitting(Wish, fields)
    draft = await sharing(request).draft(conversation_id, present().user_id, wish)
    words = about(now(), None).partition(" This link")[0]
    return await asyncio.to_thread(shared_page, draft.title, draft.snapshot, base="", about=words)


@router.get("/shares")
async def list_shares(request: Request) -> dict[str, Any]:
    """List the person's links, newest first."""
    found = await sharing(request).mine(present().user_id)
    return {
        "shares": [await shown(request, s) for s in found],
        "public": public_allowed(request),
    }


@router.get("/shares/{share_id}")
async def show_share(request: Request, share_id: str) -> dict[str, Any]:
    """Show one link, with who looked lately."""
    found, snapshot = await links(request).get(share_id, present().user_id)
    visits = await links(request).visits(share_id, present().user_id)
    files = [{"name": f.name, "size": f.size} for f in snapshot.files]
    return await shown(request, found) | {"files": files, "log": [v.model_dump(mode="json") for v in visits]}


@router.get("/shares/{share_id}/preview")
async def preview(request: Request, share_id: str) -> Response:
    """Show the page exactly as others see it; it does not count as a view."""
    found, snapshot = await links(request).get(share_id, present().user_id)
    token = await links(request).token(share_id)
    base = f"/s/{token}" if token else ""
    return await asyncio.to_thread(
        shared_page,
        found.title,
        snapshot,
        base=base,
        about=about(found.created_at, found.expires_at),
        actions=copy_button(base, known=True),
    )


@router.patch("/shares/{share_id}")
async def change_share(request: Request, share_id: str) -> dict[str, Any]:
    """Change title, audience, end or password of a link that works; what it shows never changes."""
    change = await sent(request, Change)
    return await shown(request, await sharing(request).change(share_id, present().user_id, change))


@router.delete("/shares/{share_id}", status_code=204)
async def revoke_share(request: Request, share_id: str) -> Response:
    """End a link now; it does not come back."""
    await sharing(request).revoke(share_id, present().user_id)
    return Response(status_code=204)


def public_allowed(request: Request) -> bool:
    """Say whether this person may make links for everybody: the house must allow them, and their role."""
    allowed: bool = request.app.state.office.settings.public_links
    return allowed and may(present().role, Right.SHARE_PUBLIC)


def links(request: Request) -> Shares:
    """Find the store of links."""
    found: Shares = request.app.state.office.shares
    return found


async def shown(request: Request, share: Share) -> dict[str, Any]:
    """Show a link as JSON; its address only while it works, and to its owner."""
    state = share.state(now())
    token = await links(request).token(share.id) if state == "live" else ""
    fields = share.model_dump(mode="json", exclude={"user_id"})
    return fields | {"state": state, "path": f"/s/{token}" if token else None, "url": address_of(request, token)}


def address_of(request: Request, token: str) -> str | None:
    """Write the address that people open."""
    house = request.app.state.office.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")
    return f"{house}/s/{token}" if token else None


def file_offered(file: SharedFile) -> dict[str, Any]:
    """Show a file that may be shared along."""
    return file.model_dump(include={"id", "name", "size", "mime"})
