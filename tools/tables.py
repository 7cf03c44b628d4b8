"""The tools for tables: what is in one, and what SQL says about them. The work is done by table_worker.py."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Annotated, Any, BinaryIO

from pydantic import Field

from core.errors import BadInput
from core.missions import Source
from core.ports import ToolContext
from tools.apart import Job, Rooms, work_apart
from tools.define import Tool, ToolResult, define
from tools.files import FileName
from tools.folder import Folders, NamedFile
from tools.reading import decode
from tools.table_names import of_file
from tools.table_rendering import answered, profiled

AT_ONCE = 2
"""Workers under way together; each may take a gigabyte."""
_DIED = (
    "The table could not be worked on: the file is damaged, or this needs more memory than tables may take. "
    "Ask for less at a time."
)
_TEXT = (".csv", ".tsv", ".tab", ".psv", ".txt")
_BEGINNINGS = {b"PAR1": "parquet", b"PK\x03\x04": "sheets", b"\xd0\xcf\x11\xe0": "sheets"}


class TableTools:
    """CSV, TSV, Excel and Parquet files as tables."""

    def __init__(self, folders: Folders, rooms: Rooms | None = None) -> None:
        self._folders, self._rooms = folders, rooms
        self._places = asyncio.Semaphore(AT_ONCE)

    def tools(self) -> list[Tool]:
        return [
            define(self.profile_table, "Look at the table {file}", taints=True),
            define(self.query_table, "Query tables: {sql}", taints=True),
        ]

    async def profile_table(self, context: ToolContext, file: FileName) -> ToolResult:
        """Describe a CSV, TSV, Excel or Parquet file: its tables, and of each column type, range, mean and gaps."""
        files = await asyncio.to_thread(self._find, context, [file])
        reply, sources = await self._work(files, {"action": "profile"})
        return ToolResult(profiled(reply), sources)

    async def query_table(
        self,
        context: ToolContext,
        sql: Annotated[str, Field(description="One SELECT in DuckDB's SQL.", min_length=1, max_length=20_000)],
        files: Annotated[list[FileName], Field(description="The files it reads.", min_length=1, max_length=8)],
    ) -> ToolResult:
        """Run one SELECT over table files. Each is a table named after its file: sales.csv is sales; the sheets of
        an Excel file are book_sheet. profile_table shows tables and columns. At most 200 rows come back."""
        found = await asyncio.to_thread(self._find, context, files)
        reply, sources = await self._work(found, {"action": "query", "sql": sql})
        return ToolResult(answered(reply), sources)

    def _find(self, context: ToolContext, names: Sequence[str]) -> list[NamedFile]:
        folder = self._folders.of(context)
        return list({found.name: found for found in map(folder.find, names)}.values())

    async def _work(self, files: Sequence[NamedFile], request: dict[str, Any]) -> tuple[Any, tuple[Source, ...]]:
        async with self._places:
            with ExitStack() as stack:
                opened = [stack.enter_context(file.opened()) for file in files]
                taken = set[str]()
                described = [
                    {"table": of_file(file.name, taken), "format": form_of(file, content), "name": file.name}
                    for file, content in zip(files, opened, strict=True)
                ]

                def asked(numbers: Sequence[int], _: Sequence[int]) -> dict[str, Any]:
                    return request | {"files": [d | {"fd": n} for d, n in zip(described, numbers, strict=True)]}

                reply, _ = await work_apart(Job("tools.table_worker", opened, asked, _DIED), self._rooms)
                sources = tuple(_source(f, c, reply) for f, c in zip(files, opened, strict=True))
        return reply, sources


def form_of(file: NamedFile, content: BinaryIO) -> str:
    """Tell a table's format by its first bytes; only text needs its name to say that it is a table."""
    # pread, because the worker shares the place in the file with us.
    form = _BEGINNINGS.get(os.pread(content.fileno(), 4, 0))
    mime = file.attachment.mime if file.attachment else ""
    if form is None and file.suffix not in _TEXT and mime not in ("text/csv", "text/tab-separated-values"):
        raise BadInput(f"{file.name} is not a table. Tables are CSV, TSV, Excel and Parquet files.")
    return form or "text"


def _source(file: NamedFile, content: BinaryIO, reply: Any) -> Source:
    """Cite a table by its header as it stands in the file."""
    first = next(table for table in reply["tables"] if table["file"] == file.name)
    quote, line = first["header"], None
    if first["page"] is None:
        lines = (decode(os.pread(content.fileno(), 65_536, 0)) or "").split("\n")
        line, quote = next(((n, text) for n, text in enumerate(lines, 1) if text.strip()), (None, ""))
    return Source(file=file.cited_as, quote=quote, page=first["page"], line=line, origin_id=file.origin_id)
