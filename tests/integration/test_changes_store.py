"""Changes of files on record, on both databases: in order, by owner, gone with their conversation and their contents with them."""

from __future__ import annotations

from pathlib import Path

import pytest
from store_fixtures import mission, store

from core.errors import NotFound
from core.ports import ChangedFile, FileChange, ToolContext
from memory.blobs import Blobs
from memory.changes import FileChanges
from memory.conversations import Conversations
from memory.database import Database
from memory.missions import Missions
from tools.changes import Changes
from tools.folder import Folder

OLD, NEW, SHARED = "a" * 64, "b" * 64, "c" * 64


def change(change_id: str, mission_id: str = "m1", undoes: str = "", after: str | None = NEW) -> FileChange:
    files = (ChangedFile(name="a.md", before=OLD, after=after), ChangedFile(name="b.md", before=None, after=SHARED))
    return FileChange(
        id=change_id,
        mission_id=mission_id,
        task_id="t1",
        step=f"t1/{change_id}",
        words="Wrote",
        files=files,
        undoes=undoes,
    )


async def with_missions(database: Database) -> FileChanges:
    missions = Missions(database)
    for one in (mission("m1"), mission("m2"), mission("m3", "d", "bob")):
        await missions.accept(one, f"message {one.id}", "")
    return FileChanges(database)


async def test_changes_come_back_in_order_and_once(place: Path | str) -> None:
    async with store(place) as database:
        changes = await with_missions(database)
        first, second = change("z"), change("a", "m2", after=None)
        await changes.add(first)
        await changes.add(second)
        await changes.add(first.model_copy(update={"words": "Something else", "files": ()}))
        await changes.add(first.model_copy(update={"words": "Once more, with the same files"}))
        found = await changes.of_conversation("c", "ada")
        assert found == [first, second]
        assert await changes.of_mission("m2") == [second]
        assert await changes.find("z") == first
        assert await changes.find("none") is None
        await changes.drop("z")
        assert await changes.of_conversation("c", "ada") == [second]


async def test_what_was_undone_is_said_until_that_is_undone(place: Path | str) -> None:
    async with store(place) as database:
        changes = await with_missions(database)
        for one in (change("1"), change("2", "m2", undoes="1")):
            await changes.add(one)
        assert [c.undone for c in await changes.of_conversation("c", "ada")] == [True, False]
        assert [c.undone for c in await changes.of_mission("m1")] == [True]
        await changes.add(change("3", "m2", undoes="2"))
        assert [c.undone for c in await changes.of_conversation("c", "ada")] == [False, True, False]


async def test_nobody_sees_the_changes_of_others(place: Path | str) -> None:
    async with store(place) as database:
        changes = await with_missions(database)
        await changes.add(change("1"))
        assert await changes.of_conversation("c", "bob") == []
        assert await changes.of_conversation("d", "ada") == []


async def test_a_conversation_takes_its_kept_versions_with_it(place: Path | str) -> None:
    async with store(place) as database:
        changes = await with_missions(database)
        await changes.add(change("1"))
        await changes.add(
            FileChange(id="2", mission_id="m3", task_id=None, step="s", words="w",
                       files=(ChangedFile(name="x", before=SHARED, after=None),))
        )  # fmt: skip
        gone = await Conversations(database).delete("c", "ada")
        assert sorted(gone) == [OLD, NEW]  # what bob's change still needs stays
        assert await changes.of_conversation("c", "ada") == []
        assert sorted(await Conversations(database).delete("d", "bob")) == [SHARED]


async def test_a_person_undoes_what_is_theirs_and_nothing_else(tmp_path: Path) -> None:
    async with store(tmp_path / "staffwork.db") as database:
        await with_missions(database)
        changes = Changes.at(tmp_path / "workspaces", Blobs(tmp_path / "blobs"), FileChanges(database))
        context = ToolContext(
            mission_id="m1", conversation_id="c", user_id="ada", task_id="t1", step="t1/1.0", granted=()
        )

        async def plan(folder: Folder) -> dict[str, bytes | None]:
            return {"a.md": b"words"}

        made = await changes.make(context, "Wrote a.md", plan)
        file = tmp_path / "workspaces" / "c" / "a.md"
        assert file.read_bytes() == b"words"
        for stranger in (mission("m3", "d", "bob"), mission("m1", "c", "bob"), mission("m3", "d", "ada")):
            with pytest.raises(NotFound):
                await changes.undo_by_person(stranger, made.id)
        assert file.read_bytes() == b"words"
        undone = await changes.undo_by_person(mission("m1"), made.id)
        assert not file.exists()
        await changes.undo_by_person(mission("m1"), undone.id)
        assert file.read_bytes() == b"words"
        listed = await FileChanges(database).of_mission("m1")
        assert [(c.words, c.undone) for c in listed] == [
            ("Wrote a.md", False), ("Undid: Wrote a.md", True), ("Undid: Undid: Wrote a.md", False)
        ]  # fmt: skip
