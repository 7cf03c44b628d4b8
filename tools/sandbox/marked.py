"""A stream that says one thing after the other, each ended by a mark with the code it ended with."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tools.sandbox.supervisor import Kept

_CODE = 8  # digits of an exit code, at most
MARK = "\x1e"
"""What a mark begins with: this, 32 hexadecimal digits, the code the call ended with, and a newline."""


class Marked:
    """Reads a stream, keeps beginning and end of what it says to one call, and finds the mark that ends it."""

    def __init__(self, stream: asyncio.StreamReader | None, took: Callable[[int], None]) -> None:
        assert stream is not None
        self._stream, self._took = stream, took
        self._mark: bytes | None = None
        self._found: asyncio.Future[int] | None = None
        self._rest, self._kept = b"", Kept()

    async def until(self, mark: bytes) -> int:
        """Wait for a mark; returns the code behind it."""
        self._mark, self._found, self._kept = mark, asyncio.get_running_loop().create_future(), Kept()
        return await self._found

    async def read(self) -> None:
        while chunk := await self._stream.read(65_536):
            self._took(len(chunk))
            self._rest += chunk
            while self._look():
                pass
        self._kept.add(self._rest)
        self._rest = b""

    def _look(self) -> bool:
        """Take what can be taken of what was read; True if there may be more."""
        if self._mark is None or (at := self._rest.find(self._mark)) < 0:
            held = len(self._mark or b"")  # the beginning of a mark may stand at the end
            self._kept.add(self._rest[: max(len(self._rest) - held, 0)])
            self._rest = self._rest[max(len(self._rest) - held, 0) :]
            return False
        behind = at + len(self._mark)
        code, newline, after = self._rest[behind : behind + _CODE].partition(b"\n")
        if not newline and len(self._rest) < behind + _CODE:
            return False  # the rest of it is still to come
        self._kept.add(self._rest[:at])
        self._rest = after + self._rest[behind + _CODE :]
        self._mark = None
        if self._found is not None and not self._found.done():
            self._found.set_result(int(code) if code.isdigit() else 1)
        return True

    def text(self) -> str:
        return self._kept.text()
