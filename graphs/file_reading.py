"""Reading of files beside the work: each once, however many ask for it; who needs a file waits for it, nobody else does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from core.errors import BadInput, NotFound
from core.memories import Origin, Passage, Recollection
from core.missions import derived_id
from core.ports import PassageIndex
from memory.blobs import Blobs
from memory.documents import DocumentReader
from memory.files import FileRow, Files
from memory.index import Index

PATIENCE = 8.0
"""Seconds a brief waits for files that were just given; larger ones are read while the work begins."""
STILL_READ = "still being read; who opens or searches it waits until that is done"


class FileReading:
    """Reads files into the index; what is stopped in the middle is read again when it is asked for next."""

    def __init__(
        self, files: Files, blobs: Blobs, reader: DocumentReader, index: Index, patience: float = PATIENCE
    ) -> None:
        self._files, self._blobs, self._reader, self._index = files, blobs, reader, index
        self._patience = patience
        self._under_way: dict[str, asyncio.Task[str]] = {}
        self._talks: dict[str, str] = {}  # of those under way: file id -> conversation id

    async def close(self) -> None:
        """Stop reading."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def read(self, rows: Sequence[FileRow], user_id: str) -> dict[str, str]:
        """Read files; returns for each what is to be said of it: "" if it can be used, else why not, or not yet."""
        tasks = {row.attachment.id: self._begin(row, user_id) for row in rows}
        if tasks:
            await asyncio.wait(tasks.values(), timeout=self._patience)
        return {file_id: task.result() if task.done() else STILL_READ for file_id, task in tasks.items()}

    async def until_read(self, file_id: str) -> None:
        """Wait for a file that is being read."""
        if (task := self._under_way.get(file_id)) is not None:
            await asyncio.wait([task])

    async def until_all_read(self, conversation_id: str | None) -> None:
        """Wait for the files of a conversation that are being read (None: for none)."""
        tasks = [self._under_way[i] for i, talk in self._talks.items() if talk == conversation_id]
        if tasks:
            await asyncio.wait(tasks)

    def _begin(self, row: FileRow, user_id: str) -> asyncio.Task[str]:
        file_id = row.attachment.id
        if (known := self._under_way.get(file_id)) is not None:
            return known
        task = asyncio.create_task(self._read(row, user_id), name=f"reading {file_id}")
        self._under_way[file_id], self._talks[file_id] = task, row.conversation_id
        task.add_done_callback(lambda done: self._ended(file_id, done))
        return task

    def _ended(self, file_id: str, task: asyncio.Task[str]) -> None:
        self._under_way.pop(file_id, None)
        self._talks.pop(file_id, None)
        if not task.cancelled():
            task.exception()  # whoever waits is told; if nobody does, the file is read again when it is asked for next

    async def _read(self, row: FileRow, user_id: str) -> str:
        file, path = row.attachment, self._blobs.path(row.attachment.hash)
        try:
            await self._reader.check(path, file.name)
            await self._files.mark(file.id, "checked")
            document = await self._reader.read(path, file.name, file.mime)
        except BadInput as problem:
            await self._files.mark_unreadable(file.id, str(problem))
            return str(problem)
        await self._files.mark(file.id, "parsed", pages=document.pages, characters=document.characters)
        about = {"user_id": user_id, "conversation_id": row.conversation_id, "origin_id": file.id}
        await self._index.add(
            [
                Passage(
                    id=derived_id(file.id, str(i)),
                    origin=Origin.FILE,
                    text=text,
                    position=i,
                    page=page,
                    line=line,
                    name=document.name_at(file.name, page),
                    **about,
                )
                for i, (text, page, line) in enumerate(document.passages)
            ]
        )
        await self._files.mark_indexed(file.id, document.pages, document.characters, document.note)
        try:
            await self._files.get(file.id, user_id)
        except NotFound:  # it was deleted while it was read
            await self._index.forget(origin_id=file.id, user_id=user_id)
        return document.note


class PatientIndex:
    """An index that waits for what is being read; for tools."""

    def __init__(self, index: PassageIndex, reading: FileReading) -> None:
        self._index, self._reading = index, reading

    async def add(self, passages: Sequence[Passage]) -> None:
        """Store passages."""
        await self._index.add(passages)

    async def search(self, query: str, *, conversation_id: str | None = None, **more: Any) -> list[Recollection]:
        """Search when the files of the conversation were read."""
        await self._reading.until_all_read(conversation_id)
        return await self._index.search(query, conversation_id=conversation_id, **more)

    async def passages_of(self, origin_id: str, *, user_id: str) -> list[Passage]:
        """Return the passages of a file when it was read."""
        await self._reading.until_read(origin_id)
        return await self._index.passages_of(origin_id, user_id=user_id)
