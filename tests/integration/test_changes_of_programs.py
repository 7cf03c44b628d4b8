"""What a program changed in a workspace: noted once, undone, and said where it cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_changes import contents, done
from tools_fixtures import Desk

from tools.changes import Changes
from tools.folder import Folder


async def test_what_a_program_did_is_noted_and_can_be_undone(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await done(desk, "write_file", name="kept.txt", content="kept")
    await done(desk, "write_file", name="old.txt", content="old")
    changes = Changes.at(tmp_path / "workspaces", desk.blobs, desk.changes)
    context = desk.context.model_copy(update={"step": "t1/30.0"})
    seen = await changes.look(context)
    (desk.workspace / "old.txt").write_text("changed by a program")
    (desk.workspace / "chart.png").write_bytes(b"\x89PNG")
    (desk.workspace / "kept.txt").touch()
    noted = await changes.note(context, "Ran Python", seen)
    assert noted.change is not None
    assert [part.name for part in noted.files] == ["chart.png", "old.txt"]
    assert noted.lost == ()
    await changes.undo(context.model_copy(update={"step": "t1/31.0"}), noted.change.id)
    assert contents(desk) == {"kept.txt": b"kept", "old.txt": b"old"}
    assert (await changes.note(context, "Ran nothing", await changes.look(context))).change is None


async def test_what_cannot_be_kept_is_named_and_not_promised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.changes.LARGEST", 100)
    desk = Desk(tmp_path)
    await done(desk, "write_file", name="small.txt", content="small")
    changes = Changes.at(tmp_path / "workspaces", desk.blobs, desk.changes)
    (desk.workspace / "stays.bin").write_bytes(bytes(200))
    seen = await changes.look(desk.context)
    (desk.workspace / "large.bin").write_bytes(bytes(200))
    (desk.workspace / ".git").mkdir()
    (desk.workspace / ".git" / "HEAD").write_text("ref: refs/heads/main")
    (desk.workspace / "small.txt").write_bytes(bytes(200))
    noted = await changes.note(desk.context, "Ran Python", seen)
    assert noted.change is None
    assert noted.lost == ("large.bin", "small.txt", ".git/HEAD")


async def test_what_happens_while_a_program_runs_is_on_record_once(tmp_path: Path) -> None:
    """Two programs and a tool at the same time: each change is noted once, in an order in which all can be undone."""
    desk = Desk(tmp_path)
    await done(desk, "write_file", name="both.txt", content="0")
    changes = Changes.at(tmp_path / "workspaces", desk.blobs, desk.changes)
    at = [desk.context.model_copy(update={"step": f"t{n}/1.0"}) for n in range(1, 5)]
    first, second = await changes.look(at[0]), await changes.look(at[1])

    async def plan(_: Folder) -> dict[str, bytes | None]:
        return {"tool.txt": b"by a tool"}

    (desk.workspace / "both.txt").write_text("1")
    (desk.workspace / "one.txt").write_text("1")
    await changes.make(at[2], "Wrote tool.txt", plan)
    one = await changes.note(at[0], "Ran one", first)
    (desk.workspace / "both.txt").write_text("2")
    (desk.workspace / "one.txt").unlink()
    two = await changes.note(at[1], "Ran two", second)
    assert {p.name for p in one.files} == {"both.txt", "one.txt"}
    assert {p.name for p in two.files} == {"both.txt", "one.txt"}
    for number, noted in enumerate((two, one)):
        assert noted.change is not None
        await changes.undo(at[3].model_copy(update={"step": f"t9/{number}.0"}), noted.change.id)
    assert contents(desk) == {"both.txt": b"0", "tool.txt": b"by a tool"}


async def test_what_a_program_locked_away_is_still_there(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await done(desk, "write_file", name="deep/a.txt", content="a")
    changes = Changes.at(tmp_path / "workspaces", desk.blobs, desk.changes)
    seen = await changes.look(desk.context)
    (desk.workspace / "deep").chmod(0)
    desk.workspace.chmod(0)
    noted = await changes.note(desk.context, "Ran Python", seen)
    assert (noted.change, noted.lost) == (None, ())


async def test_a_program_that_a_person_had_run_again_is_noted_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    changes = Changes.at(tmp_path / "workspaces", desk.blobs, desk.changes)
    for text in ("one", "two"):
        seen = await changes.look(desk.context)
        (desk.workspace / "a.txt").write_text(text)
        assert (await changes.note(desk.context, "Ran Python", seen)).change is not None
    assert len(desk.changes.changes) == 2
