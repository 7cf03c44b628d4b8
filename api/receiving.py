"""A file on its way in over REST: refused before it is read where there is no room, streamed to disk, the same id twice is one."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated, Any, BinaryIO

from fastapi import APIRouter, Query, Request
from starlette.requests import ClientDisconnect

from api.rooms import office_of
from api.uploads import shown
from api.visitors import present
from core.errors import BadInput, Conflict, NotFound
from core.missions import derived_id, new_id
from memory.uploads import Upload, check_room
from tools.sanitise import repair

router = APIRouter(prefix="/api/files")


@router.post("", status_code=201)
async def give_file(
    request: Request,
    name: Annotated[str, Query(min_length=1, max_length=255)],
    conversation: Annotated[str, Query(pattern=r"^[A-Za-z0-9_-]{1,64}$")] = "",
    id: Annotated[str, Query(max_length=100)] = "",
) -> dict[str, Any]:
    """Keep a file, which is the body as it is, for a mission or an answer in a conversation (a new one if none is named).

    The same `id` (the sender's own) twice in a conversation is one file. Its kind is told by its content and name.
    """
    office, user_id, plain = office_of(request), present().user_id, repair(name).strip() or "file"
    talk = conversation or new_id()
    file_id = derived_id(user_id, talk, "file by client", id) if id else new_id()
    if id and (known := await _known(request, file_id, user_id)):
        await _read_away(request)
        if known.attachment.name != plain:
            raise Conflict("This id was used for another file. Send yours again with an id of its own.")
        return shown(known)
    await office.uploads.check_place(user_id, talk)
    announced = request.headers.get("content-length", "")
    check_room(await office.uploads.used(user_id), int(announced) if announced.isdigit() else 0, office.room)
    mime = request.headers.get("content-type", "").partition(";")[0].strip() or "application/octet-stream"
    with tempfile.TemporaryDirectory(prefix="given-") as folder:
        path = Path(folder) / "file"
        with path.open("wb") as file:
            await _taken(request, file)
        await office.receive(user_id, talk, plain, mime, path, file_id=file_id)
    return shown(await office.uploads.get(file_id, user_id))


async def _known(request: Request, file_id: str, user_id: str) -> Upload | None:
    try:
        return await office_of(request).uploads.get(file_id, user_id)
    except NotFound:
        return None


async def _taken(request: Request, file: BinaryIO) -> None:
    try:
        async for piece in request.stream():
            await asyncio.to_thread(file.write, piece)
    except ClientDisconnect:  # or the guard has cut it off, and said why
        raise BadInput("The file did not arrive whole. Send it again.") from None


async def _read_away(request: Request) -> None:
    try:
        async for _ in request.stream():
            pass
    except ClientDisconnect:
        raise BadInput("The file did not arrive whole. Send it again.") from None
