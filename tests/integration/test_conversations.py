"""Conversations: listed, searched, renamed, read back, and forgotten completely; each person's own only."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, inspect
from store_fixtures import mission, store

from core.errors import BadInput, NotFound
from core.events import ArtifactMade, BriefAssembled, MissionEnded, TaskEnded, TaskStarted
from core.missions import Artifact, Status, new_id, now
from memory import tables
from memory.checkpoints import open_checkpointer
from memory.conversations import Conversations
from memory.database import Database
from memory.files import Files
from memory.forgetting import CHECKPOINTS
from memory.journal import Journal
from memory.missions import Missions


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as database:
        yield database


async def talk(database: Database, conversation_id: str, *turns: tuple[str, str], user_id: str = "ada") -> None:
    """Hold a conversation: (goal, answer) pairs; its title is the first goal."""
    missions = Missions(database)
    for goal, answer in turns:
        given = mission(new_id(), conversation_id, user_id, goal)
        await missions.accept(given, new_id(), title=goal)
        writer = await Journal(database).writer(given.id, await missions.start_attempt(given.id))
        writer.add(MissionEnded(mission_id=given.id, status=Status.COMPLETED, answer=answer))
        await writer.close()


async def test_the_list_is_newest_first_in_pages_and_ones_own(database: Database) -> None:
    conversations = Conversations(database)
    for n in range(5):
        await talk(database, f"c{n}", (f"goal {n}", "answer"))
    await talk(database, "bobs", ("secret", "x"), user_id="bob")
    await Files(database).receive("ada", "only files", name="a", content_hash="1", size=1, mime="")
    first = await conversations.list("ada", limit=3)
    rest = await conversations.list("ada", limit=3, before=first[-1].updated_at)
    assert [c.id for c in (*first, *rest)] == ["c4", "c3", "c2", "c1", "c0"]
    await talk(database, "c1", ("again", "answer"))
    assert (await conversations.list("ada", limit=1))[0].id == "c1"


async def test_search_finds_titles_and_words_said_in_any_case(database: Database) -> None:
    conversations = Conversations(database)
    await talk(database, "c1", ("Revenue of 2025", "It grew by 100% in the NORTH"))
    await talk(database, "c2", ("Über die Märkte", "nichts"))
    await talk(database, "bobs", ("revenue", "north"), user_id="bob")
    found = {
        words: [c.id for c in await conversations.list("ada", search=words)]
        for words in ("REVENUE", "north", "100%", "1_0", "märkte", "ÜBER", "' OR 1=1 --", "secret")
    }
    assert found == {
        "REVENUE": ["c1"], "north": ["c1"], "100%": ["c1"], "1_0": [], "märkte": ["c2"], "ÜBER": ["c2"],
        "' OR 1=1 --": [], "secret": [],
    }  # fmt: skip


async def test_a_thousand_conversations_are_listed_at_once(database: Database) -> None:
    at = now()
    some = [
        {"id": f"{n}", "user_id": "ada", "title": f"t{n}", "created_at": at, "updated_at": at + timedelta(seconds=n)}
        for n in range(1000)
    ]
    said = [
        {"id": f"{n}.{m}", "conversation_id": f"{n}", "mission_id": None, "author": "user", "text": "word " * 50, "created_at": at}
        for n in range(1000)
        for m in range(4)
    ]  # fmt: skip
    await database.write((insert(tables.conversations), some), (insert(tables.messages), said))
    conversations = Conversations(database)
    await conversations.list("ada", limit=1)
    began = time.process_time()
    assert len(await conversations.list("ada", limit=1000)) == 1000
    assert time.process_time() - began < 1
    began = time.process_time()
    assert len(await conversations.list("ada", search="t99", limit=1000)) == 11
    assert time.process_time() - began < 1


async def test_messages_come_in_order_and_the_history_stops_before_a_mission(database: Database) -> None:
    conversations, missions = Conversations(database), Missions(database)
    await talk(database, "c", ("one", "1"), ("two", "2"))
    first, second = mission("m3", "c", goal="three"), mission("m4", "c", goal="four")
    await missions.accept(first, "g3", title="")
    await missions.accept(second, "g4", title="")  # sent while the third is at work
    writer = await Journal(database).writer("m3", await missions.start_attempt("m3"))
    writer.add(MissionEnded(mission_id="m3", status=Status.COMPLETED, answer="3"))
    await writer.close()
    said = [m.text for m in await conversations.messages("c", 100, user_id="ada")]
    assert said == ["one", "1", "two", "2", "three", "four", "3"]
    assert [m.text for m in await conversations.messages("c", 2)] == ["four", "3"]
    assert await conversations.messages("c", 100, user_id="bob") == []
    history = await conversations.history("c", before_mission="m4")
    assert [s.text for s in history] == ["one", "1", "two", "2", "three", "3"]
    assert [s.author for s in history][:2] == ["user", "chief"]
    assert [s.text for s in await conversations.history("c", before_mission="m3")] == ["one", "1", "two", "2"]
    assert [s.text for s in await conversations.history("c", before_mission="m3", limit=1)] == ["2"]


@pytest.mark.parametrize("begun", [False, True])
async def test_a_message_taken_back_before_work_began_was_never_said(database: Database, begun: bool) -> None:
    await talk(database, "c", ("one", "1"))
    missions = Missions(database)
    for given in (mission("m2", "c", goal="two"), mission("m3", "c", goal="three")):
        await missions.accept(given, f"goal of {given.id}", title="")
    writer = await Journal(database).writer("m2", await missions.start_attempt("m2"))
    if begun:
        writer.add(BriefAssembled(mission_id="m2", history_messages=2, tokens=1))
    writer.add(MissionEnded(mission_id="m2", status=Status.CANCELLED))
    await writer.close()
    history = await Conversations(database).history("c", before_mission="m3")
    assert [s.text for s in history] == (["one", "1", "two"] if begun else ["one", "1"])


async def test_renaming_is_for_the_owner_and_not_to_nothing(database: Database) -> None:
    conversations = Conversations(database)
    await talk(database, "c", ("one", "1"))
    await conversations.rename("c", "ada", "  New\n title ")
    assert (await conversations.get("c", "ada")).title == "New title"
    with pytest.raises(BadInput):
        await conversations.rename("c", "ada", "  ")
    for attempt in (
        conversations.rename("c", "bob", "x"),
        conversations.get("c", "bob"),
        conversations.get("no", "ada"),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await conversations.get("c", "ada")).title == "New title"


async def fill(database: Database, path: Path, conversation_id: str, hashes: tuple[str, str]) -> str:
    """Hold a conversation that leaves something in every table; returns its mission."""
    missions = Missions(database)
    given = await Files(database).receive("ada", conversation_id, name="a", content_hash=hashes[0], size=1, mime="")
    this = mission(new_id(), conversation_id, "ada", "goal", given)
    await missions.accept(this, new_id(), title="t")
    writer = await Journal(database).writer(this.id, await missions.start_attempt(this.id))
    task = {"mission_id": this.id, "task_id": "t1", "operator": "analyst"}
    made = Artifact(id=new_id(), name="out", hash=hashes[1], size=1, mime="")
    writer.add(TaskStarted(**task, title="A", profile_version="1", goal="g"))
    writer.add(ArtifactMade(mission_id=this.id, artifact=made))
    writer.add(TaskEnded(**task, status=Status.COMPLETED, summary="s"))
    writer.add(MissionEnded(mission_id=this.id, status=Status.COMPLETED, answer="a"))
    await writer.close()
    passage = {"user_id": "ada", "conversation_id": conversation_id, "name": "a", "text": "words", "position": 0}
    await database.write(
        (insert(tables.passages), [passage | {"id": new_id(), "origin": o, "origin_id": new_id()} for o in ("file", "memory")]),
        (
            insert(tables.feedback),
            {
                "id": new_id(), "conversation_id": conversation_id, "user_id": "ada", "for_id": new_id(), "value": 1,
                "created_at": now(),
            },
        ),
    )  # fmt: skip
    async with open_checkpointer(database) as checkpoints:
        for number in (1, 2):
            config: Any = {"configurable": {"thread_id": this.id, "checkpoint_ns": ""}}
            checkpoint: Any = {
                "v": 1,
                "id": f"1ef4f797-8335-6428-8001-8a1503f9b87{number}",
                "ts": "",
                "channel_values": {},
            }
            config = await checkpoints.aput(config, checkpoint, {}, {})
            await checkpoints.aput_writes(config, [("channel", "value")], "task")
    return this.id


async def counts(database: Database) -> dict[str, int]:
    names = [t.name for t in tables.metadata.sorted_tables]
    async with database.reading() as connection:
        names += await connection.run_sync(lambda c: [n for n in CHECKPOINTS if inspect(c).has_table(n)])
        return {n: (await connection.exec_driver_sql(f"SELECT count(*) FROM {n}")).scalar_one() for n in names}


async def test_deleting_removes_everything_and_names_the_contents_nobody_needs_any_more(
    database: Database, tmp_path: Path
) -> None:
    conversations = Conversations(database)
    await fill(database, tmp_path / "staffwork.db", "stays", ("aa", "shared"))
    before = await counts(database)
    gone = await fill(database, tmp_path / "staffwork.db", "goes", ("shared", "bb"))
    filled = [n for n, number in (await counts(database)).items() if number > before[n]]
    assert set(filled) == {
        "conversations", "missions", "messages", "attachments", "artifacts", "tasks", "events", "passages", "feedback",
        "search_entries", "checkpoints", "checkpoint_writes" if "checkpoint_writes" in before else "writes",
    }  # fmt: skip
    with pytest.raises(NotFound):
        await conversations.delete("goes", "bob")
    assert await conversations.delete("goes", "ada") == ["bb"]
    after = await counts(database)
    # The passage of a memory is kept, and that somebody deleted it is on record.
    assert after == before | {"passages": before["passages"] + 1, "audit": before["audit"] + 1}
    with pytest.raises(NotFound):
        await Missions(database).get(gone)
    with pytest.raises(NotFound):
        await conversations.delete("goes", "ada")
    assert await conversations.delete("stays", "ada") == ["aa", "shared"]


async def test_deleting_works_where_no_mission_ever_ran(database: Database) -> None:
    await talk(database, "c", ("one", "1"))
    assert await Conversations(database).delete("c", "ada") == []
    assert await Conversations(database).list("ada") == []
