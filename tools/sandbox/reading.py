"""Rooms for our own programs that read strangers' files: the program, the one file, nothing else, and no network."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from core.errors import BadInput, NotFound, StaffworkError, ToolFailure
from tools.beneath import best_opener, open_regular
from tools.clearing import clear
from tools.sandbox.terms import PYTHON, Hands, Limits, Result

_SAFELY = "It cannot be read safely just now. Try again in a moment; an administrator finds the reason in the log."
# What is read goes to a file: of what a run prints only beginning and end are kept. cat, because our programs may write none.
_SCRIPT = 'exec 3< "$1" 4> made; shift; set -o pipefail; "$@" | cat > out'
_BASH = ("/bin/bash", "--noprofile", "--norc", "-c", _SCRIPT, "reading")
_SPARE = 64 << 20  # bytes of memory for bash, cat and the interpreter beside what the program may take
_REQUEST = MappingProxyType({"fd": 3, "out": 4})
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class ReadingRooms:
    """Runs readers in the sandbox, each with a folder of its own below the workspaces, which is gone afterwards."""

    def __init__(self, sandbox: Hands, workspaces: Path) -> None:
        self._sandbox, self._workspaces = sandbox, workspaces
        self._open = best_opener()

    async def parsed(
        self, module: str, arguments: Sequence[str], file: Path, *, seconds: float, memory: int, most: int
    ) -> tuple[bytes, int]:
        """Run `python -m module arguments`, with {file} in them standing for the file; returns its output and exit status.

        A signal that ended it is a negative status. Raises TimeoutError, MemoryError or OverflowError at a limit (seconds, bytes of
        memory, bytes of output), BadInput if there is no room to read in.
        """
        limits = self._limits(seconds, memory, most)
        argv = [argument.format(file="/given/file") for argument in arguments]
        async with self._folder() as folder:
            result = await self._run(folder, module, argv, limits, given={"file": file})
            _raise_at_limits(result)
            code = result.code or 0
            return await asyncio.to_thread(self._content, folder, "out", most), 128 - code if code > 128 else code

    async def worked(
        self, module: str, packed: BinaryIO, most: int, died: str, *, request: Mapping[str, Any] = _REQUEST
    ) -> tuple[Any, bytes]:
        """Run a program of the kind of confined.py over a file (fd 3); returns its "result" and what it wrote (fd 4).

        `request` names those two as the program expects it.

        Raises ToolFailure with the program's own words for a "problem", and with `died` if it ended without a reply.
        """
        limits = self._limits(self._sandbox.limits.seconds, 1 << 30, most)
        async with self._folder() as folder:
            size = await asyncio.to_thread(_copy, packed, folder / "packed")
            limits = replace(limits, disk=limits.disk + size)
            asked = json.dumps(dict(request)).encode()
            try:
                result = await self._run(folder, module, [], limits, stdin=asked, file="packed")
                _raise_at_limits(result)
                reply = json.loads(await asyncio.to_thread(self._content, folder, "out", 8_000_000))
                made = await asyncio.to_thread(self._content, folder, "made", most)
            except (TimeoutError, MemoryError, OverflowError, ValueError):
                raise ToolFailure(died) from None
        if "problem" in reply:
            raise ToolFailure(str(reply["problem"]))
        return reply["result"], made

    async def _run(
        self,
        folder: Path,
        module: str,
        arguments: Sequence[str],
        limits: Limits,
        *,
        given: Mapping[str, Path] | None = None,
        stdin: bytes = b"",
        file: str = "/dev/null",
    ) -> Result:
        argv = (*_BASH, file, PYTHON, "-P", "-B", "-X", "utf8", "-m", module, *arguments)
        try:
            result = await self._sandbox.run(argv, folder, limits, given=given, stdin=stdin, kit="reading")
        except BadInput:
            raise
        except StaffworkError as problem:
            raise BadInput(f"{_SAFELY} ({problem})") from None
        if result.status == "error":
            raise BadInput(f"{_SAFELY} ({result.reason})")
        return result

    def _limits(self, seconds: float, memory: int, most: int) -> Limits:
        most_here = self._sandbox.limits
        return replace(most_here, seconds=seconds, memory=memory + _SPARE, disk=most + (1 << 20), files=64)

    @asynccontextmanager
    async def _folder(self) -> AsyncIterator[Path]:
        folder = self._workspaces / f".reading-{secrets.token_hex(8)}"
        await asyncio.to_thread(folder.mkdir, 0o700, True)
        try:
            yield folder
        finally:
            await asyncio.shield(asyncio.to_thread(clear, folder))

    def _content(self, folder: Path, name: str, most: int) -> bytes:
        """Read what was written, whatever the room made of its folder."""
        here = os.open(folder, _FOLDER)
        try:
            with os.fdopen(open_regular(self._open, here, name), "rb") as file:
                content = file.read(most + 1)
        except (OSError, BadInput, NotFound):
            return b""
        finally:
            os.close(here)
        if len(content) > most:
            raise OverflowError
        return content


def _raise_at_limits(result: Result) -> None:
    match result.status:
        case "timeout":
            raise TimeoutError
        case "memory" | "pids":
            raise MemoryError
        case "disk" | "output":
            raise OverflowError


def _copy(source: BinaryIO, path: Path) -> int:
    size = 0
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        while piece := source.read(1 << 20):
            size += file.write(piece)
    return size
