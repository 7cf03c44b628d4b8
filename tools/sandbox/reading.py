"""Rooms for our own programs that read strangers' files: the program, the one file, nothing else, and no network."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from core.errors import BadInput, NotFound, StaffworkError, ToolFailure
from tools.apart import Job
from tools.beneath import best_opener, open_regular
from tools.clearing import held_folder, put_away
from tools.confined import result_of
from tools.sandbox.terms import PYTHON, Absent, Hands, Limits, Result

READING = ".reading-"
"""What the folders of rooms begin with, beside the workspaces."""
_SAFELY = "It cannot be read safely just now. Try again in a moment; an administrator finds the reason in the log."
# What is read goes to a file: of what a run prints only beginning and end are kept. cat, because our programs may write none.
_SCRIPT = 'exec 3< "$1" 4> made; shift; set -o pipefail; "$@" | cat > out'
_BASH = ("/bin/bash", "--noprofile", "--norc", "-c", _SCRIPT, "reading")
_OPTIONS = ("-P", "-B", "-X", "utf8")
_SPARE = 64 << 20  # bytes of memory for bash, cat and the interpreter beside what the program may take
_REQUEST = MappingProxyType({"fd": 3, "out": 4})
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_NOW = "This cannot be done safely just now. Try again in a moment; an administrator finds the reason in the log."
_PIPED = ("/bin/bash", "--noprofile", "--norc", "-c", 'set -o pipefail; "$@" | cat > out', "working")
_FIRST = 10  # number of the first file of a job; of the shell and the interpreter none is that high yet
_LAUNCH = f"""
import os, runpy, sys
module, files, outputs = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for number in range(files + outputs):
    found = os.open(str(number), os.O_RDONLY if number < files else os.O_WRONLY | os.O_CREAT, 0o600)
    os.dup2(found, {_FIRST} + number)
    os.close(found)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""
_LONGEST_REPLY = 8_000_000  # bytes
_LONG = 600.0  # seconds of a job; the gate gives up on its call long before, and says so
_ROOM_TO_WRITE = 512 << 20  # bytes of files that are only there during a job, beside eight times what it reads
_WORKING = {"TMPDIR": "/work", "MALLOC_ARENA_MAX": "2", "RUST_BACKTRACE": "0"}  # what is large lies on the disk


class Closed:
    """Stands where a sandbox is required and there is none: nothing is opened, and it is said why."""

    python, sockets, limits = PYTHON, None, Limits()

    def __init__(self, absent: Absent) -> None:
        self._absent = absent

    def there(self) -> bool:
        return False

    async def run(self, *given: Any, **named: Any) -> Result:
        raise ToolFailure(f"There is no sandbox, and one is required: {self._absent.reason}")


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
                reply = await asyncio.to_thread(self._content, folder, "out", _LONGEST_REPLY)
                made = await asyncio.to_thread(self._content, folder, "made", most)
            except (TimeoutError, MemoryError, OverflowError):
                raise ToolFailure(died) from None
        return result_of(reply, died), made

    async def work(self, job: Job) -> tuple[Any, list[bytes]]:
        """Do a job (see apart.py) in a room that is there for it alone."""
        names = [str(number) for number in range(len(job.files) + job.outputs)]
        numbers = [_FIRST + number for number in range(len(names))]
        asked = json.dumps(dict(job.ask(numbers[: len(job.files)], numbers[len(job.files) :]))).encode()
        argv = ["-c", _LAUNCH, job.module, str(len(job.files)), str(job.outputs)]
        async with self._folder() as folder:
            pairs = zip(job.files, names, strict=False)
            sizes = [await asyncio.to_thread(_copy, file, folder / name) for file, name in pairs]
            limits = self._limits(_LONG, job.memory, job.outputs * job.most + 8 * sum(sizes) + _ROOM_TO_WRITE)
            limits = replace(limits, files=limits.files + len(names))
            try:
                result = await self._started((*_PIPED, PYTHON, *_OPTIONS, *argv), folder, limits, asked)
                _raise_at_limits(result)
                reply = await asyncio.to_thread(self._content, folder, "out", _LONGEST_REPLY)
                written = names[len(job.files) :]
                made = [await asyncio.to_thread(self._content, folder, name, job.most) for name in written]
            except (TimeoutError, MemoryError, OverflowError):
                raise ToolFailure(job.died) from None
        return result_of(reply, job.died), made

    async def _started(self, argv: Sequence[str], folder: Path, limits: Limits, asked: bytes) -> Result:
        try:
            result = await self._sandbox.run(argv, folder, limits, env=_WORKING, stdin=asked, kit="working")
        except StaffworkError as problem:
            raise ToolFailure(f"{_NOT_NOW} ({problem})") from None
        if result.status == "error":
            raise ToolFailure(f"{_NOT_NOW} ({result.reason})")
        return result

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
        argv = (*_BASH, file, PYTHON, *_OPTIONS, "-m", module, *arguments)
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
        folder, held = held_folder(self._workspaces, READING)  # in one breath: a cancellation loses neither of them
        try:
            yield folder
        finally:
            await asyncio.shield(asyncio.to_thread(put_away, folder, held))

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
    """Copy a whole file, from its beginning and without moving the place in it; returns its size."""
    size, number = 0, source.fileno()
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        while sent := os.sendfile(file, number, size, 1 << 24):
            size += sent
    finally:
        os.close(file)
    return size
