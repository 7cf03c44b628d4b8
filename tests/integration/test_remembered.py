"""What is remembered of a person: listed, found, changed and deleted by nobody but them, and really gone when it is deleted."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from store_fixtures import mission, store

from core.errors import BadInput, NotFound
from core.memories import Memory, Origin, Passage
from core.missions import Mission, derived_id, new_id, now
from core.settings import Settings
from graphs.keeping import change_fact, forget_all, forget_one
from graphs.office import Office
from memory.audit import Audit
from memory.database import Database
from memory.memories import Memories
from memory.missions import Missions
from memory.recollection import TURN, turn_id
from memory.remembered import LONGEST_FACT, Recollections, Wanted, passages_in

FACT, OTHER = "Our fiscal year begins in April.", "The warehouse is in Trieste."


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as database:
        for user in ("ada", "bob"):
            await Missions(database).accept(mission(f"m-{user}", f"c-{user}", user), f"goal-{user}", f"Talk of {user}")
            for fact in (FACT, OTHER):
                await keep(database, user, fact)
            said = zip(TURN.items(), ("What does the zebra cost?", "The zebra costs 42 euros."), strict=True)
            await passages_in(database).store(
                [
                    Passage(
                        id=f"{user}-{part}", user_id=user, conversation_id=f"c-{user}", origin=Origin.MESSAGE,
                        origin_id=turn_id(f"m-{user}", part), name=name, text=text,
                    )
                    for (part, name), text in said
                ]
            )  # fmt: skip
        yield database


async def keep(database: Database, user: str, fact: str) -> None:
    memory = Memory(
        id=derived_id("memory", user, fact), user_id=user, text=fact, conversation_id=f"c-{user}",
        mission_id=f"m-{user}", operator="analyst", created_at=now(),
    )  # fmt: skip
    await Memories(database).keep(memory)
    await passages_in(database).store([memory.as_passage()])


async def test_everything_is_listed_with_when_where_and_by_whom(database: Database) -> None:
    found = await Recollections(database).list("ada", Wanted())
    assert [one.what for one in found] == ["fact", "fact", "answer", "question"]
    assert {one.text for one in found[:2]} == {FACT, OTHER}
    assert {(one.title, one.conversation_id, one.mission_id) for one in found} == {
        ("Talk of ada", "c-ada", "m-ada"),
        ("Talk of ada", "c-ada", None),  # its answer was not written yet
    }
    assert ({one.operator for one in found[:2]}, found[3].at is not None) == ({"analyst"}, True)
    assert await Recollections(database).count("ada") == {"fact": 2, "said": 2}
    assert await Recollections(database).list("nobody", Wanted()) == []


async def test_it_is_listed_in_pages_and_by_kind(database: Database) -> None:
    store = Recollections(database)
    whole = await store.list("ada", Wanted())
    assert [one for n in range(5) for one in await store.list("ada", Wanted(limit=1, offset=n))] == whole
    assert await store.list("ada", Wanted(limit=2, offset=1)) == whole[1:3]
    assert await store.list("ada", Wanted("fact")) == whole[:2]
    assert await store.list("ada", Wanted("said", limit=1, offset=1)) == whole[3:]
    assert await store.list("ada", Wanted(conversation="c-bob")) == []
    with pytest.raises(BadInput, match="fact or said"):
        await store.list("ada", Wanted("all"))


async def test_it_is_found_by_its_words(database: Database) -> None:
    store = Recollections(database)
    assert [one.text for one in await store.list("ada", Wanted(query="TRIESTE warehouse"))] == [OTHER]
    assert {one.what for one in await store.list("ada", Wanted(query="zebra"))} == {"question", "answer"}
    assert await store.list("ada", Wanted("fact", "zebra")) == []
    assert len(await store.list("ada", Wanted(query="zebra", limit=1))) == 1
    assert await store.list("ada", Wanted(query="unicorn")) == []


async def test_changed_words_replace_the_old_ones_everywhere(database: Database) -> None:
    store = Recollections(database)
    old = derived_id("memory", "ada", FACT)
    changed, gone = await store.change(old, "ada", "  Our fiscal year\nbegins in May. ")
    assert (gone.count, len(gone.vector_ids)) == (1, 1)
    assert (changed.text, changed.operator, changed.changed_at is not None) == (
        "Our fiscal year begins in May.",
        "analyst",
        True,
    )
    assert await store.list("ada", Wanted(query="April")) == []
    assert [one.id for one in await store.list("ada", Wanted(query="May"))] == [changed.id]
    assert (await store.change(changed.id, "ada", changed.text))[0] == changed
    same, _ = await store.change(changed.id, "ada", OTHER)  # what is known already is one fact, not two
    assert (same.id, await store.count("ada")) == (derived_id("memory", "ada", OTHER), {"fact": 1, "said": 2})
    assert (await store.list("bob", Wanted("fact", "April")))[0].text == FACT


async def test_what_cannot_be_kept_is_said(database: Database) -> None:
    store, fact = Recollections(database), derived_id("memory", "ada", FACT)
    for text, words in ((" \n", "write what"), ("x" * (LONGEST_FACT + 1), "longer than 2,000")):
        with pytest.raises(BadInput, match=words):
            await store.change(fact, "ada", text)
    with pytest.raises(BadInput, match="stays as it was said"):
        await store.change(turn_id("m-ada", "goal"), "ada", "Something else")
    assert (await store.get(fact, "ada")).text == FACT


async def test_what_is_somebody_elses_is_not_there(database: Database) -> None:
    store, fact = Recollections(database), derived_id("memory", "ada", FACT)
    before = await store.list("ada", Wanted())
    for attempt in (
        store.get(fact, "bob"), store.change(fact, "bob", "Mine"), store.forget(fact, "bob"),
        store.forget(turn_id("m-ada", "answer"), "bob"),
    ):  # fmt: skip
        with pytest.raises(NotFound):
            await attempt
    await store.forget_all("bob")
    assert (await store.list("ada", Wanted()), await store.list("bob", Wanted())) == (before, [])


async def test_deletions_are_on_record_without_a_word_of_what_was_deleted(database: Database) -> None:
    store = Recollections(database)
    gone = await store.forget(derived_id("memory", "ada", FACT), "ada")
    assert (gone.count, len(gone.vector_ids)) == (1, 1)
    await store.change(derived_id("memory", "ada", OTHER), "ada", "It is in Genoa.")
    assert (await store.forget_all("ada", kind="said", conversation="c-bob")).count == 0
    assert (await store.forget_all("ada", kind="said")).count == 2
    assert (await store.forget_all("ada")).count == 1
    rows = await Audit(database).read(person="ada")
    assert [(row.kind, row.subject, row.details.get("count")) for row in rows] == [
        ("memories_deleted", "everything", "1"),
        ("memories_deleted", "everything said in conversations", "2"),
        ("memory_changed", "a fact", None),
        ("memories_deleted", "a fact", "1"),
    ]
    assert "Genoa" not in str(rows)


async def test_what_is_deleted_is_not_recalled_any_more_and_its_vectors_are_gone(settings: Settings) -> None:
    async with Office.open(settings) as office:
        ada = (await office.people.ensure_local_owner()).id
        await done(office, ada, f"Remember that {FACT}", "c")
        await done(office, ada, "What is 6 times 7?", "d")
        store = Recollections(office.database)
        async with asyncio.timeout(60):  # what was said is kept a moment after the end
            while (await store.count(ada))["said"] < 4:
                await asyncio.sleep(0.02)
        [fact] = await store.list(ada, Wanted("fact"))
        assert ("fiscal year begins in April" in fact.text, fact.operator != "") == (True, True)
        assert await recalled(office, ada) >= {Origin.MEMORY, Origin.MESSAGE}
        changed = await change_fact(office, fact.id, ada, "The fiscal year begins in May.")
        assert "May" in (await office.index.search("fiscal year", user_id=ada, origins=[Origin.MEMORY]))[0].passage.text
        await forget_one(office, changed.id, ada)
        assert Origin.MEMORY not in await recalled(office, ada)
        assert await forget_all(office, ada) == 4
        assert await recalled(office, ada) == set()
    async with Office.open(settings) as office:  # nor after a restart
        assert await recalled(office, ada) == set()
        assert await Recollections(office.database).list(ada, Wanted()) == []
        assert await office.conversations.list(ada), "the conversations themselves stay"
    assert vectors(settings) == 0


async def done(office: Office, user_id: str, goal: str, conversation: str) -> None:
    given = Mission(id=new_id(), conversation_id=conversation, user_id=user_id, goal=goal, created_at=now())
    await office.submit(given)
    assert [e async for e in office.follow(given.id)][-1].kind == "mission_ended"


async def recalled(office: Office, user_id: str) -> set[Origin]:
    return {r.passage.origin for r in await office.index.search("When does our fiscal year begin?", user_id=user_id)}


def vectors(settings: Settings) -> int:
    """Count what Chroma's own file holds: a search would hide a ghost."""
    with closing(sqlite3.connect(next(settings.data_dir.rglob("chroma.sqlite3")))) as chroma:
        [count] = chroma.execute("SELECT count(*) FROM embeddings").fetchone()
        return int(count)
