"""The page of the files a person gave: the room they take, a search, and for each its state, its use and who was given it."""

from __future__ import annotations

from html import escape
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.file_views import POLICY
from api.rooms import code_of, filled, moment, office_of, options
from api.safe_markdown import plain
from api.shared_page import file_size
from api.templates import address_of_asset, template
from api.visitors import present
from core.errors import BadInput, StaffworkError
from core.memories import is_picture
from core.steering import Right, may
from graphs.file_keeping import delete_file
from memory.uploads import Room, Upload, Used, use_of, uses_of

router = APIRouter(prefix="/files")
SHOWN = 100
FORMS = POLICY.replace("form-action 'none'", "form-action 'self'; script-src 'self'")
DONE = {"use": "Done. It counts from your next message on.", "delete": "The file is deleted, with its text."}


@router.get("")
async def files_page(
    request: Request,
    query: Annotated[str, Query(max_length=200)] = "",
    conversation: Annotated[str, Query(max_length=64)] = "",
    did: str = "",
) -> HTMLResponse:
    """Show the person's files, newest first."""
    return await _page(request, query=query, conversation=conversation, said=DONE.get(did, ""))


@router.post("/{file_id}")
async def file_order(request: Request, file_id: str) -> Response:
    """Carry out a form of the page: use a file in another way, or delete it."""
    given, office, user_id = await filled(request), office_of(request), present().user_id
    kind = given.get("kind", "")
    try:
        if kind == "use":
            await office.uploads.choose(file_id, user_id, given.get("use", ""))
        elif kind == "delete":
            await delete_file(office, file_id, user_id)
        else:
            raise BadInput("This page sent something unknown. Reload it and try again.")
    except StaffworkError as problem:
        return await _page(request, problem=str(problem), code=code_of(problem))
    return RedirectResponse(f"/files?did={kind}", 303)


async def _page(
    request: Request, *, query: str = "", conversation: str = "", said: str = "", problem: str = "", code: int = 200
) -> HTMLResponse:
    office, person = office_of(request), present()
    found = await office.uploads.find(person.user_id, query=query, conversation_id=conversation, limit=SHOWN + 1)
    used, room = await office.uploads.used(person.user_id), office.room
    looked_for = bool(query or conversation)
    words = {
        "base_style": address_of_asset("schedules.css"),
        "style": address_of_asset("files.css"),
        "said": escape(said),
        "no_said": "" if said else "hidden",
        "problem": escape(problem),
        "no_problem": "" if problem else "hidden",
        "used": _used(used, room),
        "share": str(min(round(100 * max(used.bytes / room.bytes, used.files / room.files)), 100)),
        "query": plain(query),
        "conversation": plain(conversation),
        "count": _counted(len(found)),
        "none": "hidden" if found else "",
        "none_title": "Nothing was found" if looked_for else "There are no files yet",
        "none_words": "Try fewer or other words." if looked_for else "Files you give in the chat appear here.",
        "items": "".join(_item(upload, may(person.role, Right.WORK)) for upload in found[:SHOWN]),
    }
    html = template("files.html").substitute(words)
    return HTMLResponse(html, code, headers={"content-security-policy": FORMS, "cache-control": "no-store"})


def _used(used: Used, room: Room) -> str:
    count = f"{used.files:,} of {room.files:,} files"
    return f"You use {file_size(used.bytes)} of {room.bytes // 1_048_576:,} MB, {count}."


def _counted(found: int) -> str:
    if found > SHOWN:
        return f"The newest {SHOWN}; search for others."
    return f"{found} file{'s' * (found != 1)}." if found else ""


def _item(upload: Upload, changeable: bool) -> str:
    file = upload.attachment
    uses = uses_of(file.name)
    usual = uses[use_of(file.name, upload.characters)]
    words = {
        "id": escape(file.id),
        "name": plain(file.name),
        "about": f"{file_size(file.size)}, {moment(upload.created_at)}",
        "state": state_of(upload),
        "wrong": "wrong"
        if upload.status == "unreadable" and upload.use != "tools" and not is_picture(file.name)
        else "",
        "given": _given(upload),
        "uses": options(
            {"": f"As usual: {usual}"} | {use: _capital(words) for use, words in uses.items()}, upload.chosen
        ),
        "locked": "" if changeable else "hidden",
        "conversation": escape(upload.conversation_id),
        "title": plain(upload.conversation) or "The conversation",
    }
    return template("file_item.html").substitute(words)


def state_of(upload: Upload) -> str:
    """Say how far a file was read, or why it was not, as HTML."""
    read = f"{upload.characters:,} characters" if upload.characters is not None else ""
    if upload.pages:
        read = f"{upload.pages:,} page{'s' * (upload.pages != 1)}, {read}"
    note = f" {plain(upload.attachment.note)}" if upload.attachment.note else ""
    return {
        "received": "Received, not read yet.",
        "checked": "Received and checked; being read.",
        "parsed": f"Read: {read}; being indexed.",
        "indexed": f"Read and indexed: {read}.{note}",
    }.get(upload.status, note.strip() or "It cannot be read as text.")


def _given(upload: Upload) -> str:
    if not upload.receipts:
        return "No operator was given it yet."
    named = [f"{plain(who)}{f' ({often} times)' if often > 1 else ''}" for who, often in upload.operators.items()]
    return f"Given to {', '.join(named)}."


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
