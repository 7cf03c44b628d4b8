"""Looking at stored files for people: tables as rows, pictures written anew, texts compared.

Files are opened in rooms of the sandbox where there is one, else in processes with limits, and never in both ways.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeVar, cast

from core.errors import BadInput, ToolFailure
from core.missions import Value
from tools import apart
from tools.confined import run_confined
from tools.folder import NamedFile
from tools.tables import form_of
from tools.workspace import LARGEST

SECONDS = 30.0
_WORKER = "tools.making_worker"
_Done = TypeVar("_Done")
AT_ONCE = 2
_DIED = "This file cannot be shown: it is damaged, or too large for a preview. It can be downloaded."
_TOO_DIFFERENT = "These two are too long or too different to be compared here. Download both to compare them."


class SeenTable(Value):
    """The first rows of a table, as text; `width` and `total` are what it has in all."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    width: int
    total: int


class Difference(Value):
    """Lines with their sign (" ", "-", "+" or "@"), and whether there are more."""

    lines: tuple[tuple[str, str], ...]
    more: bool


class Rooms(apart.Rooms, Protocol):
    """Where strangers' files are opened (see sandbox/reading.py)."""


class Glass:
    """Runs the workers, a few at a time; raises BadInput in words for people."""

    def __init__(self, rooms: Rooms | None = None, seconds: float = SECONDS) -> None:
        self._rooms, self._seconds = rooms, seconds
        self._places = asyncio.Semaphore(AT_ONCE)

    async def tables(self, path: Path, name: str, most: int) -> list[SeenTable]:
        """Show the first `most` rows of every table in a file."""
        size = (await asyncio.to_thread(path.stat)).st_size
        file = NamedFile(name, size, None, lambda: path.open("rb"))
        with path.open("rb") as content:
            described = {"name": name, "table": "t", "format": form_of(file, content)}
            reply, _ = await self._over(content, {"action": "cells", "most": most}, described)
        return [SeenTable.model_validate(table) for table in reply["tables"]]

    async def picture(self, path: Path, name: str) -> tuple[bytes, str]:
        """Write a raster picture anew, at most 1,800 points wide or high; returns its bytes and type."""
        made, mime, _ = await self.small_picture(path, name, 1_800)
        return made, mime

    async def small_picture(self, path: Path, name: str, side: int) -> tuple[bytes, str, tuple[int, int]]:
        """Write a raster picture anew, without anything but its points, `side` of them at most each way; returns its bytes, type
        and size."""
        with path.open("rb") as content:
            reply, made = await self._over(content, {"action": "picture", "side": side}, {"name": name})
        return made, "image/jpeg" if reply["jpeg"] else "image/png", (reply["width"], reply["height"])

    async def _over(self, content: BinaryIO, request: dict[str, Any], file: dict[str, Any]) -> tuple[Any, bytes]:
        """Have a file looked at; returns what is said of it, and the picture that was made."""
        if self._rooms is not None:
            asked = request | {"files": [file | {"fd": 3}], "outputs": {"picture": 4}}
            looking = partial(self._rooms.worked, _WORKER, content, LARGEST, _DIED, request=asked)
            return await self._bounded(looking, _DIED)
        with tempfile.TemporaryFile() as out:
            asked = request | {"files": [file | {"fd": content.fileno()}], "outputs": {"picture": out.fileno()}}
            descriptors = [content.fileno(), out.fileno()]
            reply = await self._bounded(partial(run_confined, _WORKER, asked, descriptors, _DIED), _DIED)
            return reply, os.pread(out.fileno(), LARGEST + 1, 0)

    async def difference(self, old: str, new: str, context: int = 3) -> Difference:
        """Compare two texts line by line."""
        with tempfile.TemporaryFile() as first, tempfile.TemporaryFile() as second:
            for file, text in ((first, old), (second, new)):
                file.write(text.encode("utf-8", "replace"))
                file.flush()

            def asked(read: Sequence[int], _: Sequence[int]) -> dict[str, int]:
                return {"old": read[0], "new": read[1], "context": context}

            texts = cast(Sequence[BinaryIO], (first, second))
            job = apart.Job("tools.difference_worker", texts, asked, _TOO_DIFFERENT)
            reply, _ = await self._bounded(partial(apart.work_apart, job, self._rooms), _TOO_DIFFERENT)
        return Difference.model_validate(reply)

    async def _bounded(self, work: Callable[[], Awaitable[_Done]], died: str) -> _Done:
        async with self._places:
            try:
                async with asyncio.timeout(self._seconds):
                    return await work()
            except TimeoutError:
                raise BadInput(died) from None
            except ToolFailure as problem:
                raise BadInput(str(problem)) from None
