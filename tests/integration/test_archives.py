"""Archives: hostile ones are refused as a whole with nothing left anywhere; honest ones come out as they went in."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import tarfile
import zipfile
from pathlib import Path

import pytest
from hostile_archives import HOSTILE, tarred, zipped
from tools_fixtures import Desk

from core.errors import BadInput
from tools.archive_worker import answer
from tools.archives import pack


def everything(folder: Path) -> dict[str, int]:
    """List all there is below a folder, links and folders included, with sizes."""
    return {str(p.relative_to(folder)): p.lstat().st_size for p in folder.rglob("*")}


@pytest.mark.parametrize("name", HOSTILE)
async def test_a_hostile_archive_is_refused_and_leaves_nothing(tmp_path: Path, name: str) -> None:
    home = tmp_path / "deep" / "home"
    desk = Desk(home)
    await desk.ask("write_file", name="here.txt", content="here")
    await desk.give("evil.zip", HOSTILE[name])
    before = everything(tmp_path)
    outcome = await desk.use("unpack_file", file="evil.zip")
    assert outcome.status == "failed", outcome.output
    assert outcome.output.endswith("Nothing was unpacked.")
    assert everything(tmp_path) == before
    assert not os.path.exists("/tmp/outside.txt")  # noqa: ASYNC240
    assert "Unpacked" not in await desk.ask("list_changes")


HONEST = {
    "zip": zipped(("docs/read me.txt", b"hello"), ("docs/", b""), ("data/ü.csv", b"a,b\n1,2\n"), ("empty.txt", b"")),
    "zip stored": zipped(("docs/read me.txt", b"hello"), ("data/ü.csv", b"a,b\n1,2\n"), ("empty.txt", b""), method=0),
    "tar": tarred(("./docs/read me.txt", b"hello"), ("data/ü.csv", b"a,b\n1,2\n"), ("empty.txt", b"")),
}
HONEST |= {
    f"tar.{name}": packed(HONEST["tar"])
    for name, packed in (("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress))
}
HONEST["tar.gz in two members"] = gzip.compress(HONEST["tar"][:700]) + gzip.compress(HONEST["tar"][700:])


@pytest.mark.parametrize("name", HONEST)
async def test_an_honest_archive_comes_out_whole(tmp_path: Path, name: str) -> None:
    desk = Desk(tmp_path)
    await desk.give("project.zip", HONEST[name])
    outcome = await desk.use("unpack_file", file="project.zip")
    assert outcome.status == "ok", outcome.output
    assert outcome.tainted
    made = {p.relative_to(desk.workspace).as_posix(): p.read_bytes() for p in desk.workspace.rglob("*") if p.is_file()}
    assert made == {
        "project/docs/read me.txt": b"hello", "project/data/ü.csv": b"a,b\n1,2\n", "project/empty.txt": b"",
    }  # fmt: skip
    assert {artifact.name for artifact in outcome.artifacts} == set(made)


async def test_what_is_there_is_not_overwritten_and_unpacking_can_be_undone(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.give("project.zip", HONEST["zip"])
    await desk.ask("write_file", name="project/empty.txt", content="mine")
    assert "There is a file project/empty.txt already" in (await desk.use("unpack_file", file="project.zip")).output
    assert "docs" not in os.listdir(desk.workspace / "project")
    await desk.ask("unpack_file", file="project.zip", into="other")
    assert (desk.workspace / "other/docs/read me.txt").read_bytes() == b"hello"
    await desk.ask("undo_change", change=2)
    assert sorted(os.listdir(desk.workspace)) == ["project"]


async def test_large_contents_come_out_exactly(tmp_path: Path) -> None:
    chance = random.Random(9)
    parts = {f"{n}.bin": chance.randbytes(chance.randint(1, 900_000)) for n in range(12)} | {"zeros": b"\0" * 9_000_000}
    for packed in (gzip.compress, bz2.compress, lzma.compress, bytes):
        desk = Desk(tmp_path / packed.__module__)
        await desk.give("a.tar", tarred(*parts.items(), packed=packed))
        await desk.ask("unpack_file", file="a.tar")
        assert {p.name: p.read_bytes() for p in (desk.workspace / "a").iterdir()} == parts


async def test_files_are_packed_the_same_each_time_and_come_out_again(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.give("given.csv", "a,b\n")
    await desk.ask("write_file", name="notes/one.md", content="# One")
    for name in ("all.zip", "all.tar.gz"):
        told = await desk.use("pack_files", files=["given.csv", "notes/one.md"], name=name)
        assert told.status == "ok", told.output
        first = (desk.workspace / name).read_bytes()
        await desk.ask("pack_files", files=["given.csv", "notes/one.md"], name=f"again/{name}")
        assert (desk.workspace / "again" / name).read_bytes() == first
        await desk.ask("unpack_file", file=name, into=f"out-{name}")
        assert (desk.workspace / f"out-{name}/notes/one.md").read_text() == "# One"
        assert (desk.workspace / f"out-{name}/given.csv").read_text() == "a,b\n"
    assert "must end in .zip or .tar.gz" in (await desk.use("pack_files", files=["given.csv"], name="x.rar")).output
    assert "There is no file" in (await desk.use("pack_files", files=["none"], name="x.zip")).output


def test_a_name_that_cannot_be_in_an_archive_becomes_a_number() -> None:
    packed = pack(
        "a.zip", {"../evil\u202e.txt": lambda: io.BytesIO(b"x"), "good.txt": lambda: io.BytesIO(b"y")}, 10_000
    )
    assert zipfile.ZipFile(io.BytesIO(packed)).namelist() == ["file-1.txt", "good.txt"]
    with pytest.raises(BadInput, match="would have"):
        pack("a.zip", {"a": lambda: io.BytesIO(random.Random(1).randbytes(20_000))}, 10_000)


def test_a_thousand_damaged_archives_are_refused_or_read_but_never_break_the_reader(tmp_path: Path) -> None:
    """Bytes are flipped, cut out and doubled in honest archives; whatever comes out has names fit for a workspace."""
    chance = random.Random(11)
    originals = list(HONEST.values())
    refused = 0
    for _ in range(1_000):
        content = bytearray(chance.choice(originals))
        for _ in range(chance.randint(1, 6)):
            at = chance.randrange(len(content))
            match chance.randrange(3):
                case 0:
                    content[at] = chance.randrange(256)
                case 1:
                    del content[at : at + chance.randint(1, 40)]
                case _:
                    content[at:at] = content[at : at + chance.randint(1, 40)]
        out = io.BytesIO()
        found = answer(io.BytesIO(bytes(content)), out)
        refused += "problem" in found
        for name, size in found.get("result", []):
            assert not name.startswith("/")
            assert ".." not in name.split("/")
            assert 0 <= size <= len(out.getvalue())
    assert refused > 500


def test_the_hostile_archives_are_real(tmp_path: Path) -> None:
    """A plain extraction of the same archives does harm: so the refusals above mean something."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    with tarfile.open(fileobj=io.BytesIO(HOSTILE["tar up and out"])) as archive:
        archive.extractall(tmp_path / "a" / "b", filter="fully_trusted")
    assert (tmp_path / "a" / "outside.txt").read_bytes() == b"x"
    with tarfile.open(fileobj=io.BytesIO(HOSTILE["tar link"])) as archive:
        archive.extractall(tmp_path / "c", filter="fully_trusted")
    assert (tmp_path / "c" / "a").is_symlink()
    assert len(HOSTILE["tar gz bomb"]) < 100_000
