"""Files that were given or made, for the person they belong to and nobody else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse

from api.visitors import present
from core.errors import NotFound
from core.missions import Artifact, Attachment

if TYPE_CHECKING:
    from graphs.office import Office

router = APIRouter(prefix="/files")

SHOWN = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/gif": b"GIF8", "image/webp": b"RIFF"}
"""Raster images that begin as such may be shown in the page; everything else is offered for download, whatever it says it is."""


@router.get("/artifact/{file_id}")
async def artifact(request: Request, file_id: str) -> FileResponse:
    """Hand out a file an operator made."""
    return await _hand_out(request, file_id, Artifact)


@router.get("/attachment/{file_id}")
async def attachment(request: Request, file_id: str) -> FileResponse:
    """Hand out a file a person gave."""
    return await _hand_out(request, file_id, Attachment)


async def _hand_out(request: Request, file_id: str, kind: type) -> FileResponse:
    office: Office = request.app.state.office
    found = await office.files.get(file_id, present().user_id)
    if not isinstance(found, kind):
        raise NotFound("There is no such file.")
    path = office.blobs.path(found.hash)
    shown = found.mime in SHOWN and await asyncio.to_thread(_begins_as, path, found.mime)
    disposition = "inline" if shown else "attachment"
    return FileResponse(
        path,
        media_type=found.mime if shown else "application/octet-stream",
        headers={
            "content-disposition": f"{disposition}; filename*=UTF-8''{quote(found.name, safe='')}",
            "content-security-policy": "sandbox; default-src 'none'",
            "x-content-type-options": "nosniff",
            "cache-control": "private, max-age=600",
        },
    )


def _begins_as(path: Path, mime: str) -> bool:
    with path.open("rb") as file:
        return file.read(8).startswith(SHOWN[mime])
