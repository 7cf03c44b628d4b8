"""Files on their way in: kept beside the browser's session until the message they go with is sent."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import BinaryIO

from chainlit.session import WebsocketSession

from core.errors import BadInput, NotFound
from core.missions import new_id


async def take_upload(session_id: str, user_id: str, name: str, mime: str, content: BinaryIO) -> str:
    """Keep an uploaded file for a session and return its id there; raises NotFound, or BadInput for an empty file.

    The name is for people only; on disk the file is called by its id.
    """
    session = WebsocketSession.get_by_id(session_id)
    if session is None or session.user is None or session.user.id != user_id:
        raise NotFound("This page has lost its connection. Reload it and add the file again.")
    file_id, folder = new_id(), Path(session.files_dir)
    path = folder / file_id
    size = await asyncio.to_thread(_keep, content, path)
    if size == 0:
        await asyncio.to_thread(path.unlink)
        raise BadInput(f"{name} is empty. Choose a file with content.")
    session.files[file_id] = {"id": file_id, "path": path, "name": name, "type": mime, "size": size}
    return file_id


def _keep(content: BinaryIO, path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(content, file)
    return path.stat().st_size
