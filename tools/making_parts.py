"""What documents of every kind share: their blocks, with tables and pictures from files put in; the same bytes each time."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tools.making_pictures import opened
from tools.making_source import Cell, Rows, clean, rows_of
from tools.making_text import Block, Run, blocks
from tools.table_loading import Problem

THEN = datetime(2000, 1, 1)
MOST_PICTURES = 60
_MOMENT = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_FIXED = (2000, 1, 1, 0, 0, 0)


@dataclass
class Parts:
    """The blocks of a request in order; `notes` says what was left out, for whoever asked."""

    request: dict[str, Any]
    table_rows: int
    notes: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Block]:
        return iter(blocks(self.request["text"]))

    def picture(self, block: Block) -> tuple[io.BytesIO, int, int] | None:
        """Open the picture of a block; None if its file is a table."""
        file = self._file(block.source)
        if file["format"]:
            return None
        content, width, height = opened(file["fd"], file["name"])
        return io.BytesIO(content), width, height

    def table(self, block: Block) -> tuple[list[list[Cell]], str]:
        """Give the rows of a table block, or of the table file it names, header first; and a line on what is missing."""
        if block.kind == "table":
            return self._cut(block.rows)
        data: Rows = rows_of({"files": [self._file(block.source)]}, 1_000_000)
        return self._cut([list[Cell](data.columns), *data.rows])

    def _file(self, source: str) -> dict[str, Any]:
        file = next((f for f in self.request["files"] if f["cited"] == source), None)
        if file is None:
            raise Problem(f"There is no file {source[:200]!r} to put in.")
        found: dict[str, Any] = file
        return found

    def _cut(self, rows: list[list[Cell]]) -> tuple[list[list[Cell]], str]:
        width = max((len(row) for row in rows), default=0)
        if width > 30:
            raise Problem(f"A table in a document takes at most 30 columns, and this one has {width}. Select fewer.")
        even = [[*row, *[None] * (width - len(row))] for row in rows]
        if len(even) - 1 <= self.table_rows:
            return even, ""
        words = f"The first {self.table_rows:,} of {len(even) - 1:,} rows."
        self.notes.append(f"A table was cut: {words.lower()}")
        return even[: self.table_rows + 1], words


def caption(block: Block) -> tuple[Run, ...]:
    """Give the words under a picture or table."""
    return (Run(block.text, italic=True),) if block.text.strip() else ()


def title_of(request: dict[str, Any]) -> str:
    """Name a document in its properties: its first heading, else its file."""
    first = next((b.text for b in blocks(request["text"][:20_000]) if b.kind == "heading"), "")
    return clean(first or request["name"].rpartition("/")[2].rsplit(".", 1)[0])[:200]


def settled(content: bytes) -> bytes:
    """Write a zipped document again with one fixed time for all that is in it."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.infolist():
            fixed = zipfile.ZipInfo(entry.filename, _FIXED)
            fixed.compress_type, fixed.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
            held = old.read(entry)
            if entry.filename == "docProps/core.xml":  # openpyxl puts the time of writing there
                held = _MOMENT.sub(f"{THEN:%Y-%m-%dT%H:%M:%SZ}".encode(), held)
            new.writestr(fixed, held)
    return out.getvalue()
