"""What people find under a link: the page, its files, the question for the password, and a copy to go on with."""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, RedirectResponse, Response
from pydantic import ValidationError

from api.file_views import Sought, Ways, drawn
from api.first_start import page
from api.returning import login_address
from api.safe_markdown import visible
from api.shared_page import FORMS, HIDDEN, about, copy_button, no_such_link, shared_page
from api.visitors import address, visitor
from core.errors import NotFound, Refused
from core.missions import Attachment, new_id
from graphs.sharing import Sharing
from memory.file_texts import FileTexts
from memory.snapshots import Share, SharedFile, Snapshot, Visited

if TYPE_CHECKING:
    from graphs.reception import Reception

router = APIRouter(prefix="/s")
PASS_SECONDS = 12 * 3600
"""How long a browser is not asked for the password again."""


class _Closed(Exception):
    """Something stands before what is under a link: the answer to give instead."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer


@router.api_route("/{token}", methods=["GET", "HEAD"], include_in_schema=False)
async def look(request: Request, token: str) -> Response:
    """Show what stands under a link."""
    try:
        share, snapshot = await _enter(request, token)
    except _Closed as closed:
        return closed.answer
    if request.method == "GET":
        await _note(request, share, "page")
    base = f"/s/{token}"
    return await asyncio.to_thread(
        shared_page,
        share.title,
        snapshot,
        base=base,
        about=about(share.created_at, share.expires_at),
        actions=copy_button(base, known=visitor.get() is not None),
    )


@router.post("/{token}")
async def unlock(request: Request, token: str) -> Response:
    """Take the password, and lead back to the page with a pass that holds for twelve hours."""
    office: Reception = request.app.state.office
    try:
        share, _ = await _found(office, token)
        password = await _sent(request, "password")
        given = await office.shares.admit(share, password, address.get())
    except _Closed as closed:
        return closed.answer
    except Refused as refusal:  # wrong, or too many attempts
        return _form(token, str(refusal), 403)
    answer = RedirectResponse(f"/s/{token}", 303, headers=HIDDEN)
    answer.set_cookie(_cookie(share), given, max_age=PASS_SECONDS, path=f"/s/{token}", httponly=True, samesite="lax")
    return answer


@router.get("/{token}/f/{position}")
async def download(request: Request, token: str, position: str) -> Response:
    """Hand out a file that was shared, for download only."""
    office: Reception = request.app.state.office
    try:
        share, snapshot = await _enter(request, token)
    except _Closed as closed:
        return closed.answer
    file = _at(snapshot, position)
    if file is None:
        return no_such_link()
    try:
        path = office.blobs.path(file.hash)
    except NotFound:
        return no_such_link()
    await _note(request, share, "file")
    name = quote(visible(file.name) or "file", safe="")
    more = {
        "content-disposition": f"attachment; filename*=UTF-8''{name}",
        "content-security-policy": "sandbox; default-src 'none'",
    }
    return FileResponse(path, media_type="application/octet-stream", headers=HIDDEN | more)


@router.get("/{token}/f/{position}/view")
async def view(request: Request, token: str, position: str) -> Response:
    """Show a place in a file that was shared."""
    office: Reception = request.app.state.office
    try:
        share, snapshot = await _enter(request, token)
        sought = Sought.model_validate(dict(request.query_params))
    except _Closed as closed:
        return closed.answer
    except ValidationError:
        return no_such_link()
    file = _at(snapshot, position)
    if file is None:
        return no_such_link()
    held = await FileTexts(office.database).holder(file.hash, share.user_id)
    about = {"id": held or "", "name": file.name, "hash": file.hash, "size": file.size, "mime": file.mime}
    here = f"/s/{token}/f/{int(position)}"
    ways = Ways(here, here, f"/s/{token}", "Back to the conversation", HIDDEN, head="")
    return await drawn(office, Attachment.model_validate(about), share.user_id, sought, ways)


def _at(snapshot: Snapshot, position: str) -> SharedFile | None:
    fits = position.isascii() and position.isdigit() and 0 < int(position[:6]) <= len(snapshot.files)
    return snapshot.files[int(position[:6]) - 1] if fits else None


@router.get("/{token}/copy")
async def offer_copy(request: Request, token: str) -> Response:
    """Ask a person who is signed in whether to go on with a copy of their own."""
    try:
        share, _ = await _enter(request, token, signed_in=True)
    except _Closed as closed:
        return closed.answer
    asked = page("share_copy.html", title=share.title, address=f"/s/{token}", client_id=new_id())
    asked.headers.update(FORMS)
    return asked


@router.post("/{token}/copy")
async def copy(request: Request, token: str) -> Response:
    """Begin a conversation of this person's with the words under a link; the same `client_id` twice is one."""
    office: Reception = request.app.state.office
    try:
        share, snapshot = await _enter(request, token, signed_in=True)
    except _Closed as closed:
        return closed.answer
    person = visitor.get()
    assert person is not None  # _enter saw to it
    client_id = (await _sent(request, "client_id"))[:64]
    sharing = Sharing(office, request.app.state.photograph)
    conversation_id = await sharing.copy(share, snapshot, person.user_id, client_id)
    await _note(request, share, "copy")
    return RedirectResponse(f"/thread/{conversation_id}", 303, headers=HIDDEN)


