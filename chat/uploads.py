"""Files on their way in: kept beside the browser's session until the message they go with is sent."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from chainlit.session import WebsocketSession, ws_sessions_id

from core.errors import BadInput, NotFound
from core.missions import new_id
from memory.uploads import USES, Used, check_room

if TYPE_CHECKING:
    from graphs.office import Office

FRAME = 1024
"""Bytes of a request around a small file that do not count."""


async def admit(office: Office, session_id: str, user_id: str, size: int) -> None:
    """Raise BadInput, before a file is read, unless there is room for it: in the person's store, and beside their pages.

    What waits in open pages to be sent counts; what was sent is in the store.
    """
    _session(session_id, user_id)
    waiting = await asyncio.to_thread(_waiting, [s for s in _sessions() if s.user is not None and s.user.id == user_id])
    used = await office.uploads.used(user_id)
    together = Used(files=used.files + len(waiting), bytes=used.bytes + sum(waiting))
    check_room(together, max(size - FRAME, 0), office.room)


def _sessions() -> list[WebsocketSession]:
    return list({id(s): s for s in ws_sessions_id.values()}.values())


def _waiting(sessions: list[WebsocketSession]) -> list[int]:
    """List the sizes of files that were not sent yet; those that were are not there any more."""
    paths = [Path(file["path"]) for session in sessions for file in list(session.files.values())]
    return [path.stat().st_size for path in paths if path.is_file()]


def _session(session_id: str, user_id: str) -> WebsocketSession:
    session = WebsocketSession.get_by_id(session_id)
    if session is None or session.user is None or session.user.id != user_id:
        raise NotFound("This page has lost its connection. Reload it and add the file again.")
    return session


async def take_upload(session_id: str, user_id: str, name: str, mime: str, content: BinaryIO) -> str:
    """Keep an uploaded file for a session and return its id there; raises NotFound, or BadInput for an empty file.

    The name is for people only; on disk the file is called by its id.
    """
    session = _session(session_id, user_id)
    file_id, folder = new_id(), Path(session.files_dir)
    path = folder / file_id
    size = await asyncio.to_thread(_keep, content, path)
    if size == 0:
        await asyncio.to_thread(path.unlink)
        raise BadInput(f"{name} is empty. Choose a file with content.")
    session.files[file_id] = {"id": file_id, "path": path, "name": name, "type": mime, "size": size}
    return file_id


def choose_use(session: WebsocketSession, told: Any) -> None:
    """Note how a file of this page is to be used once it is sent; raises BadInput for a use or a file that is not there."""
    if not isinstance(told, list) or len(told) != 2 or not all(isinstance(part, str) for part in told):
        raise BadInput("useOf: it must be the id of an upload and a use.")
    file_id, use = told
    if use not in ("", *USES):
        raise BadInput(f"There is no use {use[:40]!r}. There are {', '.join(USES)}, and nothing for as usual.")
    if file_id not in session.files:
        raise BadInput("This file is not there any more. Remove it, and add it again.")
    session.files[file_id]["use"] = use


def _keep(content: BinaryIO, path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(content, file)
    return path.stat().st_size
