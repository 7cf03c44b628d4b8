"""Workspaces: files kept safely, and nothing leads out of them."""

from __future__ import annotations

import os
import stat
import sys
import threading
import time
from pathlib import Path

import pytest

import tools.workspace
from core.errors import BadInput, NotFound, ToolFailure
from tools.beneath import Opener, best_opener, by_kernel, by_steps
from tools.workspace import Workspace, Workspaces

OPENERS = [pytest.param(by_steps, id="steps")]
if best_opener() is by_kernel:
    OPENERS.append(pytest.param(by_kernel, id="kernel"))


@pytest.fixture(params=OPENERS)
def opener(request: pytest.FixtureRequest) -> Opener:
    chosen: Opener = request.param
    return chosen


@pytest.fixture
def workspace(tmp_path: Path, opener: Opener) -> Workspace:
    return Workspaces(tmp_path / "workspaces", opener).of("c1")


@pytest.fixture
def folder(tmp_path: Path, workspace: Workspace) -> Path:
    """The folder on disk of a workspace that already holds a file."""
    workspace.write("here.txt", b"here")
    return tmp_path / "workspaces" / "c1"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text("SECRET")
    return outside


def content(workspace: Workspace, name: str) -> bytes:
    with workspace.read(name) as file:
        return file.read()


@pytest.mark.skipif(sys.platform != "linux", reason="openat2 is a Linux call")
def test_linux_uses_the_kernel_where_it_may() -> None:
    assert best_opener() in (by_kernel, by_steps)


def test_write_read_replace_list(workspace: Workspace, folder: Path) -> None:
    assert workspace.write("drafts/2026/report.md", b"one").size == 3
    workspace.write("drafts/2026/report.md", "zwei ü".encode())
    assert content(workspace, "drafts/2026/report.md") == "zwei ü".encode()
    assert [(f.name, f.size) for f in workspace.files()] == [("drafts/2026/report.md", 7), ("here.txt", 4)]
    assert stat.S_IMODE((folder / "drafts/2026/report.md").stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sorted(os.listdir(folder / "drafts/2026")) == ["report.md"]


def test_an_empty_conversation_has_no_files_and_no_folder(tmp_path: Path) -> None:
    workspaces = Workspaces(tmp_path / "w")
    assert workspaces.of("new").files() == []
    with pytest.raises(NotFound):
        workspaces.of("new").read("x.txt")
    assert not (tmp_path / "w").exists()


def test_conversations_are_apart_and_can_be_removed(tmp_path: Path) -> None:
    workspaces = Workspaces(tmp_path)
    workspaces.of("a").write("x.txt", b"a")
    workspaces.of("b").write("x.txt", b"b")
    workspaces.remove("a")
    workspaces.remove("a")
    assert workspaces.of("a").files() == []
    assert content(workspaces.of("b"), "x.txt") == b"b"


@pytest.mark.parametrize("conversation_id", ["..", "", "a/b", ".", "a\x00", "ä", "x" * 101])
def test_a_conversation_id_is_never_a_path(tmp_path: Path, conversation_id: str) -> None:
    with pytest.raises(NotFound):
        Workspaces(tmp_path).of(conversation_id)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "/etc/passwd",
        "../outside/secret.txt",
        "a/../../outside/secret.txt",
        "a//b",
        "a/",
        "./a",
        "a\\b",
        "a\x00b",
        "a\nb",
        "a\x1b[2Jb",
        "invoice\u202efdp.exe",
        "zero\u200bwidth",
        "half\ud800",
        "line\u2028",
        " lead",
        "trail ",
        "x" * 201,
        "ü" * 101,
        "/".join("abcdefghi"),
        ".git/hooks/pre-commit",
        "a/.GIT/config",
        ".writing-1",
    ],
)
def test_names_that_are_no_names(workspace: Workspace, folder: Path, name: str) -> None:
    with pytest.raises(BadInput):
        workspace.write(name, b"x")
    with pytest.raises(BadInput):
        workspace.read(name)
    assert os.listdir(folder) == ["here.txt"]


@pytest.mark.parametrize(
    "name", ["a.txt", "ü" * 100, "/".join("abcdefgh"), "Q3 report (2).md", "日本語.md", ".env.example"]
)
def test_names_that_are_fine(workspace: Workspace, name: str) -> None:
    workspace.write(name, b"x")
    assert content(workspace, name) == b"x"


def test_one_name_whichever_way_its_accent_is_encoded(workspace: Workspace) -> None:
    workspace.write("cafe\u0301.txt", b"x")
    assert content(workspace, "caf\u00e9.txt") == b"x"


def test_links_lead_nowhere(workspace: Workspace, folder: Path, secret: Path) -> None:
    (folder / "link.txt").symlink_to(secret / "secret.txt")
    (folder / "relative.txt").symlink_to("../../outside/secret.txt")
    (folder / "inside.txt").symlink_to("here.txt")
    (folder / "dir").symlink_to(secret)
    (folder / "proc").symlink_to("/proc/self/root")
    for name in ("link.txt", "relative.txt", "inside.txt", "dir/secret.txt", "proc/etc/passwd"):
        with pytest.raises(NotFound):
            workspace.read(name)
    assert [f.name for f in workspace.files()] == ["here.txt"]