@router.api_route("/{rest:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
async def nothing(rest: str) -> Response:
    """Answer every other address below /s/ like a link that does not exist."""
    return no_such_link()


async def _enter(request: Request, token: str, *, signed_in: bool = False) -> tuple[Share, Snapshot]:
    """Find what stands under a link, if this person may see it; raises _Closed with what to answer otherwise."""
    office: Reception = request.app.state.office
    share, snapshot = await _found(office, token)
    person = visitor.get()
    public = share.audience == "public" and office.settings.public_links
    if person is None and (signed_in or not public):
        raise _Closed(_sign_in(token))
    if share.protected and not (person is not None and person.user_id == share.user_id):
        given = request.cookies.get(_cookie(share), "")
        if not hmac.compare_digest(given.encode(), (await office.shares.pass_for(share.id)).encode()):
            raise _Closed(_form(token, "", 401))
    return share, snapshot


async def _found(office: Reception, token: str) -> tuple[Share, Snapshot]:
    try:
        return await office.shares.open(token)
    except NotFound:
        raise _Closed(no_such_link()) from None


async def _note(request: Request, share: Share, what: Visited) -> None:
    """Put a visit on record, unless it is the owner's own."""
    person = visitor.get()
    if person is None or person.user_id != share.user_id:
        office: Reception = request.app.state.office
        await office.shares.visited(share.id, what, person.name if person else shortened(address.get()))


def shortened(network_address: str) -> str:
    """Leave out the end of a network address: enough to tell visits apart, too little to tell who it was."""
    try:
        found = ipaddress.ip_address(network_address)
    except ValueError:
        return "unknown address"
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    if isinstance(found, ipaddress.IPv4Address):
        return ".".join([*str(found).split(".")[:3], "x"])
    return ":".join([*found.exploded.split(":")[:3], "x"])


async def _sent(request: Request, name: str) -> str:
    body = (await request.body()).decode(errors="replace")
    return parse_qs(body).get(name, [""])[0]


def _cookie(share: Share) -> str:
    return f"link_{share.id[:16]}"


def _form(token: str, problem: str, code: int) -> Response:
    shown = "problem" if problem else "hidden"
    form = page("share_password.html", code, address=f"/s/{quote(token, safe='')}", problem=problem, shown=shown)
    form.headers.update(FORMS)
    return form


def _sign_in(token: str) -> Response:
    """Lead to the login, and from there back to the link."""
    words, link = "This is for people who have an account here.", login_address(f"/s/{token}")
    found = page("note.html", 401, title="Please sign in first", words=words, link=link, link_words="Sign in")
    found.headers.update(HIDDEN)
    return found
