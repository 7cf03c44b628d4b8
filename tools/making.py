"""The tools that make charts, documents, workbooks and slides. The work is done by making_worker.py."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from core.errors import BadInput, StaffworkError
from core.ports import Blobs, FileChange, ToolContext
from tools.apart import Job, Rooms, work_apart
from tools.changes import Changes, Wanted
from tools.chart_terms import ENDING
from tools.define import Tool, ToolResult, define
from tools.editing import UNDO, NewName
from tools.files import FileName, artifact_of
from tools.folder import Folder, NamedFile
from tools.making_request import cited, described, notes_of, with_ending
from tools.workspace import LARGEST, WorkspaceFile

AT_ONCE = 2
"""Workers under way together; each may take two gigabytes."""
MOST_TEXT, MOST_ROWS = 400_000, 5_000
MOST_PUT_IN = 100
"""Files in one document; all of them are open at once while it is made."""
_WORKER, _MEMORY = "tools.making_worker", 2 << 30  # bytes, as the program says itself
_DIED = "This could not be made: it needs more memory or time than there is for it. Use less data."

Text = Annotated[
    str,
    Field(
        description="Markdown. A line such as ![Caption](chart.png) or ![Caption](sales.csv) puts in a picture or a table.",
        min_length=1,
        max_length=MOST_TEXT,
    ),
]
Files = Annotated[list[FileName], Field(description="Table files: CSV, Excel, Parquet.", max_length=8)]
Rows = Annotated[
    list[list[str | int | float | bool | None]],
    Field(description="Instead of files: rows of cells, the first one the names of the columns.", max_length=MOST_ROWS),
]
Sql = Annotated[str, Field(description="One SELECT over the files, as for query_table.", max_length=20_000)]
Title = Annotated[str, Field(description="Heading; empty for none.", max_length=200)]


class MakeTools:
    """Makes files from data and text; the same call makes the same bytes."""

    def __init__(self, changes: Changes, blobs: Blobs, rooms: Rooms | None = None) -> None:
        self._changes, self._blobs, self._rooms = changes, blobs, rooms
        self._places = asyncio.Semaphore(AT_ONCE)

    def tools(self) -> list[Tool]:
        return [
            define(self.make_chart, "Draw {name}", risk="write", effect="idempotent", taints=True, undo=UNDO),
            define(self.make_spreadsheet, "Make {name}", risk="write", effect="idempotent", taints=True, undo=UNDO),
            define(self.make_document, "Make {name}", risk="write", effect="idempotent", undo=UNDO),
            define(self.make_pdf, "Make {name}", risk="write", effect="idempotent", undo=UNDO),
            define(self.make_slides, "Make {name}", risk="write", effect="idempotent", undo=UNDO),
        ]

    async def make_chart(
        self,
        context: ToolContext,
        name: Annotated[str, Field(description="Name without ending, such as revenue.", min_length=1, max_length=200)],
        kind: Annotated[
            Literal["line", "bar", "stacked", "scatter", "pie", "histogram"], Field(description="What is drawn.")
        ],
        *,
        files: Files = [],  # noqa: B006 (never changed; shown to the model as it is)
        sql: Sql = "",
        rows: Rows = [],  # noqa: B006
        x: Annotated[
            str, Field(description="Column for the x axis or the parts; none: the first.", max_length=200)
        ] = "",
        y: Annotated[list[str], Field(description="Columns of numbers; none: all others.", max_length=12)] = [],  # noqa: B006
        title: Title = "",
        x_title: Title = "",
        y_title: Title = "",
        formats: Annotated[
            list[Literal["png", "svg", "interactive"]], Field(description="None: png and interactive.", max_length=3)
        ] = [],  # noqa: B006
    ) -> ToolResult:
        """Draw a chart from table files (or one SELECT over them), or from rows. The user gets a picture, and a chart
        that shows values under the pointer."""
        stem = re.sub(r"(\.chart\.json|\.png|\.svg)$", "", name, flags=re.IGNORECASE)
        forms = {"json" if f == "interactive" else f for f in formats or ("png", "interactive")}
        names = {form: stem + (ENDING if form == "json" else f".{form}") for form in sorted(forms)}
        request = {"action": "chart", "kind": kind, "sql": sql, "rows": rows, "x": x, "y": y}
        request |= {"title": title, "x_title": x_title, "y_title": y_title}
        return await self._make(context, f"Drew {stem}", names, request, files)

    async def make_spreadsheet(
        self,
        context: ToolContext,
        name: NewName,
        *,
        files: Files = [],  # noqa: B006
        queries: Annotated[
            dict[str, str], Field(description="Instead of whole files: title of a sheet -> one SELECT.", max_length=20)
        ] = {},  # noqa: B006
        rows: Rows = [],  # noqa: B006
        text: Annotated[
            str,
            Field(description="Markdown tables, each below the heading that names its sheet.", max_length=MOST_TEXT),
        ] = "",
        columns: Annotated[
            dict[str, Literal["text", "whole", "number", "money", "percent", "date"]],
            Field(description="Column -> how it is shown; the others by what they hold.", max_length=100),
        ] = {},  # noqa: B006
        formulas: Annotated[bool, Field(description="Whether cells that begin with = are formulas.")] = False,
    ) -> ToolResult:
        """Make an Excel workbook (.xlsx): a sheet for each file or query, for rows and for each Markdown table. Cells that
        begin with = are text, unless formulas is true."""
        request = {"action": "spreadsheet", "queries": queries, "rows": rows, "text": text, "columns": columns}
        wanted = {"xlsx": with_ending(name, ".xlsx")}
        return await self._make(context, f"Made {wanted['xlsx']}", wanted, request | {"formulas": formulas}, files)

    async def make_document(self, context: ToolContext, name: NewName, text: Text) -> ToolResult:
        """Make a Word document (.docx) from Markdown, with pictures and tables from files."""
        return await self._written(context, "docx", with_ending(name, ".docx"), text)

    async def make_pdf(
        self,
        context: ToolContext,
        name: NewName,
        text: Text,
        landscape: Annotated[bool, Field(description="Whether pages lie on their side.")] = False,
    ) -> ToolResult:
        """Make a PDF from Markdown, with pictures and tables from files and numbered pages. --- begins a new page."""
        return await self._written(context, "pdf", with_ending(name, ".pdf"), text, landscape=landscape)

    async def make_slides(self, context: ToolContext, name: NewName, text: Text) -> ToolResult:
        """Make slides (.pptx) from Markdown: each # or ## heading begins a slide, with its points, pictures and tables."""
        return await self._written(context, "slides", with_ending(name, ".pptx"), text)

    async def _written(self, context: ToolContext, action: str, name: str, text: str, **more: Any) -> ToolResult:
        form = name.rpartition(".")[2].lower()
        request = {"action": action, "text": text} | more
        if len(put_in := cited(text)) > MOST_PUT_IN:
            raise BadInput(
                f"A document takes at most {MOST_PUT_IN} files, and this one names {len(put_in):,}. Make several."
            )
        return await self._make(context, f"Made {name}", {form: name}, request, put_in, cited_only=True)

    async def _make(
        self,
        context: ToolContext,
        words: str,
        names: Mapping[str, str],
        request: dict[str, Any],
        files: Sequence[str],
        *,
        cited_only: bool = False,
    ) -> ToolResult:
        said: dict[str, Any] = {}

        async def plan(folder: Folder) -> Wanted:
            found = {file: await asyncio.to_thread(folder.find, file) for file in files}
            try:
                made, told = await self._work(request | {"name": next(iter(names.values()))}, names, found, cited_only)
            except StaffworkError as problem:  # in the words of a program that had these files open
                problem.tainted |= bool(found)
                raise
            said.update(told)
            return {names[form]: content for form, content in made.items()}

        change = await self._changes.make(context, words, plan)
        result = await self._told(context, change, said)
        return replace(result, tainted=bool(files))  # so were these words said

    async def _work(
        self, request: dict[str, Any], forms: Iterable[str], files: Mapping[str, NamedFile], loosely: bool
    ) -> tuple[dict[str, bytes], dict[str, Any]]:
        async with self._places:
            with ExitStack() as stack:
                opened = [stack.enter_context(file.opened()) for file in files.values()]
                taken, named = set[str](), zip(opened, files.items(), strict=True)
                about = [described(o, file, name, taken, loosely=loosely) for o, (name, file) in named]
                names = list(forms)

                def asked(read: Sequence[int], written: Sequence[int]) -> dict[str, Any]:
                    found = [f | {"fd": number} for f, number in zip(about, read, strict=True)]
                    return request | {"files": found, "outputs": dict(zip(names, written, strict=True))}

                job = Job(_WORKER, opened, asked, _DIED, len(names), LARGEST, _MEMORY)
                told, made = await work_apart(job, self._rooms)
        return dict(zip(names, made, strict=True)), told

    async def _told(self, context: ToolContext, change: FileChange, said: Mapping[str, Any]) -> ToolResult:
        artifacts = []
        for part in change.files:
            if part.after is not None:
                size = (await asyncio.to_thread(self._blobs.path(part.after).stat)).st_size
                artifacts.append(artifact_of(context, WorkspaceFile(part.name, size), part.after))
        names = ", ".join(f"{a.name} ({a.size:,} bytes)" for a in artifacts)
        return ToolResult("\n".join([f"{change.words}: {names}.", *notes_of(said)]), artifacts=tuple(artifacts))