def test_writing_through_a_link_changes_nothing_outside(workspace: Workspace, folder: Path, secret: Path) -> None:
    (folder / "link.txt").symlink_to(secret / "secret.txt")
    (folder / "dir").symlink_to(secret)
    workspace.write("link.txt", b"mine")
    with pytest.raises(ToolFailure):
        workspace.write("dir/secret.txt", b"mine")
    with pytest.raises(ToolFailure):
        workspace.write("dir/new.txt", b"mine")
    assert (secret / "secret.txt").read_text() == "SECRET"
    assert os.listdir(secret) == ["secret.txt"]
    assert content(workspace, "link.txt") == b"mine"


def test_a_workspace_folder_that_is_a_link_is_not_followed(tmp_path: Path, opener: Opener, secret: Path) -> None:
    (tmp_path / "workspaces").mkdir()
    (tmp_path / "workspaces" / "c1").symlink_to(secret)
    workspace = Workspaces(tmp_path / "workspaces", opener).of("c1")
    with pytest.raises(NotFound):
        workspace.read("secret.txt")
    with pytest.raises(ToolFailure):
        workspace.write("x.txt", b"x")


def test_a_pipe_never_makes_anyone_wait(workspace: Workspace, folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    started = time.perf_counter()
    with pytest.raises(BadInput, match="ordinary"):
        workspace.read("pipe")
    assert [f.name for f in workspace.files()] == ["here.txt"]
    assert time.perf_counter() - started < 20


def test_a_folder_is_no_file(workspace: Workspace, folder: Path) -> None:
    (folder / "sub").mkdir()
    with pytest.raises(BadInput):
        workspace.read("sub")
    with pytest.raises(ToolFailure):
        workspace.write("sub", b"x")
    with pytest.raises(ToolFailure):
        workspace.write("here.txt/below.txt", b"x")
    assert sorted(os.listdir(folder)) == ["here.txt", "sub"]


def test_a_link_that_flips_under_our_hands_leaks_nothing(workspace: Workspace, folder: Path, secret: Path) -> None:
    """A thread turns a folder into a link to the outside and back for a second, while we read through it."""
    (folder / "real").mkdir()
    (folder / "real" / "secret.txt").write_text("inside")
    (folder / "way").symlink_to(secret)
    stop = threading.Event()

    def flip() -> None:
        while not stop.is_set():
            os.unlink(folder / "way")
            os.rename(folder / "real", folder / "way")
            os.rename(folder / "way", folder / "real")
            os.symlink(secret, folder / "way")

    thread = threading.Thread(target=flip)
    thread.start()
    seen: dict[bytes, int] = {}
    try:
        ends = time.perf_counter() + 1
        while time.perf_counter() < ends:
            try:
                got = content(workspace, "way/secret.txt")
            except NotFound:
                got = b"(refused)"
            seen[got] = seen.get(got, 0) + 1
    finally:
        stop.set()
        thread.join()
    assert b"SECRET" not in seen
    assert set(seen) == {b"inside", b"(refused)"}  # both happened, so the race was real


def test_limits_of_size_bytes_and_files(workspace: Workspace, folder: Path) -> None:
    with pytest.raises(BadInput, match="may have 10,000,000"):
        workspace.write("big.bin", b"x" * 10_000_001)
    for number in range(20):  # sparse: 199 MB that cost nothing
        with (folder / f"{number}.bin").open("wb") as file:
            file.truncate(9_950_000)
    workspace.write("fits.bin", b"x" * 900_000)
    with pytest.raises(ToolFailure, match="does not fit"):
        workspace.write("over.bin", b"x" * 200_000)
    workspace.write("fits.bin", b"x" * 950_000)  # replacing counts the new size only
    for number in range(tools.workspace.MOST_FILES):
        (folder / f"{number}.bin").write_bytes(b"")
    with pytest.raises(ToolFailure, match="1,000 files"):
        workspace.write("one-more.txt", b"x")


def test_an_unfinished_write_is_not_listed_and_goes_when_it_is_old(workspace: Workspace, folder: Path) -> None:
    (folder / ".writing-new").write_bytes(b"x")
    (folder / ".writing-old").write_bytes(b"x")
    os.utime(folder / ".writing-old", (1, 1))
    assert [f.name for f in workspace.files()] == ["here.txt"]
    assert sorted(os.listdir(folder)) == [".writing-new", "here.txt"]


@pytest.mark.parametrize("path", ["../outside/secret.txt", "/etc/passwd", "a/../../outside/secret.txt", "."])
def test_the_openers_refuse_by_themselves(folder: Path, secret: Path, opener: Opener, path: str) -> None:
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if path == ".":
            os.close(opener(root, path, os.O_RDONLY | os.O_DIRECTORY, 0))
        else:
            with pytest.raises(OSError, match=r".") as caught:
                opener(root, path, os.O_RDONLY, 0)
            assert caught.value.errno is not None
    finally:
        os.close(root)
