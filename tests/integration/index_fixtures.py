"""What the tests of the index share: passages, an embedder that can fail, and a look at what is really stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from core.errors import ModelUnavailable
from core.memories import Origin, Passage, Recollection
from core.ports import Embedder
from memory import tables
from memory.database import Database
from memory.embeddings import LocalEmbedder
from memory.index import Index, open_index
from memory.vectors import Vectors

PETS = "The kitten sleeps on the warm sofa all afternoon."
MONEY = "Invoice 4711 over 3,200 euro is still unpaid."
WEATHER = "Heavy rain and storms are expected in the north."


class Switchable:
    """An embedder that can be told to fail, like a server that is away, or to wait."""

    dimensions = 256

    def __init__(self, name: str = "switchable") -> None:
        self.name, self.broken, self.go = name, False, asyncio.Event()
        self.go.set()
        self.embedded: list[str] = []
        self._inner = LocalEmbedder()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        if self.broken:
            raise ModelUnavailable("connection", "The embedding model is away.")
        vectors = await self._inner.embed(texts)
        self.embedded += texts
        await self.go.wait()
        return vectors


@asynccontextmanager
async def opened(database: Database, tmp_path: Path, embedder: Embedder | None = None) -> AsyncIterator[Index]:
    index = await open_index(database, tmp_path / "index", embedder or LocalEmbedder())
    try:
        yield index
    finally:
        await index.close()


def passage(passage_id: str, words: str, user_id: str = "ada", **more: Any) -> Passage:
    given = {"conversation_id": "c", "origin": Origin.FILE, "origin_id": f"of-{passage_id}", "name": "a.txt"} | more
    return Passage(id=passage_id, user_id=user_id, text=words, **given)


def ids(found: Sequence[Recollection]) -> list[str]:
    return [r.passage.id for r in found]


async def marks(database: Database) -> dict[str, str]:
    async with database.reading() as connection:
        rows = await connection.execute(tables.passages.select())
        return {row.id: row.embedded_by for row in rows}


async def until_embedded(database: Database, by: str = "wordllama-256-v1") -> None:
    async with asyncio.timeout(30):
        while any(mark != by for mark in (await marks(database)).values()):
            await asyncio.sleep(0.01)


async def stored_vectors(tmp_path: Path, embedder: str = "wordllama-256-v1") -> set[str]:
    vectors = Vectors(tmp_path / "index", embedder)
    try:
        return await vectors.ids()
    finally:
        await vectors.close()
