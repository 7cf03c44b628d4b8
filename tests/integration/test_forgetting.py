"""A deleted conversation is gone from everywhere: rows, words, vectors, contents; what was kept as a memory stays."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.errors import NotFound
from core.memories import Origin, Passage
from core.missions import Mission, new_id, now
from core.settings import Settings
from graphs.office import Office

SECRET = "The zebra crosses the river at midnight"


async def test_nothing_of_a_deleted_conversation_is_left(settings: Settings, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text(SECRET)
    async with Office.open(settings) as office:
        user = await office.people.ensure_local_owner()
        given = await office.receive(user.id, "c", "letter.txt", "text/plain", letter)
        mission = Mission(
            id=new_id(),
            conversation_id="c",
            user_id=user.id,
            goal=f"Quote: {SECRET}",
            attachments=(given,),
            created_at=now(),
        )
        await office.submit(mission)
        assert [e async for e in office.follow(mission.id)][-1].kind == "mission_ended"
        kept = Passage(
            id=new_id(),
            user_id=user.id,
            conversation_id="c",
            origin=Origin.MEMORY,
            origin_id="fact",
            name="fact",
            text=SECRET,
        )
        await office.index.add([kept])
        found = {r.passage.origin for r in await office.index.search(SECRET, user_id=user.id)}
        assert found >= {Origin.FILE, Origin.MEMORY}
        stored = office.blobs.path(given.hash)
        assert stored.exists()

        with pytest.raises(NotFound):
            await office.delete_conversation("c", "somebody else")
        assert stored.exists()
        await office.delete_conversation("c", user.id)

        assert [r.passage for r in await office.index.search(SECRET, user_id=user.id)] == [kept]
        assert not stored.exists()
        with pytest.raises(NotFound):
            await office.missions.get(mission.id)
        with pytest.raises(NotFound):
            await office.delete_conversation("c", user.id)
    # One vector is left in Chroma: the memory's. Its own file is read, because a search would hide a ghost.
    with closing(sqlite3.connect(next(settings.data_dir.rglob("chroma.sqlite3")))) as chroma:
        assert chroma.execute("SELECT count(*) FROM embeddings").fetchone() == (1,)
