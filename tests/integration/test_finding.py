"""Finding again: titles, messages, steps and files of one's own, by their words, in both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select, text, update
from store_fixtures import mission, store

from core.budget import Usage
from core.errors import BadInput
from core.events import MissionEnded, TaskEnded, TaskStarted, ToolCalled
from core.memories import Origin, Passage
from core.missions import Artifact, Status, derived_id, now
from memory import tables
from memory.artifacts import Artifacts
from memory.conversations import Conversations
from memory.database import Database
from memory.files import Files
from memory.finding import Finder, Hit, Wanted, snippet
from memory.journal import Journal
from memory.missions import Missions
from memory.passages import Passages
from memory.sqlite_database import SqliteDatabase


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as opened:
        yield opened


async def played(database: Database, mission_id: str, talk: str, goal: str, answer: str, user: str = "ada") -> None:
    """Accept a mission and bring it to its end, with one task and one call."""
    missions = Missions(database)
    await missions.accept(mission(mission_id, talk, user, goal), f"{mission_id} said", title=goal[:60])
    attempt = await missions.start_attempt(mission_id)
    writer = await Journal(database).writer(mission_id, attempt)
    about = {"mission_id": mission_id, "task_id": "t1"}
    writer.add(
        TaskStarted(**about, operator="analyst", title="Analyst", profile_version="1", goal="Do it")  # type: ignore[arg-type]
    )
    writer.add(ToolCalled(**about, step="t1/1.0", tool="calculate", intent="Add up the invoices"))  # type: ignore[arg-type]
    writer.add(
        TaskEnded(  # type: ignore[arg-type]
            **about, operator="analyst", status=Status.COMPLETED, summary="The gazebo is cheap", result="12 gazebos"
        )
    )
    writer.add(MissionEnded(mission_id=mission_id, status=Status.COMPLETED, answer=answer, usage=Usage()))
    await writer.flush()
    await writer.close()


async def give(database: Database, talk: str, name: str, words: str) -> str:
    """Give a file and have its text indexed by its words."""
    file = await Files(database).receive("ada", talk, name=name, content_hash="h" * 64, size=3, mime="text/plain")
    about = {"conversation_id": talk, "origin": Origin.FILE, "origin_id": file.id, "name": name, "page": 2}
    passage = Passage(id=derived_id(file.id, "0"), user_id="ada", text=words, **about)  # type: ignore[arg-type]
    await passages_of(database).store([passage])
    return file.id


def passages_of(database: Database) -> Passages:
    if isinstance(database, SqliteDatabase):
        return Passages(database, "e")
    from memory.shared_index import SharedPassages

    return SharedPassages(database, "e")


async def found(database: Database, query: str, user: str = "ada", **more: str) -> list[Hit]:
    return await Finder(database).find(user, Wanted(query, **more))


def kinds(hits: list[Hit]) -> list[str]:
    return [hit.kind for hit in hits]


async def test_messages_steps_tools_titles_and_files_are_found(database: Database) -> None:
    await played(database, "m1", "c1", "Compare the Erlöse of spring, in Größe", "They are **higher** than in autumn.")
    file_id = await give(database, "c1", "memo of march.txt", "The zeppelin lands on Monday.")
    assert kinds(await found(database, "erlose")) == ["conversation", "question"]
    assert kinds(await found(database, "größe")) == ["conversation", "question"]
    (answer,) = await found(database, "autumn")
    assert (answer.kind, answer.conversation_id, answer.place) == ("answer", "c1", derived_id("m1", "answer"))
    (step,) = await found(database, "gazebos")
    assert (step.kind, step.title, step.place) == ("step", "analyst", derived_id("m1", "t1"))
    (call,) = await found(database, "invoices calc")
    assert (call.kind, call.title, call.place) == ("tool", "calculate", derived_id("m1", "t1/1.0"))
    (file,) = await found(database, "ZEPPELIN")
    assert (file.kind, file.title, file.place) == ("file", "memo of march.txt, page 2", file_id)
    assert [p.text for p in file.snippet if p.hit] == ["zeppelin"]
    (named,) = await found(database, "memo march")
    assert (named.kind, named.place) == ("file", file_id)
    assert await found(database, "autumn gazebo") == []  # not in one place
    assert await found(database, "\"' AND * NEAR(") == []


async def test_nothing_of_another_person_is_found(database: Database) -> None:
    await played(database, "m1", "c1", "The secret of Ada", "It is a zebra.")
    await played(database, "m2", "c2", "The secret of Bob", "It is a zebra too.", user="bob")
    assert {hit.conversation_id for hit in await found(database, "zebra", "bob")} == {"c2"}
    assert await found(database, "zebra", "bob", conversation="c1") == []
    assert {hit.conversation_id for hit in await found(database, "secret")} == {"c1"}


async def test_filters_narrow_the_search(database: Database) -> None:
    await played(database, "m1", "c1", "A walrus", "The walrus swims.")
    await played(database, "m2", "c2", "Another walrus", "It sleeps.")
    await database.write(
        (update(tables.conversations).where(tables.conversations.c.id == "c2").values(archived_at=now()), None)
    )
    assert set(kinds(await found(database, "walrus"))) == {"conversation", "question", "answer"}
    assert set(kinds(await found(database, "walrus", kind="messages"))) == {"question", "answer"}
    assert kinds(await found(database, "walrus", kind="steps")) == []
    assert {h.conversation_id for h in await found(database, "walrus", archived="no")} == {"c1"}
    assert [h.archived for h in await found(database, "walrus", archived="only")] == [True, True]
    assert await found(database, "walrus", until="2001-01-01") == []
    assert await found(database, "walrus", since="2001-01-01", until="2999-01-01")
    assert await found(database, "walrus", project="none") == []
    for wrong in ({"kind": "x"}, {"since": "yesterday"}, {"until": "2026-1-1"}, {"archived": "maybe"}):
        with pytest.raises(BadInput):
            Wanted("walrus", **wrong)


async def test_what_is_deleted_is_found_no_more(database: Database) -> None:
    await played(database, "m1", "c1", "A pelican", "The pelican flies.")
    await Conversations(database).delete("c1", "ada")
    assert await found(database, "pelican") == []
    if isinstance(database, SqliteDatabase):
        async with database.reading() as connection:
            left = await connection.execute(text("SELECT count(*) FROM search_fts WHERE search_fts MATCH 'pelican'"))
            assert left.scalar_one() == 0
    await database.write((delete(tables.users).where(tables.users.c.id == "ada"), None))


async def test_a_long_message_is_found_by_its_last_word_and_odd_letters_do_no_harm(database: Database) -> None:
    words = " ".join(f"word{n}" for n in range(30_000))
    await played(database, "m1", "c1", "Long", f"{words} kookaburra \x00 ' \\ :* & | ! 🦘")
    (hit,) = await found(database, "kookaburra")
    assert any(piece.hit and piece.text == "kookaburra" for piece in hit.snippet)
    async with database.reading() as connection:
        rows = (await connection.execute(select(tables.search_entries.c.kind))).scalars().all()
    assert rows.count("answer") > 1  # no entry is longer than the database's index can take
    assert kinds(await found(database, "word29999")) == ["answer"]


async def test_the_entries_can_be_made_anew_and_are_the_same(database: Database) -> None:
    await played(database, "m1", "c1", "A heron", "The heron stands.")
    await played(database, "m2", "c2", "A tern", "The tern dives.")
    fields = [c for c in tables.search_entries.c if c.name != "number"]

    async def standing() -> set[tuple[object, ...]]:
        async with database.reading() as connection:
            return {tuple(row) for row in await connection.execute(select(*fields))}

    before = await standing()
    await database.write((delete(tables.search_entries), None))
    assert await found(database, "dives") == []
    assert await Finder(database).rebuild() == 8
    assert await standing() == before
    assert kinds(await found(database, "dives")) == ["answer"]


async def test_a_temporary_conversation_has_no_entries_and_its_files_no_index(database: Database) -> None:
    row = {"id": "t", "user_id": "ada", "created_at": now(), "updated_at": now(), "temporary": True}
    await database.write((insert(tables.conversations), row))
    await played(database, "m1", "t", "A flamingo", "The flamingo is pink.")
    await give(database, "t", "flamingo.txt", "All about the flamingo")
    made = Artifact(id="a", name="flamingo.md", hash="h" * 64, size=3, mime="text/markdown")
    row = made.model_dump() | {"mission_id": "m1", "created_at": now(), "step": "t1/1.0", "version": 1}
    await database.write((insert(tables.artifacts), row))
    assert await Artifacts(database).find("ada") == []
    assert [a.id for a in await Artifacts(database).find("ada", conversation_id="t")] == ["a"]
    assert await found(database, "flamingo") == []
    await Finder(database).rebuild()
    assert await found(database, "flamingo") == []
    passages = passages_of(database)
    assert await passages.waiting(10) == []
    here, everywhere = await passages.scope("ada", "t"), await passages.scope("ada", None)
    assert len(await passages.by_words("flamingo", here, [Origin.FILE], 5)) == 1
    assert await passages.by_words("flamingo", everywhere, [Origin.FILE], 5) == {}


def test_a_snippet_shows_the_words_around_the_first_hit() -> None:
    pieces = snippet("Die Größe, größer als GROSS", ["größ"])
    assert [p.text for p in pieces if p.hit] == ["Größe", "größer"]
    pieces = snippet("The Élan of élan, elanx", ["elan"])
    assert [p.text for p in pieces if p.hit] == ["Élan", "élan", "elanx"]
    assert "".join(p.text for p in pieces) == "The Élan of élan, elanx"
    cut = snippet("a " * 300 + "needle" + " b" * 300, ["needle"])
    assert cut[0].text.startswith("… ")
    assert cut[-1].text.endswith(" …")
    assert len("".join(p.text for p in cut)) < 320
