"""File contents on disk, each under its own SHA-256: names people give are never used as paths."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

from core.errors import BadInput, NotFound, StoreUnavailable

_HASH = re.compile(r"[0-9a-f]{64}")
_STEP = 1 << 20
_PAUSE = 0.01  # seconds between two looks whether it is our turn
_NO_LOCKS = {errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}


class Blobs:
    """Holds each content once, as `ab/cd/<sha256>` under one folder (`core.ports.Blobs`)."""

    def __init__(self, folder: Path, patience: float = 15.0) -> None:
        """`patience` is for how many seconds another process that has its turn is waited for."""
        self._folder = folder
        self._patience = patience

    async def put(self, content: bytes) -> str:
        """Store bytes and return their SHA-256 (hex); storing the same content again changes nothing."""
        return await asyncio.to_thread(self._put, content)

    async def put_file(self, path: Path, max_bytes: int) -> tuple[str, int]:
        """Copy a file in and return its SHA-256 and its size in bytes; raises BadInput if it is larger than `max_bytes`."""
        return await asyncio.to_thread(self._put_file, path, max_bytes)

    def path(self, content_hash: str) -> Path:
        """Locate stored content (read only); raises NotFound for an unknown or malformed hash."""
        if _HASH.fullmatch(content_hash):
            path = self._place(content_hash)
            if path.is_file():
                return path
        raise NotFound("There is no such file.")

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Have the contents to oneself: no process on this folder removes one, or notes that one is there, meanwhile.

        Raises StoreUnavailable if another process keeps its turn (it may be frozen). On a network file system that locks no
        folders there are no turns.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        folder = os.open(self._folder, os.O_RDONLY)
        try:
            await self._locked(folder)
            yield
        finally:
            os.close(folder)

    async def _locked(self, folder: int) -> None:
        try:
            async with asyncio.timeout(self._patience):
                while not _try_lock(folder):  # noqa: ASYNC110 (it may be another process)
                    await asyncio.sleep(_PAUSE)
        except TimeoutError:
            raise StoreUnavailable(
                "Another program has been using the stored files for long. Please try again in a moment."
            ) from None

    async def delete(self, content_hash: str) -> None:
        """Remove stored content; what is not there is no error."""
        if _HASH.fullmatch(content_hash):
            await asyncio.to_thread(self._place(content_hash).unlink, missing_ok=True)

    def _place(self, content_hash: str) -> Path:
        return self._folder / content_hash[:2] / content_hash[2:4] / content_hash

    def _put(self, content: bytes) -> str:
        content_hash = hashlib.sha256(content).hexdigest()
        if not self._place(content_hash).is_file():
            self._keep(lambda file: _write(file, content, content_hash))
        return content_hash

    def _put_file(self, path: Path, max_bytes: int) -> tuple[str, int]:
        size = 0

        def copy(target: BinaryIO) -> str:
            nonlocal size
            digest = hashlib.sha256()
            with path.open("rb") as source:
                while piece := source.read(_STEP):
                    size += len(piece)
                    if size > max_bytes:
                        raise BadInput(f"The file is too large: at most {_megabytes(max_bytes)} are allowed.")
                    digest.update(piece)
                    target.write(piece)
            return digest.hexdigest()

        return self._keep(copy), size

    def _keep(self, fill: Callable[[BinaryIO], str]) -> str:
        """Let `fill` write a temporary file and name its hash, then move it to its place: there is never half a blob."""
        self._folder.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".arriving-", dir=self._folder)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                content_hash = fill(file)
                file.flush()
                os.fsync(file.fileno())
            place = self._place(content_hash)
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(place)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(place.parent)
        return content_hash


def _try_lock(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as problem:
        if problem.errno not in _NO_LOCKS:
            raise
    return True


def _write(file: BinaryIO, content: bytes, content_hash: str) -> str:
    file.write(content)
    return content_hash


def _sync_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _megabytes(count: int) -> str:
    return f"{count / 1_000_000:.0f} MB" if count >= 1_000_000 else f"{count} bytes"
