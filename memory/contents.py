"""Contents and the rows that name them: what nobody refers to goes, and what is given again in that moment stays."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import TypeVar

from core.errors import NotFound
from memory.blobs import Blobs
from memory.database import Database
from memory.forgetting import still_used

T = TypeVar("T")


async def discard(database: Database, blobs: Blobs, hashes: Collection[str]) -> None:
    """Remove those contents that nobody refers to; one that somebody was given since it was looked for stays."""
    if not hashes:
        return
    async with blobs.turn():
        async with database.reading() as connection:
            wanted = await connection.run_sync(still_used, set(hashes))
        for content_hash in sorted(set(hashes) - wanted):
            await blobs.delete(content_hash)


async def keep(blobs: Blobs, given: Mapping[str, Path], max_bytes: int, note: Callable[[], Awaitable[T]]) -> T:
    """Let `note` write the rows that name stored contents (hash -> the file it came from); a content that was removed after it
    had been stored, because nobody referred to it yet, is stored once more."""
    async with blobs.turn():
        for content_hash, path in given.items():
            try:
                blobs.path(content_hash)
            except NotFound as gone:
                try:
                    await blobs.put_file(path, max_bytes)
                except FileNotFoundError:  # it came from here
                    raise gone from None
        return await note()
