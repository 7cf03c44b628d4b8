"""The index on a real database and a real Chroma: found by words and by meaning, by its owner only, gone when deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from index_fixtures import MONEY, PETS, WEATHER, Switchable, ids, marks, opened, passage, until_embedded
from store_fixtures import store

from core.memories import Origin
from memory.database import Database
from memory.embeddings import LocalEmbedder
from memory.index import Index
from memory.scope import Scope
from memory.vectors import vector_id


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as database:
        yield database


@pytest.fixture
async def index(database: Database, tmp_path: Path) -> AsyncIterator[Index]:
    async with opened(database, tmp_path) as index:
        yield index


async def test_meaning_and_words_both_find(index):
    await index.add([passage("pets", PETS), passage("money", MONEY), passage("weather", WEATHER)])
    by_meaning = await index.search("a young cat taking a nap", user_id="ada")
    assert ids(by_meaning)[0] == "pets"
    by_words = await index.search("4711", user_id="ada")
    assert ids(by_words)[0] == "money"
    assert by_words[0].passage == passage("money", MONEY)
    assert all(0 <= r.score <= 1 for r in by_meaning + by_words)
    assert [r.score for r in by_meaning] == sorted((r.score for r in by_meaning), reverse=True)
    assert index.check() == ""


async def test_nobody_finds_what_belongs_to_somebody_else(index):
    await index.add([passage("a", f"{PETS} ada-secret"), passage("b", f"{PETS} bob-secret", "bob")])
    for query in (PETS, "ada-secret bob-secret", '" OR user_id:bob', "a", "of-a"):
        assert {r.passage.user_id for r in await index.search(query, user_id="ada", limit=50)} <= {"ada"}
        assert {r.passage.user_id for r in await index.search(query, user_id="bob", limit=50)} <= {"bob"}
        assert await index.search(query, user_id="eve", limit=50) == []
    assert await index.passages_of("of-a", user_id="bob") == []
    await index.forget(origin_id="of-a", user_id="bob")
    await index.forget_conversation("c", "bob")
    assert ids(await index.search(PETS, user_id="ada")) == ["a"]
    assert await index.search(PETS, user_id="bob") == []


async def test_many_passages_of_others_do_not_crowd_out_mine(database, tmp_path):
    away = Switchable()
    away.broken = True  # so that words alone decide
    async with opened(database, tmp_path, away) as index:
        await index.add([passage(f"b{n}", "kitten kitten kitten", "bob") for n in range(100)])
        await index.add([passage("a", PETS)])
        assert ids(await index.search("kitten", user_id="ada", limit=1)) == ["a"]


async def test_a_passage_found_by_words_alone_still_counts_with_its_meaning(index):
    await index.add([*(passage(f"p{n}", PETS) for n in range(60)), passage("money", MONEY)])
    query = "a warm 4711"  # all the others are closer in meaning
    scores = {r.passage.id: r.score for r in await index.search(query, user_id="ada")}
    near, far = await LocalEmbedder().embed([query, MONEY])
    assert scores["money"] == pytest.approx(sum(a * b for a, b in zip(near, far, strict=True)) + 0.2, abs=0.001)


async def test_a_guessed_id_changes_nothing_of_somebody_else(database, tmp_path):
    async with opened(database, tmp_path) as index:
        await index.add([passage("a", PETS)])
        await until_embedded(database)
        await index.add([passage("a", "overwritten by bob", "bob"), passage("b", MONEY, "bob")])
        assert ids(await index.search("overwritten", user_id="bob")) == ["b"]
        [mine] = await index.search("overwritten kitten", user_id="ada")
        assert mine.passage.text == PETS
        await until_embedded(database)
        assert await index._vectors.ids() == {vector_id("ada", "a"), vector_id("bob", "b")}
    assert vector_id("ada", "a") != vector_id("bob", "a")


async def test_what_chroma_says_about_owners_is_not_believed(index, database, tmp_path):
    await index.add([passage("b", PETS, "bob"), passage("a", MONEY)])
    await until_embedded(database)
    forged = passage("b", PETS)  # bob's passage id under ada's name
    await index._vectors.add([forged], await LocalEmbedder().embed([PETS]))
    assert ids(await index.search(PETS, user_id="ada")) == ["a"]


async def test_searches_are_limited_to_conversation_and_kind(index):
    await index.add(
        [
            passage("file", PETS),
            passage("other", PETS, conversation_id="d"),
            passage("said", PETS, origin=Origin.MESSAGE),
            passage("fact", PETS, origin=Origin.MEMORY, conversation_id="d"),
        ]
    )
    everything = await index.search("kitten", user_id="ada")
    assert set(ids(everything)) == {"file", "other", "said", "fact"}
    here = await index.search("kitten", user_id="ada", conversation_id="c")
    assert set(ids(here)) == {"file", "said"}
    facts = await index.search("kitten", user_id="ada", origins=[Origin.MEMORY])
    assert ids(facts) == ["fact"]
    assert len(await index.search("kitten", user_id="ada", limit=2)) == 2
    assert await index.search("kitten", user_id="ada", origins=[]) == []


async def test_adding_again_replaces_the_text(index, database, tmp_path):
    await index.add([passage("x", PETS)])
    assert ids(await index.search("cat", user_id="ada")) == ["x"]
    await index.add([passage("x", MONEY)])
    [found] = await index.search("unpaid bill", user_id="ada")
    assert found.passage.text == MONEY
    assert found.score > 0.3
    [again] = await index.search("kitten sofa", user_id="ada")  # the old words and the old meaning are gone
    assert again.score < 0.3
    assert len(await marks(database)) == 1


async def test_forgetting_deletes_rows_words_and_vectors(index, database, tmp_path):
    pieces = [passage(f"p{n}", f"{PETS} part {n}", origin_id="file", position=n) for n in range(250)]
    await index.add(
        [*pieces, passage("said", MONEY, origin=Origin.MESSAGE), passage("fact", WEATHER, origin=Origin.MEMORY)]
    )
    await until_embedded(database)
    assert [p.position for p in await index.passages_of("file", user_id="ada")] == list(range(250))
    await index.forget(origin_id="file", user_id="ada")
    assert await index.passages_of("file", user_id="ada") == []
    assert set(ids(await index.search("kitten sofa", user_id="ada"))) == {"said", "fact"}
    await index.forget_conversation("c", "ada")
    assert ids(await index.search(MONEY, user_id="ada")) == ["fact"]  # memories are the user's, not the conversation's
    assert await index._rows.by_words("kitten invoice", Scope("ada"), list(Origin), 10) == {}
    assert await index._vectors.ids() == {vector_id("ada", "fact")}


@pytest.mark.parametrize(
    "query",
    ['"', "AND", "NEAR(", "name:x", "kitten*", "-kitten", "a OR b", "\x00", "\ud800", "", "ü" * 5000, "'; DROP--"],
)
async def test_no_query_is_an_instruction(index, query):
    await index.add([passage("x", PETS)])
    assert len(await index.search(query, user_id="ada")) <= 1
    assert index.check() == ""


async def test_characters_no_database_takes_are_replaced(index, database):
    await index.add([passage("x", "kitten \ud800\x00 sofa", name="bad\udfff.txt")])
    [found] = await index.search("kitten", user_id="ada")
    assert (found.passage.text, found.passage.name) == ("kitten \ufffd sofa", "bad\ufffd.txt")
    await until_embedded(database)


async def test_an_empty_index_answers_without_loading_chroma(tmp_path):
    async with store(tmp_path / "test.db") as database, opened(database, tmp_path) as index:
        assert await index.search("anything", user_id="ada") == []
        assert not index._vectors.loaded


async def test_words_are_found_without_their_accents_and_rare_ones_count_more(database, tmp_path):
    away = Switchable()
    away.broken = True  # so that words alone decide
    async with opened(database, tmp_path, away) as index:
        await index.add([passage(f"p{n}", f"the report about rain, part {n}") for n in range(20)])
        await index.add([passage("x", "Die Erlöse der Filiale STRASSBURG", name="the memo.pdf")])
        assert ids(await index.search("the erlose", user_id="ada"))[0] == "x"
        assert ids(await index.search("MEMO", user_id="ada")) == ["x"]
        assert ids(await index.search("rain part 7", user_id="ada", limit=1)) == ["p7"]
        await index._rows.rebuild_words()
        assert ids(await index.search("strassburg", user_id="ada")) == ["x"]
