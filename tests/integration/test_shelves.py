"""Order among conversations: projects, pins, the archive, what is unread, and titles, in both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select
from store_fixtures import mission, store

from core.budget import Usage
from core.errors import BadInput, Conflict, NotFound
from core.events import MissionEnded, QuestionAsked
from core.memories import Memory, short_title
from core.missions import Status, now
from memory import tables
from memory.conversations import Conversations
from memory.database import Database
from memory.journal import Journal
from memory.memories import Memories
from memory.missions import Missions
from memory.news import NewsDesk
from memory.shelves import MOST_AT_ONCE, Shelves
from memory.temporary import Temporary


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as opened:
        yield opened


async def said(database: Database, talk: str, user: str = "ada", goal: str = "") -> None:
    goal = goal or f"goal of {talk}"
    await Missions(database).accept(mission(f"m {talk}", talk, user, goal), f"{talk} said", title=short_title(goal))


async def ended(database: Database, talk: str, status: Status = Status.COMPLETED, answer: str = "Done.") -> None:
    attempt = await Missions(database).start_attempt(f"m {talk}")
    writer = await Journal(database).writer(f"m {talk}", attempt)
    writer.add(MissionEnded(mission_id=f"m {talk}", status=status, answer=answer, usage=Usage()))
    await writer.flush()
    await writer.close()


async def ids(database: Database, which: str = "open", **more: str) -> list[str]:
    return [one.id for one in await Shelves(database).list("ada", which, **more)]  # type: ignore[arg-type]


async def test_pins_come_first_and_archived_ones_leave_the_list(database: Database) -> None:
    for talk in ("a", "b", "c"):
        await said(database, talk)
    shelves = Shelves(database)
    assert await ids(database) == ["c", "b", "a"]
    assert await shelves.change("ada", ["a"], "pin") == 1
    assert await shelves.change("ada", ["b"], "archive") == 1
    assert await ids(database) == ["a", "c"]
    assert (await ids(database, "pinned"), await ids(database, "archived")) == (["a"], ["b"])
    assert await ids(database, "all") == ["a", "c", "b"]
    assert [c.id for c in await Conversations(database).list("ada")] == ["c", "a"]
    await shelves.change("ada", ["b"], "unarchive")
    await shelves.change("ada", ["a"], "unpin")
    assert await ids(database) == ["c", "b", "a"]


async def test_a_project_holds_conversations_and_leaves_them_behind(database: Database) -> None:
    await said(database, "a")
    await said(database, "b")
    shelves = Shelves(database)
    spring = await shelves.create("ada", "  Spring \n campaign ")
    with pytest.raises(Conflict, match="Spring campaign"):
        await shelves.create("ada", "Spring campaign")
    for bad in ("", "x" * 101):
        with pytest.raises(BadInput):
            await shelves.create("ada", bad)
    await shelves.change("ada", ["a"], "move", spring.id)
    assert await ids(database, project=spring.id) == ["a"]
    assert await ids(database, project="") == ["b"]
    assert [(p.name, p.count) for p in await shelves.projects("ada")] == [("Spring campaign", 1)]
    await shelves.rename(spring.id, "ada", "Summer")
    await shelves.remove(spring.id, "ada")
    assert await shelves.projects("ada") == []
    assert await ids(database, project="") == ["b", "a"]


async def test_nothing_of_another_person_is_changed(database: Database) -> None:
    await said(database, "a")
    await said(database, "bobs", "bob")
    shelves = Shelves(database)
    project = await shelves.create("bob", "Bob's")
    for change in (
        shelves.change("ada", ["a", "bobs"], "pin"),
        shelves.change("ada", ["a"], "move", project.id),
        shelves.rename(project.id, "ada", "Mine"),
        shelves.remove(project.id, "ada"),
    ):
        with pytest.raises(NotFound):
            await change
    assert await ids(database, "pinned") == []
    assert [p.name for p in await shelves.projects("bob")] == ["Bob's"]
    with pytest.raises(BadInput, match="explode"):
        await shelves.change("ada", ["a"], "explode")
    with pytest.raises(BadInput, match="At most"):
        await shelves.change("ada", [str(n) for n in range(MOST_AT_ONCE + 1)], "pin")


async def test_what_happened_is_unread_until_it_is_seen(database: Database) -> None:
    desk = NewsDesk(database)
    for talk in ("a", "b", "c"):
        await said(database, talk)
    assert await desk.unread("ada") == []
    await ended(database, "a")
    await ended(database, "b", Status.FAILED)
    await ended(database, "c", Status.CANCELLED)  # one's own order is no news
    assert [(n.conversation_id, n.what) for n in await desk.unread("ada")] == [("b", "failed"), ("a", "completed")]
    assert await desk.unread("bob") == []
    assert await desk.seen("a", "bob") is False
    assert await desk.seen("a", "ada") is True
    assert [n.conversation_id for n in await desk.unread("ada")] == ["b"]
    assert await ids(database, "unread") == ["b"]
    await desk.seen("a", "ada", unread=True)
    assert {n.conversation_id for n in await desk.unread("ada")} == {"a", "b"}
    await Shelves(database).change("ada", ["a", "b"], "read")
    assert await desk.unread("ada") == []


async def test_a_question_while_others_work_is_news_and_changes_the_fingerprint(database: Database) -> None:
    desk = NewsDesk(database)
    await said(database, "a")
    attempt = await Missions(database).start_attempt("m a")
    before = await desk.fingerprint("ada")
    writer = await Journal(database).writer("m a", attempt)
    writer.add(QuestionAsked(mission_id="m a", task_id="t1", step="t1/1.0", question="Which?"))
    await writer.flush()
    await writer.close()
    assert [n.what for n in await desk.unread("ada")] == ["needs_you"]
    assert await desk.fingerprint("ada") != before
    assert await desk.fingerprint("bob") == await desk.fingerprint("nobody")


async def title_of(database: Database, talk: str) -> str:
    rows = await database.rows(select(tables.conversations.c.title).where(tables.conversations.c.id == talk))
    return str(rows[0].title)


async def test_a_title_gets_better_after_the_answer_but_a_given_one_stays(database: Database) -> None:
    answer = "# Revenue of the south\n\nIt fell."
    for talk, goal in (("vague", "Why?"), ("clear", "Please compare the two offers for the van"), ("given", "Why?")):
        await said(database, talk, goal=goal)
    await Conversations(database).rename("given", "ada", "Mine")
    for talk in ("vague", "clear", "given"):
        await ended(database, talk, answer=answer)
    assert await title_of(database, "vague") == "Revenue of the south"
    assert await title_of(database, "clear") == "Compare the two offers for the van"
    assert await title_of(database, "given") == "Mine"


async def test_a_temporary_conversation_keeps_no_facts_and_is_on_no_shelf(database: Database) -> None:
    talk = await Temporary(database).begin("ada")
    await said(database, talk)
    assert await ids(database, "all") == []
    with pytest.raises(NotFound):
        await Shelves(database).change("ada", [talk], "pin")
    fact = Memory(id="f", user_id="ada", text="A fact", conversation_id=talk, created_at=now())
    with pytest.raises(BadInput, match="temporary"):
        await Memories(database).keep(fact)
    assert await Memories(database).of_user("ada") == []
