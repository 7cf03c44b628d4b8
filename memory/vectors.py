"""Vectors in Chroma: embedded in this process, on one thread of its own, rebuildable from SQLite at any time."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import logging
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from core.errors import BadInput
from core.memories import Origin, Passage

T = TypeVar("T")
log = logging.getLogger(__name__)


class FolderLock:
    """Makes this process the only one that uses a folder: Chroma breaks silently when two do."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise BadInput(
                "Another Staffwork process is using this data folder. Stop it first, or set STAFFWORK_DATA_DIR to another."
            ) from None

    def release(self) -> None:
        os.close(self._file)


class Vectors:
    """One Chroma collection per embedder; every row carries its owner, and every search is limited to one."""

    def __init__(self, folder: Path, embedder_name: str) -> None:
        self._folder, self._name = folder, f"passages-{embedder_name}"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chroma")
        self._collection: Any = None

    async def add(self, passages: Sequence[Passage], embeddings: Sequence[list[float]]) -> None:
        """Store or replace vectors, one per passage."""
        await self._do(
            lambda c: c.upsert(
                ids=[vector_id(p.user_id, p.id) for p in passages],
                embeddings=list(embeddings),
                metadatas=[
                    {
                        "passage": p.id,
                        "user_id": p.user_id,
                        "conversation_id": p.conversation_id,
                        "origin": p.origin.value,
                        "origin_id": p.origin_id,
                    }
                    for p in passages
                ],
            )
        )

    async def nearest(
        self, embedding: list[float], user_id: str, conversation_id: str | None, origins: Sequence[Origin], limit: int
    ) -> dict[str, float]:
        """Map passage ids to cosine similarity (-1..1), for the closest passages of this user."""
        where: list[dict[str, Any]] = [{"user_id": user_id}, {"origin": {"$in": [o.value for o in origins]}}]
        if conversation_id is not None:
            where.append({"conversation_id": conversation_id})
        found = await self._do(
            lambda c: c.query(
                query_embeddings=[embedding],
                n_results=limit,
                where={"$and": where},
                include=["metadatas", "distances"],
            )
        )
        pairs = zip(found["metadatas"][0], found["distances"][0], strict=True)
        return {str(about["passage"]): 1.0 - float(distance) for about, distance in pairs}

    async def remove(self, user_id: str, passage_ids: Sequence[str]) -> None:
        """Delete vectors; ids that are not there are passed over."""
        ids = [vector_id(user_id, p) for p in passage_ids]
        for start in range(0, len(ids), 500):
            await self._do(lambda c, part=ids[start : start + 500]: c.delete(ids=part))  # type: ignore[misc]

    async def _do(self, work: Callable[[Any], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._opened()))

    def _opened(self) -> Any:
        if self._collection is None:
            import chromadb  # 0.8 s: nobody should wait for it at start

            self._folder.mkdir(parents=True, exist_ok=True)
            options = chromadb.Settings(anonymized_telemetry=False)
            client = chromadb.PersistentClient(path=str(self._folder), settings=options)
            self._collection = client.get_or_create_collection(
                self._name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )
        return self._collection

    async def close(self) -> None:
        """Wait for what is under way and let the thread go."""
        await asyncio.to_thread(self._thread.shutdown)
        self._collection = None


def vector_id(user_id: str, passage_id: str) -> str:
    """Name a vector so that nobody reaches another user's by guessing a passage's id."""
    return hashlib.sha256(f"{user_id}\x1f{passage_id}".encode()).hexdigest()
