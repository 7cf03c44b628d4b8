"""The files a person gave, over REST: how far each was read, how it is used, who was given it, and the room they take."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict

from api.bodies import sent
from api.rooms import office_of
from api.visitors import present
from graphs.file_keeping import delete_file
from memory.uploads import UNFINISHED, Upload

router = APIRouter(prefix="/api/files")
STATES = (*UNFINISHED, "indexed")


class Change(BaseModel):
    """How a file is used from now on; "" as usual."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    use: Literal["", "text", "search", "tools"]


@router.get("")
async def list_files(
    request: Request,
    query: Annotated[str, Query(max_length=200)] = "",
    conversation: Annotated[str, Query(max_length=64)] = "",
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """List the person's files, newest first, and what room they take; those of a conversation, or with words in the name."""
    office, user_id = office_of(request), present().user_id
    found = await office.uploads.find(user_id, query=query, conversation_id=conversation, limit=limit)
    used, room = await office.uploads.used(user_id), office.room
    about = {"files": used.files, "bytes": used.bytes, "most_files": room.files, "most_bytes": room.bytes}
    limits = {
        "bytes": office.settings.upload_max_mb * 1024 * 1024,
        "files_with_a_mission": office.settings.upload_max_files,
    }
    return {"files": [shown(upload) for upload in found], "used": about, "limits": limits}


@router.get("/{file_id}")
async def show_file(request: Request, file_id: str) -> dict[str, Any]:
    """Show one file."""
    return shown(await office_of(request).uploads.get(file_id, present().user_id))


@router.patch("/{file_id}")
async def change_file(request: Request, file_id: str) -> dict[str, Any]:
    """Choose how a file is used; it counts from the next message on."""
    change = await sent(request, Change)
    return shown(await office_of(request).uploads.choose(file_id, present().user_id, change.use))


@router.delete("/{file_id}", status_code=204)
async def remove_file(request: Request, file_id: str) -> None:
    """Delete a file with its text."""
    await delete_file(office_of(request), file_id, present().user_id)


def shown(upload: Upload) -> dict[str, Any]:
    """Show a file; `operators` maps who was given it to how often."""
    file = upload.attachment
    return {
        "id": file.id,
        "name": file.name,
        "size": file.size,
        "mime": file.mime,
        "status": upload.status,
        "pages": upload.pages,
        "characters": upload.characters,
        "problem": file.note,
        "use": upload.use,
        "chosen": upload.chosen,
        "operators": upload.operators,
        "receipts": [r.model_dump(mode="json") for r in upload.receipts],
        "conversation_id": upload.conversation_id,
        "created_at": upload.created_at.isoformat(),
        "url": f"/files/attachment/{file.id}",
        "view": f"/files/{file.id}/view",
    }
