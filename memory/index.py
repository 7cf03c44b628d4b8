"""The index over passages: the database holds them and finds words, vectors find meaning, the scores are put together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import StaffworkError
from core.logs import Masker
from core.memories import Origin, Passage, Recollection
from core.ports import Embedder
from memory.database import Database
from memory.folder_lock import FolderLock
from memory.passages import Passages
from memory.sqlite_database import SqliteDatabase
from memory.vectors import Vectors

if TYPE_CHECKING:
    from memory.shared_index import SharedVectors

log = logging.getLogger(__name__)
WORDS_WEIGHT = 0.2
"""How much the best match by words adds to the similarity of meaning (measured: more pulls right answers down)."""
UNKNOWN_MEANING = 0.3
"""Similarity that the best match by words is taken to have while its vector is missing: that of a related passage."""
CANDIDATES = 24
SLICE = 64
"""Passages embedded and stored in one go: about 15 ms in which Chroma stops every other thread."""
PATIENCE = 2.0
"""Seconds a search waits for the vectors of what its user has just added; longer only large files take."""
RETRY = 30.0
"""Seconds until vectors are tried again after a failure."""

_MASK = Masker()  # of what this process knows: the secrets of the house are not kept a second time


class Index:
    """Implements `core.ports.PassageIndex`. Vectors are in Chroma, in a folder that exactly one process may have open, or
    in PostgreSQL for all processes.

    A passage is found by its words once `add` returns, and by its meaning once the index's own task has embedded it.
    Where the vectors or the embedder fail, search by words goes on and `check` says what is wrong.
    """

    def __init__(
        self, rows: Passages, vectors: Vectors | SharedVectors, embedder: Embedder, lock: FolderLock | None = None
    ) -> None:
        self._embedder = embedder
        self._rows, self._vectors, self._lock = rows, vectors, lock
        self._problems = {"embedding": "", "searching": ""}
        self._fresh: dict[str, set[str]] = {}  # user id -> passages added a moment ago, not embedded yet
        self._progress = asyncio.Event()  # set, and replaced, whenever some of them were embedded
        self._work_waits = asyncio.Event()
        self._compared = self._told = False
        self._writing = asyncio.Lock()  # a vector is stored or removed by one at a time
        self._worker: asyncio.Task[None] | None = None

    @classmethod
    async def open(cls, database: Database, folder: Path, embedder: Embedder) -> Index:
        """Open the index with Chroma in a folder; raises BadInput if another process has it."""
        lock = FolderLock(folder)
        return cls(Passages(database, embedder.name), Vectors(folder, embedder.name), embedder, lock).begin()

    def begin(self) -> Index:
        """Start to embed passages without vectors, meanwhile."""
        self._worker = asyncio.create_task(self._keep_up(), name="index")
        self._worker.add_done_callback(self._stopped)
        return self

    async def close(self) -> None:
        """Stop embedding (what is left is done after the next start) and let go of the folder."""
        if self._worker is not None:
            self._worker.cancel()
            await asyncio.wait([self._worker])
        try:
            await self._vectors.close()
        finally:
            if self._lock is not None:
                self._lock.release()

    def check(self) -> str:
        """Return "" or what is broken."""
        return self._problems["embedding"] or self._problems["searching"]

    async def add(self, passages: Sequence[Passage]) -> None:
        """Store passages, replacing those with the same id of the same user; the vectors follow."""
        if not passages:
            return
        passages = [p.model_copy(update={"text": _MASK.known(p.text), "name": _MASK.known(p.name)}) for p in passages]
        await self._rows.store(passages)
        for p in passages:
            self._fresh.setdefault(p.user_id, set()).add(p.id)
        self._work_waits.set()

    async def search(
        self,
        query: str,
        *,
        user_id: str,
        conversation_id: str | None = None,
        origins: Sequence[Origin] = tuple(Origin),
        limit: int = 6,
    ) -> list[Recollection]:
        """Return the best passages of this user, closest first, with scores from 0 to 1.

        A conversation that is a branch includes what it shares with the one it branched from.
        """
        scope = await self._rows.scope(user_id, conversation_id)
        # A first mission need not wait for Chroma to load.
        if not query.strip() or not origins or not await self._rows.any(scope):
            return []
        most = max(limit * 2, CANDIDATES)
        await self._until_embedded(user_id)
        worded = await self._rows.by_words(query, scope, origins, most)
        try:
            [embedding] = await self._embedder.embed([query])
            near = await self._vectors.nearest(embedding, scope, origins, most)
            if farther := [p for p in worded if p not in near]:
                near |= await self._vectors.cosines(embedding, user_id, farther)
            self._problems["searching"] = ""
        except StaffworkError as error:
            self._note("searching", error)
            near = {}
        if not self._compared:
            self._work_waits.set()
        scores = fuse(near, worded)
        best = sorted(scores, key=lambda p: (-scores[p], p))
        # The owner is checked again on the rows themselves, whatever the vectors say.
        found = await self._rows.by_id(best, user_id)
        return [Recollection(passage=found[p], score=round(scores[p], 4)) for p in best if p in found][:limit]

    async def passages_of(self, origin_id: str, *, user_id: str) -> list[Passage]:
        """Return all passages of one file, message or memory, in order."""
        return await self._rows.of_origin(origin_id, user_id)

    async def forget(self, *, origin_id: str, user_id: str) -> None:
        """Remove one file, message or memory, vectors included."""
        await self._remove(await self._rows.delete_origin(origin_id, user_id))

    async def drop(self, vector_ids: Sequence[str]) -> None:
        """Remove the vectors of passages that were deleted past the index (see remembered.py)."""
        await self._remove(vector_ids)

    def look_again(self) -> None:
        """Take up what was written or deleted past the index, maybe by another process."""
        self._compared, self._told = False, True
        self._work_waits.set()

    async def forget_conversation(self, conversation_id: str, user_id: str) -> None:
        """Remove the passages of a conversation, vectors included; facts kept as memories stay, they are the user's."""
        await self._remove(await self._rows.delete_conversation(conversation_id, user_id))
        self._work_waits.set()  # what branches were handed of it gets new vectors

    async def rebuild(self) -> None:
        """Build everything anew from the rows; raises StoreUnavailable or ModelUnavailable if that fails."""
        async with self._writing:
            await self._vectors.start_over()
            await self._rows.unmark()
        await self._rows.rebuild_words()
        await self._embed_waiting()
        self._problems = {"embedding": "", "searching": ""}

    async def _remove(self, vector_ids: Sequence[str]) -> None:
        if not vector_ids or self._vectors.lost():
            return
        try:
            async with self._writing:
                await self._vectors.remove(vector_ids)
        except StaffworkError as error:
            # The rows are gone, so nobody finds them; their vectors (numbers, no text) go at the next comparison.
            self._compared = False
            self._note("embedding", error)

    async def _until_embedded(self, user_id: str) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                while self._fresh.get(user_id):
                    await self._progress.wait()

    async def _keep_up(self) -> None:
        """Embed what waits for it: what was just added, what a crash left behind, everything after a change of embedder."""
        if self._vectors.lost():
            await self._rows.unmark()
        others = True
        while True:
            try:
                if others:
                    await self._rows.unmark_others()
                    others = False
                await self._embed_waiting()
                there = self._vectors.loaded or (self._told and not self._vectors.lost())
                if there and not self._compared:
                    await self._compare()
                self._problems["embedding"] = ""
            except StaffworkError as error:
                self._note("embedding", error)
            if not self._work_waits.is_set():  # else something was added meanwhile, and the next round is for it
                self._fresh.clear()
                self._tell_progress()
            with suppress(TimeoutError):
                async with asyncio.timeout(RETRY if self._problems["embedding"] else None):
                    await self._work_waits.wait()
            self._work_waits.clear()

    async def _embed_waiting(self) -> None:
        while passages := await self._rows.waiting(SLICE):
            embeddings = await self._embedder.embed([p.text for p in passages])
            async with self._writing:
                # Only what still stands so: a passage deleted or replaced meanwhile must not get this vector.
                standing = await self._rows.unchanged(passages)
                pairs = [(p, e) for p, e in zip(passages, embeddings, strict=True) if p.id in standing]
                if pairs:
                    await self._vectors.add([p for p, _ in pairs], [e for _, e in pairs])
                    await self._rows.mark([p for p, _ in pairs])
            for p in passages:
                self._fresh.get(p.user_id, set()).discard(p.id)
            self._tell_progress()

    async def _compare(self) -> None:
        """Bring both sides together where a crash or a lost folder left one with more than the other."""
        self._compared = True
        if await self._vectors.count() == await self._rows.marked():
            return
        async with self._writing:
            stored = await self._vectors.ids()
            await self._vectors.remove(stored - await self._rows.vector_ids())
            await self._rows.unmark(keep=stored.__contains__)
        await self._embed_waiting()

    def _tell_progress(self) -> None:
        self._progress.set()
        self._progress = asyncio.Event()

    def _note(self, where: str, error: Exception) -> None:
        self._problems[where] = f"Search by meaning does not work ({error}); search by words does."
        log.warning("index, %s: %s", where, error)

    def _stopped(self, worker: asyncio.Task[None]) -> None:
        if not worker.cancelled() and (error := worker.exception()) is not None:
            self._problems["embedding"] = (
                "The index has stopped taking up new text; restart Staffwork. The log says why."
            )
            log.error("the index stopped", exc_info=error)


async def open_index(database: Database, folder: Path, embedder: Embedder) -> Index:
    """Open the index that goes with a database: beside a file, Chroma in `folder`; in PostgreSQL, tables."""
    if isinstance(database, SqliteDatabase):
        return await Index.open(database, folder, embedder)
    from memory.shared_index import SharedPassages, SharedVectors

    return Index(SharedPassages(database, embedder.name), SharedVectors(database, embedder.name), embedder).begin()


def fuse(near: Mapping[str, float], worded: Mapping[str, float]) -> dict[str, float]:
    """Put similarity of meaning and match of words together: cosine + 0.2 x bm25 / best bm25, between 0 and 1."""
    best = max(worded.values(), default=0.0)
    words = {p: max(score, 0.0) / best if best > 0 else 0.0 for p, score in worded.items()}
    scores = {p: UNKNOWN_MEANING * share for p, share in words.items()} | dict(near)
    return {p: min(max(score + WORDS_WEIGHT * words.get(p, 0.0), 0.0), 1.0) for p, score in scores.items()}
