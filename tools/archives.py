"""Packing files into an archive, and taking them out of one as if whoever made it were hostile."""

from __future__ import annotations

import asyncio
import gzip
import io
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, Any, BinaryIO, Protocol

from core.errors import BadInput, ToolFailure
from tools.confined import run_confined
from tools.workspace import checked_name

_MOST_BYTES = 60_000_000  # that are packed into one archive
_WORKER, _DIED = "tools.archive_worker", "takes too much time or memory to be unpacked"
_DATE = (2000, 1, 1, 0, 0, 0)  # the same files make the same archive, whenever it is made


@dataclass(frozen=True, slots=True)
class Archive:
    """An archive by its name (for words only) and a way to open it."""

    name: str
    opened: Callable[[], BinaryIO]


class Rooms(Protocol):
    """Where an unpacker sees its one archive and nothing else (tools/sandbox/reading.py)."""

    async def worked(self, module: str, packed: BinaryIO, most: int, died: str) -> tuple[Any, bytes]: ...


async def unpack(archive: Archive, rooms: Rooms | None = None) -> dict[str, bytes]:
    """Take all files out, by names fit for a workspace; raises ToolFailure saying why an archive is refused as a whole.

    It is read in a room if there are rooms, and whatever goes wrong there, it is not read in another way.
    """
    try:
        entries, contents = await (_in_a_process(archive) if rooms is None else _in_a_room(archive, rooms))
    except (ToolFailure, BadInput) as problem:
        raise ToolFailure(f"{archive.name} {str(problem).removesuffix('.')}. Nothing was unpacked.") from None
    with contents:
        return {checked_name(name): await asyncio.to_thread(contents.read, size) for name, size in entries}


async def _in_a_room(archive: Archive, rooms: Rooms) -> tuple[list[tuple[str, int]], IO[bytes]]:
    with archive.opened() as packed:
        entries, contents = await rooms.worked(_WORKER, packed, _MOST_BYTES, _DIED)
    return entries, io.BytesIO(contents)


async def _in_a_process(archive: Archive) -> tuple[list[tuple[str, int]], IO[bytes]]:
    with ExitStack() as stack:
        packed = stack.enter_context(archive.opened())
        contents = stack.enter_context(tempfile.TemporaryFile(prefix="staffwork-unpacking-"))
        request = {"fd": packed.fileno(), "out": contents.fileno()}
        entries = await run_confined(_WORKER, request, list(request.values()), _DIED)
        contents.seek(0)
        stack.pop_all()
        packed.close()
        return entries, contents


def pack(name: str, files: Mapping[str, Callable[[], BinaryIO]], most: int) -> bytes:
    """Make a .zip or .tar.gz of files; raises BadInput for another kind, or one larger than `most` bytes. Blocking."""
    make = next((make for ending, make in _KINDS.items() if name.lower().endswith(ending)), None)
    if make is None:
        raise BadInput(f"An archive's name must end in {' or '.join(_KINDS)}.")
    contents: dict[str, bytes] = {}
    room = _MOST_BYTES
    for number, (file, opened) in enumerate(files.items(), 1):
        with opened() as source:
            content = source.read(room + 1)
        room -= len(content)
        if room < 0:
            raise BadInput(f"These files have more than {_MOST_BYTES:,} bytes together. Pack fewer of them.")
        contents[_name_inside(file, number)] = content
    packed = make(contents)
    if len(packed) > most:
        raise BadInput(f"The archive would have {len(packed):,} bytes; a file may have {most:,}. Pack fewer files.")
    return packed


def _zip(contents: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name, _DATE), content, zipfile.ZIP_DEFLATED)
    return made.getvalue()


def _tar(contents: Mapping[str, bytes]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in contents.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return gzip.compress(made.getvalue(), mtime=0)


_KINDS: dict[str, Callable[[Mapping[str, bytes]], bytes]] = {".zip": _zip, ".tar.gz": _tar}


def _name_inside(name: str, number: int) -> str:
    """Keep a name if every system can use it; else take the file's number and ending."""
    try:
        return checked_name(name)
    except BadInput:
        suffix = PurePosixPath(name).suffix
        return f"file-{number}{suffix if suffix.isascii() and suffix[1:].isalnum() else ''}"
