"""Files on their way to a Staffwork elsewhere and back: checked before, sent with progress, again if the connection breaks."""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote, urlencode

import typer

from chat.terminal_saving import about, opened
from chat.terminal_there import TRIES, asked, pauses, refused
from core.errors import BadInput, StoreUnavailable
from core.missions import Artifact, new_id

if TYPE_CHECKING:
    import httpx

_STEP = 1 << 18
LARGE = 4 * 1024 * 1024
"""Bytes from which on it is said how far a file is."""
_LOOK_SECONDS = 0.7
_SETTLED = ("indexed", "unreadable")
STATES = {
    "received": "received, not read yet",
    "checked": "checked, being read",
    "parsed": "read, being indexed",
    "indexed": "read and indexed",
    "unreadable": "cannot be read as text",
}


def megabytes(size: int) -> str:
    """Write a size."""
    return f"{size / 1_048_576:.1f} MB" if size >= 100_000 else f"{size:,} bytes"


async def check(there: httpx.AsyncClient, paths: Sequence[Path]) -> None:
    """Raise BadInput, before anything is sent, for files that are not there, empty, too large, too many, or without room."""
    sizes = {path: _size(path) for path in paths}
    if not paths:
        return
    found = await asked(there, "GET", "/api/files?limit=1")
    if (limits := found.get("limits")) is None:
        raise BadInput("That Staffwork is too old to take files this way. Attach them in the browser.")
    if len(paths) > limits["files_with_a_mission"]:
        raise BadInput(
            f"{len(paths)} files are too many; at most {limits['files_with_a_mission']} go with one message."
        )
    for path, size in sizes.items():
        if size > limits["bytes"]:
            raise BadInput(
                f"{path} is too large: {megabytes(size)}, and at most {megabytes(limits['bytes'])} are allowed there."
            )
    used, together = found["used"], sum(sizes.values())
    where = "Delete some there on the page of your files (/files)."
    if used["files"] + len(paths) > used["most_files"]:
        raise BadInput(f"You keep {used['files']:,} files there and may keep {used['most_files']:,}. {where}")
    if used["bytes"] + together > used["most_bytes"]:
        kept, most = megabytes(used["bytes"]), megabytes(used["most_bytes"])
        raise BadInput(f"Your files there take {kept} of {most}, and these have {megabytes(together)}. {where}")


def _size(path: Path) -> int:
    try:
        if not path.is_file():
            raise BadInput(f"{path}: there is no such file." if not path.exists() else f"{path} is no file.")
        with path.open("rb"):
            size = path.stat().st_size
    except OSError as problem:
        raise BadInput(f"{path} cannot be read: {problem.strerror}.") from None
    if size == 0:
        raise BadInput(f"{path} is empty. Choose a file with content.")
    return size


async def send(there: httpx.AsyncClient, paths: Sequence[Path], conversation: str) -> list[dict[str, Any]]:
    """Send files into a conversation there, each whole and once; returns what that Staffwork says of them."""
    return [await _sent(there, path, conversation) for path in paths]


async def _sent(there: httpx.AsyncClient, path: Path, conversation: str) -> dict[str, Any]:
    import httpx

    size, number = _size(path), new_id()  # one id for all tries: however often it is sent, it is one file there
    address = "/api/files?" + urlencode({"name": path.name, "conversation": conversation, "id": number})
    mime = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    headers = {"content-type": mime, "content-length": str(size)}
    typer.echo(f"Sending {path.name} ({megabytes(size)}) ...", err=True)
    for pause in pauses(TRIES):
        try:
            answer = await there.post(address, content=_pieces(path, size), headers=headers)
        except httpx.TransportError:
            await asyncio.sleep(pause)
            continue
        refused(answer)
        found: dict[str, Any] = answer.json()
        return found
    raise StoreUnavailable(
        f"{path.name} could not be sent: the connection broke off again and again. Nothing was given."
    )


async def _pieces(path: Path, size: int) -> AsyncIterator[bytes]:
    progress = _Progress(path.name, size)
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, _STEP):
            yield piece
            progress.note(len(piece))


class _Progress:
    """Says how far a large file is: in place at a terminal, in a few lines elsewhere."""

    def __init__(self, name: str, size: int) -> None:
        self._name, self._size, self._done, self._said = name, size, 0, 0
        self._step = 1 if sys.stderr.isatty() else 25

    def note(self, more: int) -> None:
        self._done += more
        share = 100 * self._done // max(self._size, 1)
        if self._size < LARGE or share < self._said + self._step:
            return
        self._said = share
        words = f"  {self._name}: {share} % of {megabytes(self._size)}"
        if sys.stderr.isatty():
            typer.echo(f"\r{words}\x1b[K", err=True, nl=share >= 100)
        else:
            typer.echo(words, err=True)


async def tell_states(there: httpx.AsyncClient, files: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Say how far each file is read there, whenever that changes, until nothing of it changes any more."""
    import httpx

    known = {file["id"]: "" for file in files}
    while any(state not in _SETTLED for state in known.values()):
        for file_id in [i for i, state in known.items() if state not in _SETTLED]:
            try:
                found = await asked(there, "GET", f"/api/files/{quote(file_id, safe='')}")
            except httpx.TransportError:
                continue
            if found["status"] != known[file_id]:
                known[file_id] = found["status"]
                _tell_state(found, as_json=as_json)
        await asyncio.sleep(_LOOK_SECONDS)


def _tell_state(found: dict[str, Any], *, as_json: bool) -> None:
    from chat.terminal import say_json

    if as_json:
        names = ("id", "name", "size", "status", "pages", "characters", "problem", "use", "conversation_id")
        return say_json({"kind": "file"} | {name: found[name] for name in names})
    pages = f", {found['pages']} page{'s' * (found['pages'] != 1)}" if found["pages"] else ""
    note = f": {found['problem']}" if found["problem"] else ""
    return typer.echo(f"  {found['name']}: {STATES.get(found['status'], found['status'])}{pages}{note}", err=True)


async def save(there: httpx.AsyncClient, artifacts: Iterable[Artifact], folder: Path | None) -> dict[str, str]:
    """Download files that were made into a folder, each checked against its hash; returns artifact id -> path."""
    saved: dict[str, str] = {}
    for artifact in artifacts if folder is not None else ():
        assert folder is not None
        place, file = opened(folder, artifact.name)
        try:
            with file:
                await _fetched(there, artifact, file)
        except BaseException:
            place.unlink(missing_ok=True)  # half a file is none
            raise
        saved[artifact.id] = str(place)
        typer.echo(f"Saved: {about(place, artifact.name)}", err=True)
    return saved


async def _fetched(there: httpx.AsyncClient, artifact: Artifact, file: BinaryIO) -> None:
    import httpx

    for pause in pauses(TRIES):
        file.seek(0)
        file.truncate()
        digest = hashlib.sha256()
        try:
            async with there.stream("GET", f"/files/artifact/{quote(artifact.id, safe='')}") as answer:
                if answer.is_error:
                    await answer.aread()
                    refused(answer)
                async for piece in answer.aiter_bytes(_STEP):
                    digest.update(piece)
                    file.write(piece)
        except httpx.TransportError:
            await asyncio.sleep(pause)
            continue
        if digest.hexdigest() == artifact.hash:
            return
        await asyncio.sleep(pause)
    raise StoreUnavailable(f"{artifact.name} could not be downloaded whole. Try again with: staffwork remote show")
