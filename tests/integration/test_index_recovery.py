"""The index when something breaks, changes, crashes or is large: it heals, says what is wrong, and delays nobody."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from index_fixtures import MONEY, PETS, WEATHER, Switchable, ids, marks, opened, passage, stored_vectors, until_embedded
from sqlalchemy import text
from store_fixtures import store

from core.errors import BadInput
from memory import tables
from memory.database import Database
from memory.embeddings import LocalEmbedder
from memory.index import Index
from memory.passages import Passages
from memory.vectors import Vectors, VectorsBroken, vector_id


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with store(tmp_path / "test.db") as database:
        yield database


@pytest.fixture
async def index(database: Database, tmp_path: Path) -> AsyncIterator[Index]:
    async with opened(database, tmp_path) as index:
        yield index


async def test_a_text_replaced_while_it_is_embedded_gets_no_stale_vector(database, tmp_path):
    embedder = Switchable()
    async with opened(database, tmp_path, embedder) as index:
        embedder.go.clear()
        await index.add([passage("x", PETS), passage("gone", WEATHER)])
        while not embedder.embedded:
            await asyncio.sleep(0.005)
        await index.add([passage("x", MONEY)])
        await index.forget(origin_id="of-gone", user_id="ada")
        embedder.go.set()
        [found] = await index.search("an invoice not paid", user_id="ada")
        assert found.passage.text == MONEY
        assert found.score > 0.3
        await until_embedded(database, "switchable")
    assert await stored_vectors(tmp_path, "switchable") == {vector_id("ada", "x")}


async def test_what_a_crash_left_without_a_vector_gets_one_at_the_next_start(database, tmp_path):
    away = Switchable("wordllama-256-v1")
    away.broken = True  # the rows are written, and then nothing more happens
    async with opened(database, tmp_path, away) as index:
        await index.add([passage("x", PETS)])
    assert await marks(database) == {"x": ""}
    async with opened(database, tmp_path) as index:
        await until_embedded(database)
        assert ids(await index.search("a cat at rest", user_id="ada")) == ["x"]
    assert await stored_vectors(tmp_path) == {vector_id("ada", "x")}


async def test_vectors_whose_rows_are_gone_are_swept(database, tmp_path):
    async with opened(database, tmp_path) as index:
        await index.add([passage("x", PETS), passage("y", MONEY)])
        await until_embedded(database)
    await database.write((tables.passages.delete().where(tables.passages.c.id == "y"), None))  # and then it crashed
    async with opened(database, tmp_path) as index:
        assert ids(await index.search(MONEY, user_id="ada")) == ["x"]
        async with asyncio.timeout(30):
            while await index._vectors.ids() != {vector_id("ada", "x")}:
                await asyncio.sleep(0.01)


async def test_a_deleted_index_folder_is_built_again(database, tmp_path):
    async with opened(database, tmp_path) as index:
        await index.add([passage("x", PETS), passage("y", MONEY)])
        await until_embedded(database)
    shutil.rmtree(tmp_path / "index")
    async with opened(database, tmp_path):  # nobody searches, it does so by itself
        async with asyncio.timeout(30):
            while not (tmp_path / "index" / "chroma.sqlite3").exists():
                await asyncio.sleep(0.01)
        await until_embedded(database)
    assert await stored_vectors(tmp_path) == {vector_id("ada", "x"), vector_id("ada", "y")}
    async with opened(database, tmp_path) as index:
        assert ids(await index.search("a cat at rest", user_id="ada", limit=1)) == ["x"]


async def test_a_mark_is_for_the_text_that_was_embedded(database):
    rows = Passages(database, "one")
    await rows.store([passage("x", PETS), passage("y", WEATHER)])
    await rows.mark([passage("x", MONEY), passage("y", WEATHER, "bob")])
    assert await marks(database) == {"x": "", "y": ""}
    await rows.mark([passage("x", PETS)])
    assert await marks(database) == {"x": "one", "y": ""}


async def test_rebuilding_also_rebuilds_the_words(database, tmp_path):
    matches = text("SELECT count(*) FROM passages_fts WHERE passages_fts MATCH 'kitten'")
    async with opened(database, tmp_path) as index:
        await index.add([passage("x", PETS)])
        await database.write((text("INSERT INTO passages_fts(passages_fts) VALUES ('delete-all')"), None))
        await index.rebuild()
        async with database.reading() as connection:
            assert (await connection.execute(matches)).scalar_one() == 1


async def test_chroma_works_again_as_soon_as_its_files_do(tmp_path):
    (tmp_path / "index").mkdir()
    broken = tmp_path / "index" / "chroma.sqlite3"
    vectors = Vectors(tmp_path / "index", "any")
    broken.write_bytes(b"this is no database " * 500)
    with pytest.raises(VectorsBroken, match="Chroma failed"):
        await vectors.count()
    broken.unlink()
    assert await vectors.count() == 0
    await vectors.close()


async def test_the_newest_passages_are_embedded_first(database, tmp_path):
    embedder = Switchable()
    async with opened(database, tmp_path, embedder) as index:
        embedder.go.clear()
        await index.add([passage(f"p{n}", f"part {n}", origin_id="big") for n in range(400)])
        while not embedder.embedded:
            await asyncio.sleep(0.005)
        await index.add([passage("new", MONEY, "bob")])
        embedder.go.set()
        await until_embedded(database, "switchable")
    assert embedder.embedded.index(MONEY) <= 128  # in the batch after the one under way


async def test_a_change_of_embedder_embeds_everything_anew(database, tmp_path):
    async with opened(database, tmp_path) as index:
        await index.add([passage("x", PETS)])
        await until_embedded(database)
    async with opened(database, tmp_path, Switchable("nomic embed:v1.5/q4")) as index:
        await until_embedded(database, "nomic embed:v1.5/q4")
        assert ids(await index.search("a cat at rest", user_id="ada")) == ["x"]
    assert await stored_vectors(tmp_path) == set()  # what an earlier embedder made is gone


async def test_without_chroma_words_still_find_and_check_says_so(database, tmp_path):
    async with opened(database, tmp_path) as index:
        await index.add([passage("x", PETS), passage("y", MONEY)])
        await until_embedded(database)
    for file in (tmp_path / "index").glob("chroma.sqlite3*"):
        file.write_bytes(b"this is no database " * 500)
    async with opened(database, tmp_path) as index:
        [found] = await index.search("which invoice is unpaid", user_id="ada")
        assert found.passage.text == MONEY
        assert found.score > 0.3
        assert "Search by meaning does not work" in index.check()
        await index.add([passage("z", WEATHER)])
        assert ids(await index.search("storms", user_id="ada")) == ["z"]
        await index.forget(origin_id="of-x", user_id="ada")
        assert await index.search("kitten", user_id="ada") == []
        await index.rebuild()
        assert ids(await index.search("bad weather, wind", user_id="ada"))[0] == "z"
        assert index.check() == ""
        assert await index._vectors.ids() == {vector_id("ada", "y"), vector_id("ada", "z")}


async def test_an_embedder_that_is_away_delays_nothing_and_is_tried_again(database, tmp_path):
    embedder = Switchable()
    embedder.broken = True
    async with opened(database, tmp_path, embedder) as index:
        await index.add([passage("x", PETS)])
        assert ids(await index.search("kitten", user_id="ada")) == ["x"]
        assert "The embedding model is away" in index.check()
        embedder.broken = False
        await index.add([passage("y", MONEY)])
        await until_embedded(database, "switchable")
        assert ids(await index.search("a cat at rest", user_id="ada"))[0] == "x"
        assert index.check() == ""


async def test_a_large_file_is_stored_at_once_and_leaves_the_loop_free(index, database):
    await index.add([passage("warm", PETS)])
    await until_embedded(database)  # libraries are loaded now
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = (
                time.thread_time()
            )  # of the loop's own thread: what it did meanwhile, and not how busy the machine is
            await asyncio.sleep(0.005)
            longest = max(longest, time.thread_time() - before)

    watching = asyncio.create_task(watch())
    pieces = [passage(f"p{n}", f"{WEATHER} {n} " * 15, origin_id="big", position=n) for n in range(1500)]
    began = time.monotonic()
    await index.add(pieces)
    assert time.monotonic() - began < 60
    assert len(await index.passages_of("big", user_id="ada")) == 1500
    assert ids(await index.search("1234 rain", user_id="ada", limit=1)) == ["p1234"]
    await index.add([passage("bobs", MONEY, "bob")])
    began = time.monotonic()
    assert ids(await index.search("bill", user_id="bob")) == ["bobs"]  # not behind the file of somebody else
    assert time.monotonic() - began < 20
    await until_embedded(database)
    watching.cancel()
    assert longest < 0.4


async def test_two_processes_cannot_have_the_same_index(index, database, tmp_path):
    with pytest.raises(BadInput, match="Another Staffwork process is using this data folder"):
        await Index.open(database, tmp_path / "index", LocalEmbedder())
    program = (
        "import sys; from pathlib import Path; from memory.folder_lock import FolderLock; FolderLock(Path(sys.argv[1]))"
    )
    other = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, str(tmp_path / "index"), stderr=asyncio.subprocess.PIPE
    )
    _, complaint = await other.communicate()
    assert other.returncode == 1
    assert b"Another Staffwork process" in complaint
