"""Looking at stored files for people, in processes of their own: tables as rows, pictures written anew, texts compared."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import Any

from core.errors import BadInput, ToolFailure
from core.missions import Value
from tools.confined import run_confined
from tools.folder import NamedFile
from tools.tables import form_of
from tools.workspace import LARGEST

SECONDS = 30.0
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


class Glass:
    """Runs the workers, a few at a time; raises BadInput in words for people."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._places = asyncio.Semaphore(AT_ONCE)

    async def tables(self, path: Path, name: str, most: int) -> list[SeenTable]:
        """Show the first `most` rows of every table in a file."""
        size = (await asyncio.to_thread(path.stat)).st_size
        file = NamedFile(name, size, None, lambda: path.open("rb"))
        with path.open("rb") as content:
            described = {"fd": content.fileno(), "name": name, "table": "t", "format": form_of(file, content)}
            request = {"action": "cells", "files": [described], "most": most}
            reply = await self._run("tools.making_worker", request, [content.fileno()], _DIED)
        return [SeenTable.model_validate(table) for table in reply["tables"]]

    async def picture(self, path: Path, name: str) -> tuple[bytes, str]:
        """Write a raster picture anew, at most 1,800 points wide or high; returns its bytes and type."""
        with path.open("rb") as content, tempfile.TemporaryFile() as out:
            described = {"fd": content.fileno(), "name": name}
            request = {"action": "picture", "files": [described], "outputs": {"picture": out.fileno()}}
            reply = await self._run("tools.making_worker", request, [content.fileno(), out.fileno()], _DIED)
            made = os.pread(out.fileno(), LARGEST + 1, 0)
        return made, "image/jpeg" if reply["jpeg"] else "image/png"

    async def difference(self, old: str, new: str, context: int = 3) -> Difference:
        """Compare two texts line by line."""
        with tempfile.TemporaryFile() as first, tempfile.TemporaryFile() as second:
            for file, text in ((first, old), (second, new)):
                file.write(text.encode("utf-8", "replace"))
                file.flush()
            request = {"old": first.fileno(), "new": second.fileno(), "context": context}
            descriptors = [first.fileno(), second.fileno()]
            reply = await self._run("tools.difference_worker", request, descriptors, _TOO_DIFFERENT)
        return Difference.model_validate(reply)

    async def _run(self, module: str, request: dict[str, Any], descriptors: list[int], died: str) -> Any:
        async with self._places:
            try:
                async with asyncio.timeout(self._seconds):
                    return await run_confined(module, request, descriptors, died)
            except TimeoutError:
                raise BadInput(died) from None
            except ToolFailure as problem:
                raise BadInput(str(problem)) from None
