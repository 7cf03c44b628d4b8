"""A program that lives on between calls: one room for all of them, in which everything stands still while no call is under way.

The program reads one line for each call on its standard input, and ends what it says to it on both of its streams with the
call's mark. Whatever else happens in the room can forge that; it would only shorten its own answer.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from tools.sandbox.freezing import freeze, thaw
from tools.sandbox.guard import Guard
from tools.sandbox.marked import MARK, Marked
from tools.sandbox.room import Room
from tools.sandbox.supervisor import from_thread, reason_of, see_through, started
from tools.sandbox.terms import Command, Limits, Result, Status

_LAST_WORDS = 5.0  # seconds to read what still stands in the streams of a program that is over
_SELDOM = 0.5  # seconds between two looks at a room in which everything stands still


class Session(Protocol):
    """A program that lives on between calls."""

    @property
    def ended(self) -> bool: ...

    @property
    def why(self) -> str:
        """Say why it ended between two calls, as the end of a sentence; "" if nobody knows."""
        ...

    async def ask(self, line: str, seconds: float) -> Result:
        """Send a line (`{mark}` in it stands for the call's mark) and return what was said until the mark.

        Of a program that ended meanwhile, or was ended at a limit, status and reason say so; then `ended` is True. If this is
        cancelled the program is ended, and gone when it returns.
        """
        ...

    def end(self) -> None:
        """End the program, with everything it started; it is gone soon after."""
        ...

    async def gone(self) -> None:
        """Wait until nothing of it is left."""
        ...


@runtime_checkable
class OpensSessions(Protocol):
    """A sandbox that can keep programs."""

    async def session(self, argv: Sequence[str], workspace: Path, *, given: Mapping[str, Path], idle: float) -> Session:
        """Start a program in a workspace; when nobody asked it for `idle` seconds it is ended."""
        ...


class Keeper(Guard):
    """Guards a program that lives on: by a deadline for each call, and seldom while everything stands still."""

    def __init__(
        self, reading: int, workspace: Path, limits: Limits, abort: Callable[[], None], done: Callable[[], None]
    ) -> None:
        super().__init__(reading, workspace, limits, abort, done)
        self._moving = threading.Event()
        self._moving.set()

    def let(self, seconds: float, *, still: bool = False) -> None:
        """Allow it so many seconds from now; `still` says that nothing moves in them."""
        self._deadline = time.monotonic() + seconds
        if still:
            self._moving.clear()
        else:
            self._moving.set()

    def stop(self, status: Status) -> None:
        super().stop(status)
        self._moving.set()

    def release(self) -> None:
        super().release()
        self._moving.set()

    def _wait(self) -> bool:
        if not self._moving.is_set():
            self._moving.wait(_SELDOM)
        return super()._wait()


class RoomSession:
    """A program in a room of this machine (see Session)."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reading: int,
        command: Command,
        limits: Limits,
        places: Callable[[], AbstractAsyncContextManager[None]],
    ) -> None:
        loop = asyncio.get_running_loop()
        self._process, self._limits, self._taken, self._place = process, limits, 0, places
        self.why = ""
        self._over, self._one_at_a_time = asyncio.Event(), asyncio.Lock()
        self._guard = Keeper(
            reading,
            command.workspace,
            limits,
            abort=lambda: from_thread(loop, self._abort),
            done=lambda: from_thread(loop, self._over.set),
        )
        self._streams = [Marked(stream, self._took) for stream in (process.stdout, process.stderr)]
        self._guard.start()
        self._life = asyncio.create_task(self._live())

    @classmethod
    async def open(
        cls, room: Room, command: Command, limits: Limits, places: Callable[[], AbstractAsyncContextManager[None]]
    ) -> RoomSession:
        """Start a program that may idle for `limits.seconds`; for each call it takes one of the `places`.

        Must be called from the thread of the event loop.
        """
        process, reading = await started(room, command, limits)
        return cls(process, reading, command, limits, places)

    @property
    def ended(self) -> bool:
        return self._life.done() or self._process.returncode is not None

    def end(self) -> None:
        self._guard.stop("error")

    async def gone(self) -> None:
        await asyncio.wait([self._life])

    async def ask(self, line: str, seconds: float) -> Result:
        async with self._one_at_a_time, self._place():
            began, well = time.monotonic(), False
            try:
                self._taken = 0
                code = await self._answered(line, seconds)
                well = code is not None
            finally:
                if not well:
                    self.end()
                    await see_through(asyncio.ensure_future(self.gone()))
            return self._result(code, seconds, time.monotonic() - began)

    async def _answered(self, line: str, seconds: float) -> int | None:
        """Send a line and wait for its mark on both streams; None if the program ended first."""
        mark = f"{MARK}{secrets.token_hex(16)}"
        marks = [asyncio.ensure_future(stream.until(mark.encode())) for stream in self._streams]
        try:
            self._guard.let(seconds)
            await asyncio.to_thread(self._guard.known.wait)
            if self._guard.first is not None:
                await asyncio.to_thread(thaw, self._guard.first)
            await self._send(line.replace("{mark}", mark))
            either: list[asyncio.Future[Any]] = [self._life, asyncio.gather(*marks)]
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            if self._life.done() or self._guard.first is None or not await asyncio.to_thread(freeze, self._guard.first):
                return None
            self._guard.let(self._limits.seconds, still=True)
            return marks[0].result()
        finally:
            for waiting in marks:
                waiting.cancel()

    async def _send(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError, ConnectionResetError):
            self._process.stdin.write(line.encode() + b"\n")
            await self._process.stdin.drain()

    async def _live(self) -> None:
        reading = [asyncio.create_task(stream.read()) for stream in self._streams]
        await self._process.wait()
        self._guard.release()
        await self._over.wait()
        self._guard.join()
        _, open_still = await asyncio.wait(reading, timeout=_LAST_WORDS)
        for task in open_still:
            task.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
        idle = self._guard.found.status == "timeout"
        self.why = f"it was not used for {self._limits.seconds:g} seconds" if idle else self._reason(self._limits)

    def _took(self, size: int) -> None:
        self._taken += size
        if self._taken > self._limits.output:
            self._guard.stop("output")

    def _abort(self) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()

    def _result(self, code: int | None, allowed: float, seconds: float) -> Result:
        out, err = (stream.text() for stream in self._streams)
        found = self._guard.found
        if code is not None:
            return Result("exited", code, out, err, seconds, found.memory)
        reason = self._reason(replace(self._limits, seconds=allowed))
        code = found.code if (status := self._status()) == "exited" else None
        return Result(status, code, out, err, seconds, found.memory, reason)

    def _status(self) -> Status:
        found = self._guard.found
        if found.status == "error" and found.begun:
            return "output" if self._taken > self._limits.output else "exited"
        return found.status

    def _reason(self, limits: Limits) -> str:
        return reason_of(self._status(), limits, self._streams[1].text())
