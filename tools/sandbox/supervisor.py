"""Runs one command in a room, from its start until nothing of it is left."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from contextlib import suppress
from typing import assert_never

from tools.sandbox.guard import Guard
from tools.sandbox.room import Opened, Room
from tools.sandbox.terms import MEGABYTE, Command, Limits, Result, Status

_KEPT = 32_768  # bytes kept of the beginning of a stream, and of its end
_LAST_WORDS = 5.0  # seconds to read what still stands in the streams of a run that is over


async def supervise(room: Room, command: Command, limits: Limits) -> Result:
    """Run a command; when this returns, or is cancelled, no process of it exists any more."""
    began = time.monotonic()
    process, reading = await started(room, command, limits)
    return await _Run(process, reading, command, limits).result(began)


async def started(room: Room, command: Command, limits: Limits) -> tuple[asyncio.subprocess.Process, int]:
    """Start a command in a room; returns bubblewrap, and the pipe it reports on, which is the caller's to close."""
    opened = Opened()
    try:
        arguments = room.arguments(command, limits, opened)
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={},
            cwd="/",
            pass_fds=opened.descriptors,
            start_new_session=True,
        )
    except BaseException:
        os.close(opened.reading)
        raise
    finally:
        opened.close()
    return process, opened.reading


class _Run:
    """One command under way: its streams, and the guard that watches it."""

    def __init__(self, process: asyncio.subprocess.Process, reading: int, command: Command, limits: Limits) -> None:
        loop = asyncio.get_running_loop()
        self._process, self._stdin, self._limits = process, command.stdin, limits
        self._over = asyncio.Event()
        self._guard = Guard(
            reading,
            command.workspace,
            limits,
            abort=lambda: from_thread(loop, self._abort),
            done=lambda: from_thread(loop, self._over.set),
        )
        self._streams = [_Stream(stream, self._took) for stream in (process.stdout, process.stderr)]
        self._taken = 0

    async def result(self, began: float) -> Result:
        self._guard.start()
        work = [asyncio.create_task(stream.read()) for stream in self._streams]
        work.append(asyncio.create_task(self._feed()))
        try:
            await self._process.wait()
        finally:
            if self._process.returncode is None:  # cancelled
                self._guard.stop("error")
            await see_through(asyncio.ensure_future(self._end(work)))
        return self._made(time.monotonic() - began)

    async def _end(self, work: list[asyncio.Task[None]]) -> None:
        await self._process.wait()
        self._guard.release()
        await self._over.wait()
        self._guard.join()  # that was the last it had to say
        _, open_still = await asyncio.wait(work, timeout=_LAST_WORDS)
        for task in open_still:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    async def _feed(self) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(self._stdin)
            await self._process.stdin.drain()
        self._process.stdin.close()

    def _took(self, size: int) -> None:
        self._taken += size
        if self._taken > self._limits.output:
            self._guard.stop("output")

    def _abort(self) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def _made(self, seconds: float) -> Result:
        found = self._guard.found
        out, err = (stream.text() for stream in self._streams)
        status = found.status
        if status == "error" and found.begun:
            status = "output" if self._taken > self._limits.output else "exited"
        reason = reason_of(status, self._limits, err)
        if not found.gone:
            status, reason = "error", "The kernel could not end it; it may still be there until the machine restarts."
        code = found.code if status == "exited" else None
        return Result(status, code, out, err, seconds, found.memory, reason)


class _Stream:
    """Reads a stream to its end, and keeps its beginning and its end."""

    def __init__(self, stream: asyncio.StreamReader | None, took: Callable[[int], None]) -> None:
        assert stream is not None
        self._stream, self._took, self._kept = stream, took, Kept()

    async def read(self) -> None:
        while chunk := await self._stream.read(65_536):
            self._took(len(chunk))
            self._kept.add(chunk)

    def text(self) -> str:
        return self._kept.text()


class Kept:
    """Keeps beginning and end of what is added to it."""

    def __init__(self) -> None:
        self._head, self._tail, self._size = bytearray(), bytearray(), 0

    def add(self, chunk: bytes) -> None:
        self._size += len(chunk)
        room = _KEPT - len(self._head)
        self._head += chunk[:room]
        self._tail = (self._tail + chunk[room:])[-_KEPT:] if room < len(chunk) else self._tail

    def text(self) -> str:
        left_out = self._size - len(self._head) - len(self._tail)
        between = f"\n[... {left_out:,} bytes left out ...]\n".encode() if left_out else b""
        return bytes(self._head + between + self._tail).decode(errors="replace")


def reason_of(status: Status, limits: Limits, stderr: str) -> str:
    """Say in plain words why a run was stopped, or could not begin; "" if it ended by itself."""
    megabytes = {"memory": limits.memory, "disk": limits.disk, "output": limits.output}
    match status:
        case "exited":
            return ""
        case "timeout":
            return f"It was stopped after {limits.seconds:g} seconds."
        case "memory" | "output":
            words = {"memory": "took more memory than", "output": "wrote more output than"}[status]
            return f"It was stopped because it {words} {megabytes[status] // MEGABYTE} MB."
        case "disk":
            room = f"{limits.disk // MEGABYTE} MB in {limits.files:,} files"
            return f"It was stopped because the workspace would hold more than {room}."
        case "pids":
            return (
                f"It was stopped because it had more than {limits.pids} processes and threads, or too many open files."
            )
        case "error":
            return f"It could not be started: {stderr.strip()[:500] or 'no reason was given'}"
        case _:
            assert_never(status)


async def see_through(work: asyncio.Future[None]) -> None:
    """Wait for something to its end; a cancellation meanwhile is passed on afterwards."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.shield(work)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled


def from_thread(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Call something in the loop's own thread."""
    with suppress(RuntimeError):  # the loop is closed: the process ends, and bubblewrap with it
        loop.call_soon_threadsafe(call)
