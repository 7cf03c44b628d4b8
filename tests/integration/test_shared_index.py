"""The index in PostgreSQL: what one process adds the others find, and nobody leaves a wrong vector behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from index_fixtures import MONEY, PETS, WEATHER, Switchable, ids, marks, opened, passage, until_embedded
from sqlalchemy import text
from store_fixtures import open_at, store

from core.memories import Origin
from memory.database import Database
from memory.embeddings import LocalEmbedder
from memory.scope import Scope
from memory.shared_index import SharedVectors
from memory.vectors import vector_id


@pytest.fixture
async def database(postgres: str) -> AsyncIterator[Database]:
    async with store(postgres) as database:
        yield database


async def test_what_one_process_adds_another_finds(database: Database, postgres: str, tmp_path: Path) -> None:
    other = await open_at(postgres)
    async with opened(database, tmp_path) as here, opened(other, tmp_path) as there:
        await here.add([passage("pets", PETS), passage("money", MONEY)])
        await until_embedded(database)
        [found, *_] = await there.search("a young cat taking a nap", user_id="ada")
        assert found.passage.id == "pets"
        await there.forget(origin_id="of-pets", user_id="ada")
        assert ids(await here.search(PETS, user_id="ada")) == ["money"]
        assert await here._vectors.ids() == {vector_id("ada", "money")}
    await other.close()


async def test_a_process_that_embeds_an_old_text_leaves_no_vector_for_the_new_one(
    database: Database, tmp_path: Path
) -> None:
    slow = SharedVectors(database, "wordllama-256-v1")
    async with opened(database, tmp_path) as index:
        await index.add([passage("x", PETS)])
        await until_embedded(database)
        await index.add([passage("x", MONEY)])
        await until_embedded(database)
        [late, right] = await LocalEmbedder().embed([PETS, MONEY])
        await slow.add([passage("x", PETS)], [late])  # as another process that began before the text was replaced
        near = await slow.nearest(right, Scope("ada"), list(Origin), 5)
        assert near["x"] == pytest.approx(1.0, abs=0.001)


async def test_vectors_that_are_lost_are_made_again_at_the_next_start(database: Database, tmp_path: Path) -> None:
    async with opened(database, tmp_path) as index:
        await index.add([passage("x", PETS), passage("y", WEATHER)])
        await until_embedded(database)
    await database.write((text("DELETE FROM passage_vectors"), None))
    async with opened(database, tmp_path) as index:
        async with asyncio.timeout(30):
            while await index._vectors.count() != 2:
                await asyncio.sleep(0.01)
        assert ids(await index.search("a cat at rest", user_id="ada", limit=1)) == ["x"]


async def test_rebuilding_makes_words_and_vectors_anew(database: Database, tmp_path: Path) -> None:
    async with opened(database, tmp_path) as index:
        await index.add([passage("x", PETS), passage("y", WEATHER)])
        await until_embedded(database)
        await database.write(
            (text("UPDATE passages SET words = NULL"), None), (text("DELETE FROM passage_vectors"), None)
        )
        await index.rebuild()
        assert await index._vectors.count() == 2
        assert set(await index._rows.by_words("kitten storms", Scope("ada"), list(Origin), 5)) == {"x", "y"}


async def test_another_embedder_replaces_every_vector(database: Database, tmp_path: Path) -> None:
    async with opened(database, tmp_path) as index:
        await index.add([passage("x", PETS)])
        await until_embedded(database)
    async with opened(database, tmp_path, Switchable("another")) as index:
        await until_embedded(database, "another")
        assert await index._vectors.ids() == {vector_id("ada", "x")}
        assert await SharedVectors(database, "wordllama-256-v1").ids() == set()
        assert await marks(database) == {"x": "another"}


async def test_a_search_compares_the_newest_vectors_only_and_finds_the_others_by_words(
    database: Database, tmp_path: Path
) -> None:
    async with opened(database, tmp_path) as index:
        index._vectors = vectors = SharedVectors(database, "wordllama-256-v1", most=3)
        await index.add([passage("old", PETS), *(passage(f"p{n}", f"{WEATHER} {n}") for n in range(3))])
        await until_embedded(database)
        [vector] = await LocalEmbedder().embed([PETS])
        assert set(await vectors.nearest(vector, Scope("ada"), list(Origin), 9)) == {"p0", "p1", "p2"}
        [found] = await index.search("kitten", user_id="ada", limit=1)
        assert found.passage.id == "old"
        assert found.score > 0.3, "its own vector counts although it is not among the newest"
