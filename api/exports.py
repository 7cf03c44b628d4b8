"""Conversations taken out of the house as files, and taken in again."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query, Request, UploadFile
from fastapi.responses import Response, StreamingResponse

from api.exported import file_name, html_of, markdown_of, readable
from api.visitors import present
from api.zip_stream import ZIP, zipped
from core.missions import now
from graphs.exporting import Exporting
from graphs.importing import Importing
from graphs.taking_all import everything

router = APIRouter()

Format = Literal["json", "zip", "md", "html"]
_STEP = 1 << 18
_KINDS = {"md": "text/markdown; charset=utf-8", "html": "text/html; charset=utf-8", "json": "application/json"}


@router.get("/api/conversations/{conversation_id}/export")
async def export(
    request: Request,
    conversation_id: str,
    *,
    format: Annotated[Format, Query()] = "json",
    steps: bool = False,
) -> Response:
    """Take a conversation out: all of it as `json` or `zip`, or to read as `md` or `html` (`steps`: with how it was done)."""
    office, user_id = request.app.state.office, present().user_id
    exporting = Exporting(office)
    title = await exporting.note(conversation_id, user_id, format)
    name = file_name(title, format)
    if format == "zip":
        return zipped(await exporting.archive(conversation_id, user_id), name)
    if format == "json":
        return _sent(exporting.json(conversation_id, user_id), name, format)
    whole = await request.app.state.photograph(office, conversation_id, user_id)
    shown = readable(office.masked, whole, steps=steps)
    words = await asyncio.to_thread(markdown_of if format == "md" else html_of, title, shown, now())
    return _sent(_once(words.encode()), name, format)


@router.get("/api/me/everything.zip", responses=ZIP)
async def take_everything(request: Request) -> Response:
    """Take everything out that is the person's: all conversations with their files, and what is remembered of them."""
    return zipped(await everything(request.app.state.office, present().user_id), "staffwork.zip")


@router.post("/api/conversations/import", status_code=201)
async def import_conversation(request: Request, file: UploadFile) -> dict[str, Any]:
    """Make a conversation of the person out of a file that `export` made; nothing of it goes on by itself."""
    return {"conversation_id": await take_in(request, file)}


async def take_in(request: Request, file: UploadFile) -> str:
    """Import what was uploaded, which is on the disk and not in memory; returns the conversation's id."""
    with tempfile.TemporaryDirectory(prefix="import-") as folder:
        place = Path(folder) / "export"
        with place.open("wb") as copy:
            while piece := await file.read(_STEP):
                copy.write(piece)
        return await Importing(request.app.state.office).take(place, present().user_id)


async def _once(words: bytes) -> AsyncIterator[bytes]:
    yield words


def _sent(pieces: AsyncIterator[bytes], name: str, kind: str) -> StreamingResponse:
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    return StreamingResponse(pieces, media_type=_KINDS[kind], headers=headers)
