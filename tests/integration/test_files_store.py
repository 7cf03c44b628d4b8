"""Rows of files: received, read or not, found by their owner only."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_fixtures import mission, store

from core.errors import NotFound
from core.events import ArtifactMade
from core.missions import Artifact
from memory.database import Database
from memory.files import Files
from memory.journal import Journal
from memory.missions import Missions


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as database:
        yield database


async def test_a_file_goes_from_received_to_indexed_or_unreadable(database: Database) -> None:
    files = Files(database)
    a = await files.receive("ada", "c", name="../a.pdf", content_hash="aa", size=10, mime="application/pdf")
    b = await files.receive("ada", "c", name="b.bin", content_hash="bb", size=20, mime="x" * 500)
    assert [r.status for r in await files.of_conversation("c", "ada")] == ["received", "received"]
    await files.mark_unreadable(b.id, "This is not text.")
    await files.mark_indexed(a.id, 3, 1200)
    first, second = await files.of_conversation("c", "ada")
    assert (first.attachment, first.status, first.pages, first.characters) == (a, "indexed", 3, 1200)
    assert (second.status, second.problem, second.attachment.note) == (
        "unreadable",
        "This is not text.",
        "This is not text.",
    )
    await files.mark_indexed(b.id, None, 5)  # a second try succeeds
    assert (await files.of_conversation("c", "ada"))[1].problem == ""


async def test_files_given_and_made_are_found_by_their_owner_only(database: Database) -> None:
    files, missions = Files(database), Missions(database)
    given = await files.receive("ada", "c", name="a", content_hash="aa", size=1, mime="text/plain")
    await missions.accept(mission("m", "c", "ada", "", given), "msg", title="t")
    writer = await Journal(database).writer("m", await missions.start_attempt("m"))
    made = [
        Artifact(id=f"made{n}", name=f"{n}.csv", hash=f"h{n}", size=n, mime="text/csv", task_id="t1") for n in (1, 2)
    ]
    for artifact in made:
        writer.add(ArtifactMade(mission_id="m", artifact=artifact))
    await writer.close()
    assert await files.of_mission("m") == made
    assert await files.get("made2", "ada") == made[1]
    assert await files.get(given.id, "ada") == given
    assert await files.of_conversation("c", "bob") == []
    for file_id, user_id in ((given.id, "bob"), ("made1", "bob"), ("nope", "ada")):
        with pytest.raises(NotFound):
            await files.get(file_id, user_id)
