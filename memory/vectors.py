"""The vectors of one embedder in Chroma: embedded in this process, on one thread of its own, and nothing but a finder.

Texts and owners stand in SQLite; everything here can be built again from there.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from core.errors import StoreUnavailable
from core.memories import Origin, Passage
from memory.folder_lock import LOCK
from memory.scope import Scope

T = TypeVar("T")

PREFIX = "passages-"
AT_ONCE = 100
"""Ids deleted in one call: Chroma stops every other thread meanwhile (0.07 ms an id; a whole second for a filter)."""


class VectorsBroken(StoreUnavailable):
    """Chroma cannot be used right now; the text says why, for the administrator."""


class Vectors:
    """One Chroma collection per embedder; every row carries its owner, and every search is limited to one.

    Every method raises VectorsBroken if Chroma fails, and may be tried again.
    """

    def __init__(self, folder: Path, embedder_name: str) -> None:
        self._folder, self._name = folder, collection_name(embedder_name)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="chroma")
        self._client: Any = None
        self._collection: Any = None

    @property
    def loaded(self) -> bool:
        """Say whether Chroma is open already; the first call opens it (about a second)."""
        return self._collection is not None

    def lost(self) -> bool:
        """Say whether there are no files of Chroma, without loading it."""
        return not (self._folder / "chroma.sqlite3").exists()

    async def add(self, passages: Sequence[Passage], embeddings: Sequence[list[float]]) -> None:
        """Store or replace vectors, one per passage."""
        keys, about = [vector_id(p.user_id, p.id) for p in passages], [_about(p) for p in passages]
        await self._do(lambda c: c.upsert(ids=keys, embeddings=list(embeddings), metadatas=about))

    async def nearest(
        self, embedding: list[float], scope: Scope, origins: Sequence[Origin], limit: int
    ) -> dict[str, float]:
        """Map passage ids to cosine similarity (-1..1), for the closest passages within a scope."""
        where: list[dict[str, Any]] = [{"user_id": scope.user_id}, {"origin": {"$in": [o.value for o in origins]}}]
        if scope.conversation_id is not None:
            here: dict[str, Any] = {"conversation_id": scope.conversation_id}
            shared = {"origin_id": {"$in": list(scope.shared)}}
            where.append({"$or": [here, shared]} if scope.shared else here)
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

    async def cosines(self, embedding: list[float], user_id: str, passage_ids: Sequence[str]) -> dict[str, float]:
        """Map those of the given passages of this user that have a vector to their cosine similarity."""
        keys = [vector_id(user_id, p) for p in passage_ids]
        found = await self._do(lambda c: c.get(ids=keys, include=["metadatas", "embeddings"]))
        pairs = zip(found["metadatas"], found["embeddings"], strict=True)
        return {str(about["passage"]): float(vector.dot(embedding)) for about, vector in pairs}

    async def remove(self, vector_ids: Iterable[str]) -> None:
        """Delete vectors by their ids (see `vector_id`); those that are not there are passed over."""
        ids = list(vector_ids)
        for start in range(0, len(ids), AT_ONCE):
            await self._do(lambda c, part=ids[start : start + AT_ONCE]: c.delete(ids=part))  # type: ignore[misc]

    async def count(self) -> int:
        """Count the vectors."""
        return await self._do(lambda c: int(c.count()))

    async def ids(self) -> set[str]:
        """List the ids of all vectors."""
        return await self._do(lambda c: set(c.get(include=[])["ids"]))

    async def start_over(self) -> None:
        """Delete everything, damaged files included, and open an empty collection."""
        await self._on_thread(self._wipe)
        await self.count()

    async def close(self) -> None:
        """Wait for what is under way and let go of Chroma."""
        try:
            await self._on_thread(self._let_go)
        finally:
            await asyncio.to_thread(self._thread.shutdown)

    async def _do(self, work: Callable[[Any], T]) -> T:
        return await self._on_thread(lambda: _guarded(lambda: work(self._opened())))

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _opened(self) -> Any:
        if self._collection is None:
            self._client = self._client or _open_client(self._folder)
            for other in self._client.list_collections():
                # An earlier embedder's vectors: deletions would no longer reach them.
                if other.name.startswith(PREFIX) and other.name != self._name:
                    self._client.delete_collection(other.name)
            self._collection = self._client.get_or_create_collection(
                self._name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
            )
        return self._collection

    def _wipe(self) -> None:
        self._let_go()
        for path in self._folder.iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()

    def _let_go(self) -> None:
        client, self._client, self._collection = self._client, None, None
        if client is not None:
            client.close()


def vector_id(user_id: str, passage_id: str) -> str:
    """Name a vector so that nobody reaches another user's by guessing a passage's id."""
    return hashlib.sha256(f"{user_id}\x1f{passage_id}".encode()).hexdigest()


def collection_name(embedder_name: str) -> str:
    """Name an embedder's collection in the letters Chroma allows; a name that had to be changed stays apart by a hash."""
    if re.fullmatch(r"[A-Za-z0-9._-]{0,100}[A-Za-z0-9]", embedder_name):
        return PREFIX + embedder_name
    mark = hashlib.sha256(embedder_name.encode()).hexdigest()[:8]
    return f"{PREFIX}{re.sub(r'[^A-Za-z0-9-]', '-', embedder_name)[:100]}-{mark}"


def _open_client(folder: Path) -> Any:
    import chromadb  # 0.8 s: nobody should wait for it at start
    from chromadb.api.shared_system_client import SharedSystemClient

    try:
        return chromadb.PersistentClient(path=str(folder), settings=chromadb.Settings(anonymized_telemetry=False))
    except BaseException:
        SharedSystemClient.clear_system_cache()  # it would give the half-started one to whoever tries again
        raise


def _about(passage: Passage) -> dict[str, str]:
    return {
        "passage": passage.id,
        "user_id": passage.user_id,
        "conversation_id": passage.conversation_id,
        "origin": passage.origin.value,
        "origin_id": passage.origin_id,
    }


def _guarded(work: Callable[[], T]) -> T:
    """Turn what Chroma raises, also at its import and from its native part, into one error."""
    try:
        from chromadb.errors import ChromaError
    except ImportError as error:
        raise VectorsBroken(f"Chroma cannot be loaded: {error}") from error
    try:
        return work()
    except (ChromaError, OSError, ValueError, RuntimeError, AttributeError) as error:
        raise VectorsBroken(f"Chroma failed: {str(error)[:200]}") from error
