"""The tools for a conversation's files: list, read, search."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import Field

from core.errors import BadInput, StaffworkError, ToolFailure
from core.missions import Artifact, Source, derived_id
from core.ports import PassageIndex, ToolContext
from tools.define import Tool, ToolResult, define
from tools.folder import Folders, mime_of
from tools.reading import Document, read_text
from tools.searching import Hit, find, find_exactly, terms
from tools.selecting import select
from tools.workspace import WorkspaceFile

_SHOWN_HITS = 12

FileName = Annotated[str, Field(description="Name of the file exactly as list_files shows it.", min_length=1)]
Number = Annotated[int, Field(ge=1)]


class FileTools:
    """The files the user gave and those operators wrote, under one set of names."""

    def __init__(self, folders: Folders, index: PassageIndex) -> None:
        self._folders, self._index = folders, index

    def tools(self) -> list[Tool]:
        return [
            define(self.list_files, "List the files", taints=True),  # names come from outside, too
            define(self.read_file, "Read {file}", taints=True),
            define(self.search_files, "Search the files for {query}", taints=True),
        ]

    async def list_files(self, context: ToolContext) -> str:
        """List every file of this conversation with its size: what the user gave and what was written here."""
        files = await asyncio.to_thread(self._folders.of(context).files)
        lines = [f"{f.name} ({f.size:,} bytes, {'from the user' if f.attachment else 'written here'})" for f in files]
        return "\n".join(lines) or "There are no files in this conversation yet."

    async def read_file(
        self,
        context: ToolContext,
        file: FileName,
        page: Annotated[Number | None, Field(description="Page to read, for files that have pages.")] = None,
        first_line: Annotated[Number | None, Field(description="First line to read.")] = None,
        last_line: Annotated[Number | None, Field(description="Last line to read.")] = None,
    ) -> ToolResult:
        """Read a file as text, whole or in part. A long file comes in parts; each says how to get the next one."""
        found = await asyncio.to_thread(self._folders.of(context).find, file)
        document = await read_text(found, self._index, context.user_id)
        return select(document, page, first_line, last_line)

    async def search_files(
        self,
        context: ToolContext,
        query: Annotated[str, Field(description="Words to look for; no patterns.", min_length=1, max_length=500)],
        exact: Annotated[
            bool, Field(description="Whether to find exactly this text, signs included, as in code.")
        ] = False,
    ) -> ToolResult:
        """Find words in all files of this conversation. Returns exact quotes with file and page or line, best first."""
        if not (wanted := terms(query)) and not exact:
            raise BadInput("The query holds no words. Give words that would stand in the text.")
        documents, unread = await self._documents(context)
        searching = (find_exactly, documents, query) if exact else (find, documents, wanted)
        hits = await asyncio.to_thread(*searching)
        names = ", ".join(document.file.name for document in documents) or "no files"
        lines = [_line(number, hit.source) for number, hit in enumerate(hits[:_SHOWN_HITS], 1)]
        head = (
            f"{len(hits)} {'place' if len(hits) == 1 else 'places'} found in {names}"
            if hits
            else f"{'This text does not stand' if exact else 'None of these words stand'} in {names}."
        )
        more = [f"{len(hits) - _SHOWN_HITS} more places: use more particular words."] if hits[_SHOWN_HITS:] else []
        return ToolResult("\n".join([head, *lines, *more, *unread]), _sources(hits))

    async def _documents(self, context: ToolContext) -> tuple[list[Document], list[str]]:
        """Read all files; what cannot be read is said, not hidden."""
        documents, unread = [], []
        for file in await asyncio.to_thread(self._folders.of(context).files):
            try:
                document = await read_text(file, self._index, context.user_id)
            except ToolFailure as problem:
                unread.append(f"Not searched: {problem}")
            except StaffworkError as problem:
                unread.append(f"Not searched: {file.name}: {problem}")
            else:
                documents.append(document)
                unread += [f"{file.name}: only its beginning was searched."] if document.partial else []
        return documents, unread


def artifact_of(context: ToolContext, written: WorkspaceFile, content_hash: str) -> Artifact:
    """Make the artifact of a file that was written and kept."""
    return Artifact(
        # Derived, so that the same call repeated after a crash makes the same artifact.
        id=derived_id(context.mission_id, context.step, written.name, content_hash),
        name=written.name,
        hash=content_hash,
        size=written.size,
        mime=mime_of(written.name),
        task_id=context.task_id,
    )


def _sources(hits: list[Hit]) -> tuple[Source, ...]:
    return tuple(hit.source for hit in hits[:_SHOWN_HITS])


def _line(number: int, source: Source) -> str:
    place = f", page {source.page}" if source.page else f", line {source.line}" if source.line else ""
    return f'{number}. {source.file}{place}: "{source.quote}"'
