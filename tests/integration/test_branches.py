"""Branches: the shared beginning is seen from all of them, nothing else is, and it outlives whichever is deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from store_fixtures import mission, store

from core.errors import BadInput, Conflict, NotFound
from core.events import ArtifactMade, MissionEnded
from core.missions import Artifact, Attachment, Status, new_id
from memory import branches, lineage
from memory.conversations import Conversations
from memory.database import Database
from memory.feedback import Feedback
from memory.files import Files
from memory.journal import Journal
from memory.missions import Missions


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as database:
        yield database


async def say(
    database: Database, conversation_id: str, goal: str, *files: Attachment, made: str = "", answer: str = ""
) -> str:
    """Say something in a conversation of Ada's and have it answered; returns the mission's id, which is the goal."""
    given = mission(goal, conversation_id, "ada", goal, *files)
    await Missions(database).accept(given, f"message of {goal}", title=goal)
    writer = await Journal(database).writer(goal, await Missions(database).start_attempt(goal))
    if made:
        artifact = Artifact(id=new_id(), name=f"{made}.txt", hash=made, size=1, mime="")
        writer.add(ArtifactMade(mission_id=goal, artifact=artifact))
    writer.add(MissionEnded(mission_id=goal, status=Status.COMPLETED, answer=answer or f"re {goal}"))
    await writer.close()
    return goal


async def give(database: Database, conversation_id: str, name: str) -> Attachment:
    return await Files(database).receive(
        "ada", conversation_id, name=name, content_hash=name, size=1, mime="text/plain"
    )


async def shown(database: Database, conversation_id: str) -> list[str]:
    return [row.mission.id for row in await Missions(database).in_view(conversation_id)]


async def family(database: Database) -> Conversations:
    """Hold `a` (a1 a2 a3 a4), `b` (a1 a2 b1 b2) and `c` (a1 a2 b1 c1): a branch, and a branch of it."""
    conversations = Conversations(database)
    for goal in ("a1", "a2", "a3", "a4"):
        await say(database, "a", goal)
    await conversations.branch("a", "a3", "ada", new="b")
    for goal in ("b1", "b2"):
        await say(database, "b", goal)
    await conversations.branch("b", "b2", "ada", new="c")
    await say(database, "c", "c1")
    return conversations


async def test_a_branch_begins_with_what_was_said_before_it(database: Database) -> None:
    conversations = await family(database)
    assert await shown(database, "a") == ["a1", "a2", "a3", "a4"]
    assert await shown(database, "b") == ["a1", "a2", "b1", "b2"]
    assert await shown(database, "c") == ["a1", "a2", "b1", "c1"]
    said = [m.text for m in await conversations.messages("c", user_id="ada")]
    assert said == ["a1", "re a1", "a2", "re a2", "b1", "re b1", "c1", "re c1"]
    assert [m.text for m in await conversations.messages("a")][-2:] == ["a4", "re a4"]
    assert await conversations.messages("c", user_id="bob") == []
    known = [s.text for s in await conversations.history("c", before_mission="c1")]
    assert known == ["a1", "re a1", "a2", "re a2", "b1", "re b1"]
    assert [s.text for s in await conversations.history("c", before_mission="c1", limit=1)] == ["re b1"]
    assert sorted(await conversations.set_aside("c")) == ["a3", "a4", "b2"]
    assert sorted(await conversations.set_aside("a")) == ["b1", "b2", "c1"]
    assert [row.mission.id for row in await Missions(database).of_conversation("b")] == ["b1", "b2"]


async def test_each_says_where_the_others_go_on(database: Database) -> None:
    conversations = await family(database)

    async def forks(conversation_id: str) -> list[tuple[str, str, bool]]:
        found = await conversations.forks(conversation_id, "ada")
        return [(f.mission_id, f.conversation_id, f.origin) for f in found]

    assert await forks("a") == [("a3", "b", False)]
    assert await forks("b") == [("b1", "a", True), ("b2", "c", False)]
    assert await forks("c") == [("b1", "a", True), ("c1", "b", True)]
    with pytest.raises(NotFound):
        await conversations.forks("a", "bob")


async def test_versions_of_one_message_hang_side_by_side(database: Database) -> None:
    conversations = await family(database)
    await conversations.branch("b", "b1", "ada", new="d")  # another version of what made `b`
    await say(database, "d", "d1")
    await conversations.branch("d", "d1", "ada", new="e")
    await say(database, "e", "e1")
    assert {(await conversations.get(i, "ada")).branch_of for i in ("b", "d", "e")} == {"a"}
    assert [f.conversation_id for f in await conversations.forks("e", "ada")] == ["a", "b", "d"]
    assert [f.mission_id for f in await conversations.forks("e", "ada")] == ["e1"] * 3
    assert await shown(database, "e") == ["a1", "a2", "e1"]


async def test_a_message_before_the_branch_is_changed_where_it_was_said(database: Database) -> None:
    conversations = await family(database)
    await conversations.branch("c", "a2", "ada", new="d")
    await say(database, "d", "d1")
    assert await shown(database, "d") == ["a1", "d1"]
    assert (await conversations.get("d", "ada")).branch_of == "a"
    for hidden in ("a3", "a4", "b2", "d1", "no such"):
        with pytest.raises(NotFound):
            await conversations.branch("c", hidden, "ada")


async def test_the_first_message_can_be_changed_too(database: Database) -> None:
    conversations = await family(database)
    await conversations.branch("a", "a1", "ada", new="d", retitled=True)
    await say(database, "d", "d1")
    assert await shown(database, "d") == ["d1"]
    assert (await conversations.get("d", "ada")).title == "d1"
    assert [(f.mission_id, f.conversation_id) for f in await conversations.forks("d", "ada")] == [("d1", "a")]


async def test_the_same_branch_twice_is_one_and_titles_are_counted(database: Database) -> None:
    conversations = await family(database)
    again = await conversations.branch("a", "a3", "ada", new="b")
    assert (again.id, again.title, again.branch_of) == ("b", "a1 (2)", "a")
    assert (await conversations.get("c", "ada")).title == "a1 (3)"
    assert await shown(database, "b") == ["a1", "a2", "b1", "b2"]
    begun = await conversations.branch("a", "a3", "ada")
    assert begun.id not in {c.id for c in await conversations.list("ada")}  # nothing was said in it yet
    assert {f.conversation_id for f in await conversations.forks("a", "ada")} == {"b"}


async def test_nobody_branches_from_another_persons_conversation(database: Database) -> None:
    conversations = await family(database)
    await Missions(database).accept(mission("bobs", "his", "bob"), "m", title="his")
    for conversation_id, before, user_id, new in (
        ("a", "a3", "bob", "x"),
        ("his", "a3", "bob", "x"),
        ("a", "bobs", "ada", "x"),
        ("his", "bobs", "bob", "b"),  # an id that is taken by Ada
    ):
        with pytest.raises(NotFound):
            await conversations.branch(conversation_id, before, user_id, new=new)
    with pytest.raises(NotFound):
        await conversations.hand_over("a", "bob")
    assert await shown(database, "b") == ["a1", "a2", "b1", "b2"]


async def test_what_comes_before_must_be_done(database: Database) -> None:
    conversations = await family(database)
    await Missions(database).accept(mission("a5", "a"), "message of a5", title="")
    await say(database, "a", "a6")
    with pytest.raises(Conflict, match="still being worked on"):
        await conversations.branch("a", "a6", "ada")
    await conversations.branch("a", "a5", "ada")  # itself it may be at work: it goes on where it is


async def test_deleting_the_original_leaves_its_branches_whole(database: Database) -> None:
    conversations = await family(database)
    await conversations.branch("a", "a2", "ada", new="d")  # shares less than `b`
    await say(database, "d", "d1")
    await conversations.branch("a", "a3", "ada", new="e")  # shares as much as `b`
    await say(database, "e", "e1")
    await conversations.delete("a", "ada")
    views = {i: await shown(database, i) for i in "abcde"}
    assert views == {
        "a": [], "b": ["a1", "a2", "b1", "b2"], "c": ["a1", "a2", "b1", "c1"], "d": ["a1", "d1"], "e": ["a1", "a2", "e1"],
    }  # fmt: skip
    assert [m.text for m in await conversations.messages("e")] == ["a1", "re a1", "a2", "re a2", "e1", "re e1"]
    with pytest.raises(NotFound):
        await Missions(database).get("a3")
    assert [f.conversation_id for f in await conversations.forks("b", "ada")] == ["d", "e", "c"]
    for conversation_id in "becd":
        await conversations.delete(conversation_id, "ada")
    assert await conversations.list("ada") == []
    with pytest.raises(NotFound):
        await Missions(database).get("a1")


@pytest.mark.parametrize("order", ["abc", "acb", "bac", "bca", "cab", "cba"])
async def test_in_whatever_order_they_go_the_rest_stays_as_it_was(database: Database, order: str) -> None:
    conversations = await family(database)
    before = {i: await conversations.messages(i) for i in "abc"}
    for gone, left in ((order[0], order[1:]), (order[1], order[2:])):
        await conversations.delete(gone, "ada")
        assert {i: await conversations.messages(i) for i in left} == {i: before[i] for i in left}


async def test_files_before_the_branch_are_there_and_later_ones_are_not(database: Database) -> None:
    conversations, files = Conversations(database), Files(database)
    first = await give(database, "a", "first")
    await say(database, "a", "a1", first, made="made-first")
    changed = await give(database, "a", "changed")
    await say(database, "a", "a2", changed, made="made-later")
    await conversations.branch("a", "a2", "ada", new="b")

    async def names(conversation_id: str) -> list[str]:
        return [row.attachment.name for row in await files.of_conversation(conversation_id, "ada")]

    assert await names("b") == ["first", "changed"]  # what came with the changed message is given again
    rows = await files.of_conversation("b", "ada")
    assert [row.conversation_id for row in rows] == ["a", "b"]
    assert rows[1].attachment.id != changed.id
    await say(database, "b", "b1", rows[1].attachment)
    await say(database, "b", "b2", await give(database, "b", "own"))
    assert await names("a") == ["first", "changed"]
    assert await names("b") == ["first", "changed", "own"]
    assert await files.of_conversation("b", "bob") == []
    assert [made.name for made in await files.shared("b")] == ["made-first.txt"]
    assert await files.shared("a") == []
    assert await files.any_made("b")

    assert await conversations.delete("a", "ada") == ["made-later"]  # the rest is used by the branch
    assert await names("b") == ["first", "changed", "own"]
    assert await files.get(first.id, "ada") == first
    assert await conversations.delete("b", "ada") == ["changed", "first", "made-first", "own"]


async def test_an_opinion_on_a_shared_answer_is_one_opinion(database: Database) -> None:
    conversations, feedback = await family(database), Feedback(database)
    shared, own = branches.run_id("a1"), branches.run_id("c1")
    await feedback.give("ada", "c", shared, 1)
    await feedback.give("ada", "c", own, 0)
    assert [o.for_id for o in await feedback.of_conversation("a", "ada")] == [shared]
    await conversations.delete("c", "ada")
    await conversations.delete("a", "ada")
    assert [(o.for_id, o.value) for o in await feedback.of_conversation("b", "ada")] == [(shared, 1)]


async def test_the_depth_of_branches_is_bounded(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (branches, lineage):
        monkeypatch.setattr(module, "DEEPEST", 3)
    conversations = await family(database)
    await say(database, "c", "c2")
    with pytest.raises(Conflict, match="branch of a branch"):
        await conversations.branch("c", "c2", "ada")
    assert await shown(database, "c") == ["a1", "a2", "b1", "c1", "c2"]


async def test_two_changes_at_once_are_noticed(database: Database) -> None:
    conversations = Conversations(database)
    await say(database, "a", "a1")
    seen = await conversations.get("a", "ada")
    renamed = await conversations.rename("a", "ada", "Plans", seen.version)
    assert (renamed.title, renamed.version) == ("Plans", seen.version + 1)
    with pytest.raises(Conflict, match=r"^ada changed this conversation on \d{4}-.* UTC: it is called “Plans” now"):
        await conversations.change("a", "ada", title="Figures", step_mode=True, version=seen.version)
    assert await conversations.get("a", "ada") == renamed
    assert await conversations.rename("a", "ada", "Plans", seen.version) == renamed  # wanted and got the same
    stepped = await conversations.change("a", "ada", step_mode=True, version=renamed.version)
    assert (stepped.step_mode, stepped.version) == (True, renamed.version + 1)
    assert (await conversations.rename("a", "ada", "No version known")).version == stepped.version + 1
    with pytest.raises(BadInput):
        await conversations.change("a", "ada", title="  ", version=1)
    with pytest.raises(NotFound):
        await conversations.change("a", "bob", title="Mine", version=1)
    await say(database, "a", "a2")
    assert (await conversations.get("a", "ada")).version == stepped.version + 1  # what is said is no change of it
