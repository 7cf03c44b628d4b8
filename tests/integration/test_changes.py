"""Changes of files: each step on record, undone and done again, the same after a crash, and never half."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
from tools_fixtures import Desk

from core.errors import ToolFailure
from core.ports import FileChange, ToolOutcome
from tools.changes import Changes
from tools.folder import Folder
from tools.workspace import Workspace


def at_step(desk: Desk, number: int) -> None:
    desk.context = desk.context.model_copy(update={"step": f"t1/{number}.0"})


def contents(desk: Desk) -> dict[str, bytes]:
    root = desk.workspace
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


async def done(desk: Desk, name: str, /, **arguments: Any) -> ToolOutcome:
    """Use a tool at a step of its own; it must succeed."""
    at_step(desk, len(desk.changes.changes) + 1)
    outcome = await desk.use(name, **arguments)
    assert outcome.status == "ok", outcome.output
    return outcome


async def test_every_kind_of_change_is_listed_and_can_be_undone_and_done_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    states = [contents(desk)]
    for name, arguments in (
        ("write_file", {"name": "a.md", "content": "one\ntwo\n"}),
        ("write_file", {"name": "a.md", "content": "one\ntwo\nthree\n"}),
        ("patch_file", {"file": "a.md", "find": "two", "replace": "2"}),
        ("move_file", {"file": "a.md", "name": "deep/er/b.md"}),
        ("write_file", {"name": "a.md", "content": "new"}),
        ("delete_file", {"file": "deep/er/b.md"}),
    ):
        await done(desk, name, **arguments)
        states.append(contents(desk))
    assert states[4] == {"deep/er/b.md": b"one\n2\nthree\n"}
    assert states[6] == {"a.md": b"new"}
    assert not (desk.workspace / "deep").exists()
    assert await desk.ask("list_changes") == (
        "1. Wrote a.md\n2. Wrote a.md\n3. Changed a part of a.md\n4. Renamed a.md to deep/er/b.md\n5. Wrote a.md\n"
        "6. Deleted deep/er/b.md"
    )
    for number in range(6, 0, -1):
        await done(desk, "undo_change", change=number)
        assert contents(desk) == states[number - 1]
    listed = await desk.ask("list_changes")
    assert listed.count("- undone") == 6
    await done(desk, "undo_change", change=12)  # the undoing of the first
    assert contents(desk) == states[1]
    assert (await desk.ask("list_changes")).startswith("1. Wrote a.md\n")


async def test_undoing_says_what_hinders_it(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await done(desk, "write_file", name="a.md", content="one")
    await done(desk, "write_file", name="a.md", content="two")
    at_step(desk, 90)
    early = await desk.use("undo_change", change=1)
    assert (early.status, contents(desk)) == ("failed", {"a.md": b"two"})
    assert "a.md was changed again since. Undo the later changes of it first." in early.output
    await done(desk, "undo_change", change=2)
    at_step(desk, 91)
    assert "was undone already" in (await desk.use("undo_change", change=2)).output
    assert "There is no change 9" in (await desk.use("undo_change", change=9)).output


async def test_a_call_made_again_after_a_crash_makes_the_same_change_once(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await done(desk, "write_file", name="a.md", content="old")
    at_step(desk, 5)
    for _ in range(3):
        assert "Changed a part of a.md" in await desk.ask("patch_file", file="a.md", find="old", replace="new")
    for _ in range(2):  # not even there any more, when it is made again
        at_step(desk, 6)
        assert "b.md" in await desk.ask("move_file", file="a.md", name="b.md")
    assert contents(desk) == {"b.md": b"new"}
    assert len(desk.changes.changes) == 3
    await done(desk, "undo_change", change=3)
    await done(desk, "undo_change", change=2)
    assert contents(desk) == {"a.md": b"old"}


async def test_a_call_made_again_after_a_crash_leaves_later_work_alone(tmp_path: Path) -> None:
    """Between the change and the word that it was made, another task wrote the file anew, or a person took the change back."""
    desk = Desk(tmp_path)
    await done(desk, "write_file", name="a.md", content="first")
    await done(desk, "write_file", name="a.md", content="another's")
    at_step(desk, 1)
    assert "Wrote a.md" in await desk.ask("write_file", name="a.md", content="first")
    assert contents(desk) == {"a.md": b"another's"}
    await done(desk, "undo_change", change=2)
    await done(desk, "undo_change", change=1)
    at_step(desk, 1)
    await desk.ask("write_file", name="a.md", content="first")
    assert contents(desk) == {}


async def test_undoing_is_refused_though_a_file_looks_as_it_did(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for content in ("A", "B", "A"):  # the last one is later work: somebody wanted A back
        await done(desk, "write_file", name="plan.md", content=content)
    at_step(desk, 90)
    early = await desk.use("undo_change", change=1)
    assert (early.status, contents(desk)) == ("failed", {"plan.md": b"A"})
    assert "plan.md was changed again since. Undo the later changes of it first." in early.output
    for number in (3, 2, 1):
        await done(desk, "undo_change", change=number)
    assert contents(desk) == {}


@pytest.mark.parametrize("writes", [0, 1, 2, 3])
async def test_a_crash_in_the_middle_is_finished_or_taken_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    """The process dies after so many files of a change: made again it is whole, and undoing it gives back what was there."""
    desk, left = Desk(tmp_path), [writes]
    await done(desk, "write_file", name="a.txt", content="before")
    real = Workspace.write

    class Died(BaseException):
        pass

    def dying(self: Workspace, name: str, content: bytes) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Died
        return real(self, name, content)

    changes = Changes.at(tmp_path / "workspaces", desk.blobs, desk.changes)
    context = desk.context.model_copy(update={"step": "t1/9.0", "effect_key": "k"})

    async def plan(_: Folder) -> dict[str, bytes | None]:
        return {"a.txt": b"after", "b.txt": b"b", "c/d.txt": b"d"}

    monkeypatch.setattr(Workspace, "write", dying)
    if writes < 3:
        with pytest.raises(Died):
            await changes.make(context, "Wrote three", plan)
    monkeypatch.setattr(Workspace, "write", real)
    again = await changes.make(context, "Wrote three", plan)
    assert contents(desk) == {"a.txt": b"after", "b.txt": b"b", "c/d.txt": b"d"}
    other = context.model_copy(update={"step": "t1/10.0"})
    await changes.undo(other, again.id)
    assert contents(desk) == {"a.txt": b"before"}


async def test_a_change_that_fails_half_way_is_taken_back_and_off_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(tmp_path)
    await done(desk, "write_file", name="a.txt", content="before")
    changes = Changes.at(tmp_path / "workspaces", desk.blobs, desk.changes)
    real = Workspace.write

    def full(self: Workspace, name: str, content: bytes) -> Any:
        if name == "c.txt":
            raise ToolFailure("c.txt could not be written (no space left on device). Try another name.")
        return real(self, name, content)

    async def plan(_: Folder) -> dict[str, bytes | None]:
        return {"a.txt": b"after", "b.txt": b"b", "c.txt": b"c"}

    monkeypatch.setattr(Workspace, "write", full)
    with pytest.raises(ToolFailure, match="no space left"):
        await changes.make(desk.context.model_copy(update={"step": "t1/9.0"}), "Wrote three", plan)
    assert contents(desk) == {"a.txt": b"before"}
    assert len(desk.changes.changes) == 1


async def test_files_the_user_gave_are_never_changed(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.give("given.txt", "theirs")
    await done(desk, "write_file", name="mine.txt", content="mine")
    for name, arguments in (
        ("write_file", {"name": "given.txt", "content": "x"}),
        ("patch_file", {"file": "given.txt", "find": "theirs", "replace": "x"}),
        ("move_file", {"file": "given.txt", "name": "x.txt"}),
        ("move_file", {"file": "mine.txt", "name": "Given.TXT"}),
        ("delete_file", {"file": "given.txt"}),
        ("pack_files", {"files": ["mine.txt"], "name": "given.txt"}),
    ):
        at_step(desk, 50)
        assert (await desk.use(name, **arguments)).status == "failed", name
    assert contents(desk) == {"mine.txt": b"mine"}
    assert await desk.ask("read_file", file="given.txt") == "given.txt, lines 1-1 of 1\ntheirs"


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("patch_file", {"file": "a.md", "find": "zebra", "replace": "x"}, "does not stand in the file"),
        ("patch_file", {"file": "a.md", "find": "one  two", "replace": "x"}, "but for spaces or newlines"),
        ("patch_file", {"file": "a.md", "find": "o", "replace": "x"}, "stands 3 times"),
        ("patch_file", {"file": "a.md", "find": "one", "replace": "one"}, "leave a.md as it is"),
        ("patch_file", {"file": "a.md"}, "Give either find"),
        ("patch_file", {"file": "a.md", "find": "x", "diff": "y"}, "Give either find"),
        ("patch_file", {"file": "a.md", "diff": "hello"}, "no unified diff"),
        ("patch_file", {"file": "bytes.bin", "find": "x", "replace": "y"}, "no plain text in UTF-8"),
        ("patch_file", {"file": "none.md", "find": "x", "replace": "y"}, "There is no file"),
        ("move_file", {"file": "a.md", "name": "a.md"}, "already has this name"),
        ("move_file", {"file": "a.md", "name": "bytes.bin"}, "There is a file bytes.bin already"),
        ("move_file", {"file": "a.md", "name": "../a.md"}, "is no file name here"),
        ("move_file", {"file": "a.md", "name": "a.md/b.md"}, "would lie in a folder that is called like the file a.md"),
        ("write_file", {"name": "a.md/b.md", "content": "x"}, "not a directory"),
        ("delete_file", {"file": "../../etc/passwd"}, "There is no file"),
        ("unpack_file", {"file": "a.md"}, "is no zip or tar archive"),
        ("write_file", {"name": ".git/config", "content": "x"}, "is reserved"),
    ],
)
async def test_what_cannot_be_done_is_said_and_changes_nothing(
    tmp_path: Path, name: str, arguments: dict[str, Any], words: str
) -> None:
    desk = Desk(tmp_path)
    await done(desk, "write_file", name="a.md", content="one\ntwo\nfour\n")
    (desk.workspace / "bytes.bin").write_bytes(b"\xff\xfe\x00x")
    before = contents(desk)
    at_step(desk, 70)
    outcome = await desk.use(name, **arguments)
    assert outcome.status == "failed"
    assert words in outcome.output
    assert contents(desk) == before
    assert len(desk.changes.changes) == 1


async def test_what_went_with_another_conversation_is_kept_again(tmp_path: Path) -> None:
    """Contents are shared between conversations; one that is deleted takes along what only it had on record."""
    desk = Desk(tmp_path)
    await done(desk, "write_file", name="a.txt", content="shared")
    changes = Changes.at(tmp_path / "workspaces", desk.blobs, desk.changes)
    _, content_hash = (await changes.look(desk.context)).files["a.txt"]
    assert content_hash is not None
    desk.blobs.path(content_hash).unlink()
    assert (await changes.look(desk.context)).files["a.txt"][1] == content_hash
    assert desk.blobs.path(content_hash).read_bytes() == b"shared"


async def test_changes_at_the_same_time_do_not_lose_each_other(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await done(desk, "write_file", name="list.txt", content="".join(f"<{n}>" for n in range(12)))
    changes = Changes.at(tmp_path / "workspaces", desk.blobs, desk.changes)

    async def take_out(number: int) -> FileChange:
        async def plan(folder: Folder) -> dict[str, bytes | None]:
            with folder.workspace.read("list.txt") as file:
                return {"list.txt": file.read().replace(f"<{number}>".encode(), b"")}

        return await changes.make(desk.context.model_copy(update={"step": f"p{number}"}), f"Took {number}", plan)

    await asyncio.gather(*(take_out(n) for n in range(12)))
    assert contents(desk) == {"list.txt": b""}


async def test_any_order_of_changes_and_undoings_ends_where_it_should(tmp_path: Path) -> None:
    """Random steps beside a plain model of what the files must hold; undoing the last changes goes back through all of it."""
    chance = random.Random(21)
    desk = Desk(tmp_path)
    model: dict[str, bytes] = {}
    states = [dict(model)]
    names = ["a.txt", "b.txt", "deep/a.txt", "deep/er/b.txt"]
    for step in range(60):
        name, content = chance.choice(names), f"{step} words\n"
        at_step(desk, 100 + step)
        match chance.randrange(4):
            case 0 if name in model:
                outcome = await desk.use("delete_file", file=name)
                model.pop(name)
            case 1 if name in model and (other := chance.choice(names)) not in model:
                outcome = await desk.use("move_file", file=name, name=other)
                model[other] = model.pop(name)
            case 2 if name in model:
                outcome = await desk.use("patch_file", file=name, find="words", replace=f"words {step}")
                model[name] = model[name].replace(b"words", f"words {step}".encode())
            case _:
                outcome = await desk.use("write_file", name=name, content=content)
                model[name] = content.encode()
        assert outcome.status == "ok", outcome.output
        assert contents(desk) == model
        states.append(dict(model))
    for number in range(60, 0, -1):
        at_step(desk, 1_000 + number)
        await desk.ask("undo_change", change=number)
        assert contents(desk) == states[number - 1]
