"""The runner behind its socket: it does what a sandbox of one's own does, believes nobody, and may come and go."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import struct
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from runner_fixtures import remote, runner, running, socket_folder
from sandbox_fixtures import opened, settled, work
from tools_fixtures import Desk

from core.errors import BadInput, ToolFailure
from core.settings import Settings
from graphs.office import Office
from tools.sandbox.framing import Answered, Asked, receive
from tools.sandbox.remote import RemoteSandbox
from tools.sandbox.serving import RunnerServer
from tools.sandbox.terms import PYTHON, Absent

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, RemoteSandbox]]:
    root = tmp_path_factory.mktemp("runner")
    with runner(root, sandbox_seconds=30, sandbox_memory_mb=300) as sandbox:
        yield work(root), sandbox


async def test_a_run_comes_back_as_from_a_sandbox_of_ones_own(place: tuple[Path, RemoteSandbox]) -> None:
    folder, sandbox = place
    script = "cat; echo $MINE; echo wrong >&2; head -c 3 /given/a; echo x > made; exit 3"
    (folder.parent / "a").write_bytes(b"abcdef")
    result = await sandbox.run(
        ["bash", "-c", script], folder, stdin=b"in\n", env={"MINE": "ü"}, given={"a": folder.parent / "a"}
    )
    expected = ("exited", 3, "in\nü\nabc", "wrong\n", "")
    assert (result.status, result.code, result.stdout, result.stderr, result.reason) == expected
    assert (folder / "made").read_text() == "x\n"
    assert list(folder.parent.glob(".given-*")) == []
    imported = await sandbox.run([PYTHON, "-c", "import pandas; print(1)"], folder)
    assert imported.stdout == "1\n", imported.stderr


async def test_limits_can_be_lowered_and_never_raised(place: tuple[Path, RemoteSandbox]) -> None:
    folder, sandbox = place
    short = await sandbox.run(["sleep", "600"], folder, replace(sandbox.limits, seconds=0.3))
    assert (short.status, short.reason) == ("timeout", "It was stopped after 0.3 seconds.")
    swollen = [PYTHON, "-c", "b = bytearray(400_000_000)\nfor i in range(0, len(b), 4096): b[i] = 1\nprint('all')"]
    result = await sandbox.run(swollen, folder, replace(sandbox.limits, memory=4 << 30, seconds=600))
    assert result.status == "memory", result


async def test_large_files_are_given_whole_and_read_only(place: tuple[Path, RemoteSandbox], tmp_path: Path) -> None:
    folder, sandbox = place
    (tmp_path / "big").write_bytes(os.urandom(3_000_001))
    script = "sha256sum < /given/big; echo x > /given/big; cp /given/big copy"
    result = await sandbox.run(["bash", "-c", script], folder, given={"big": tmp_path / "big"})
    assert "Read-only" in result.stderr
    assert (folder / "copy").read_bytes() == (tmp_path / "big").read_bytes()


async def test_a_cancelled_run_is_gone_when_the_cancelling_is_done(place: tuple[Path, RemoteSandbox]) -> None:
    folder, sandbox = place
    task = asyncio.create_task(sandbox.run(["bash", "-c", "while :; do date +%N > alive; done"], folder))
    while not (folder / "alive").exists():
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert settled(folder / "alive")


async def test_what_cannot_be_run_is_said_as_it_is_elsewhere(place: tuple[Path, RemoteSandbox], tmp_path: Path) -> None:
    folder, sandbox = place
    (outside := tmp_path / "c1").mkdir()
    for wrong in ([], ["echo", "a\0b"]):
        with pytest.raises(BadInput):
            await sandbox.run(wrong, folder)
    with pytest.raises(BadInput, match="only what lies directly"):
        await sandbox.run(["true"], outside)
    with pytest.raises(BadInput, match="sees no workspace"):
        await sandbox.run(["true"], folder.parent / "gone")
    (folder.parent / "link").symlink_to(outside)
    with pytest.raises(BadInput, match="sees no workspace"):
        await sandbox.run(["touch", "made"], folder.parent / "link")
    assert list(outside.iterdir()) == []


RUN: dict[str, Any] = {"version": 1, "ask": "run", "argv": ["touch", "made"], "workspace": "c1", "stdin": 0}


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"workspace": ".."}, "workspace"),
        ({"workspace": "../c1"}, "workspace"),
        ({"workspace": "/etc"}, "workspace"),
        ({"workspace": "."}, "workspace"),
        ({"workspace": ""}, "workspace"),
        ({"workspace": "c1\n"}, "workspace"),
        ({"workspace": ".given-0123456789abcdef"}, "workspace"),
        ({"network": "../../etc/passwd"}, "network"),
        ({"network": "s"}, "network"),
        ({"network": "proxy-0123456789abcdef"}, "proxy"),
        ({"given": [["../../x", 0]]}, "plain name"),
        ({"given": [["..", 0]]}, "plain name"),
        ({"given": [["x", -1]]}, "plain name"),
        ({"given": [["x", 1 << 40]]}, "more than"),
        ({"stdin": 1 << 40}, "stdin"),
        ({"stdin": -1}, "stdin"),
        ({"argv": ["a\0b"]}, "zero"),
        ({"env": {"A=B": "x"}}, "zero"),
        ({"limits": {"seconds": 1}}, "limits"),
        ({"shell": "id"}, "shell"),
        ({"version": 2}, "different versions"),
        ({"ask": "stop"}, "ask"),
    ],
)
async def test_a_request_that_is_none_of_ours_is_refused(
    place: tuple[Path, RemoteSandbox], changed: dict[str, Any], words: str
) -> None:
    folder, sandbox = place
    answer = await said(sandbox, json.dumps(RUN | changed).encode())
    assert (answer.kind, words in answer.words) == ("bad_input", True), answer
    assert not (folder / "made2").exists()


@pytest.mark.parametrize(
    "header", [b"", b"\xff\xfe", b"[]", b"null", b'{"version": 1}', b"{" * 100_000, b"[" * 100_000]
)
async def test_what_is_no_request_at_all_is_refused(place: tuple[Path, RemoteSandbox], header: bytes) -> None:
    assert (await said(place[1], header)).kind == "bad_input"
    assert await place[1].look() is None


async def test_a_header_that_never_ends_is_refused_before_it_is_read(place: tuple[Path, RemoteSandbox]) -> None:
    reader, writer = await asyncio.open_unix_connection(place[1]._socket)
    writer.write(struct.pack(">I", 0xFFFFFFFF) + b"x" * 1000)
    assert "header" in (await receive(reader, Answered)).words
    writer.close()


async def said(sandbox: RemoteSandbox, header: bytes) -> Answered:
    reader, writer = await asyncio.open_unix_connection(sandbox._socket)
    writer.write(struct.pack(">I", len(header)) + header)
    answer: Answered = await receive(reader, Answered)
    writer.close()
    return answer


async def test_whoever_goes_away_takes_the_run_along(place: tuple[Path, RemoteSandbox]) -> None:
    folder, sandbox = place
    header = json.dumps(RUN | {"argv": ["bash", "-c", "while :; do date +%N > theirs; done"]}).encode()
    _, writer = await asyncio.open_unix_connection(sandbox._socket)
    writer.write(struct.pack(">I", len(header)) + header)
    while not (folder / "theirs").exists():
        await asyncio.sleep(0.01)
    writer.transport.abort()
    async with asyncio.timeout(30):
        while not settled(folder / "theirs"):
            await asyncio.sleep(0.01)


@asynccontextmanager
async def served(root: Path, socket: Path, **changed: Any) -> AsyncIterator[RemoteSandbox]:
    """A runner in this process."""
    (root / "data" / "workspaces").mkdir(parents=True, exist_ok=True)
    sandbox = changed.pop("sandbox", None) or await opened(root)
    async with RunnerServer(sandbox, root / "data" / "workspaces", socket, **changed).open():
        yield remote(root, socket)


async def test_another_user_is_turned_away_and_another_users_socket_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket_folder() as folder:
        async with served(tmp_path, folder / "s", user=1) as stranger:
            assert (await stranger.look()) is not None
        async with served(tmp_path, folder / "s", user=os.geteuid()) as sandbox:
            assert (folder / "s").stat().st_mode & 0o777 == 0o600
            assert await sandbox.look() is None
            monkeypatch.setattr("tools.sandbox.remote.os.geteuid", lambda: 1)
            found = await sandbox.look()
            assert found is not None
            assert "another user listens" in found.reason


async def test_only_so_many_callers(tmp_path: Path) -> None:
    with socket_folder() as folder:
        async with served(tmp_path, folder / "s", callers=2) as sandbox:
            idle = [await asyncio.open_unix_connection(sandbox._socket) for _ in range(2)]
            assert (await sandbox.look()) is not None
            for _, writer in idle:
                writer.close()
            async with asyncio.timeout(30):
                while await sandbox.look():
                    await asyncio.sleep(0.01)


async def test_a_caller_that_dawdles_is_given_up(tmp_path: Path) -> None:
    with socket_folder() as folder:
        async with served(tmp_path, folder / "s", patience=0.2) as sandbox:
            reader, writer = await asyncio.open_unix_connection(sandbox._socket)
            writer.write(b"\0")
            async with asyncio.timeout(30):
                assert await reader.read() == b""
            writer.close()


async def test_a_runner_without_a_sandbox_says_why_and_runs_nothing(tmp_path: Path) -> None:
    folder = work(tmp_path)
    with socket_folder() as sockets:
        async with served(tmp_path, sockets / "s", sandbox=Absent("no luck.", "The fix.")) as sandbox:
            assert await sandbox.look() == Absent("in the runner, no luck.", "The fix.")
            with pytest.raises(ToolFailure, match="no luck"):
                await sandbox.run(["touch", "made"], folder)
    assert list(folder.iterdir()) == []


async def test_tools_go_and_come_with_the_runner(tmp_path: Path) -> None:
    (tmp_path / "data" / "workspaces").mkdir(parents=True)
    with socket_folder() as folder:
        sandbox = remote(tmp_path, folder / "s")
        desk = Desk(tmp_path / "data", sandbox=sandbox)
        assert desk.toolbox.offer(["run_python", "run_shell"]) == ()
        assert (await desk.use("run_shell", command="touch made")).status == "refused"
        async with served(tmp_path, folder / "s"):
            assert await sandbox.look() is None
            assert len(desk.toolbox.offer(["run_python", "run_shell"])) == 2
            assert await desk.ask("run_python", code="print(6 * 7)") == "42"
        lost = await desk.use("run_shell", command="touch made")
        assert lost.status == "failed"
        assert "the runner is not there" in lost.output
        assert desk.toolbox.offer(["run_python", "run_shell"]) == ()
        assert not (desk.workspace / "made").exists()


async def test_a_runner_that_is_killed_takes_its_runs_along_and_another_one_takes_over(tmp_path: Path) -> None:
    folder = work(tmp_path)
    with socket_folder() as sockets:
        sandbox = remote(tmp_path, sockets / "s")
        with running(tmp_path, sockets / "s") as process:
            task = asyncio.create_task(sandbox.run(["bash", "-c", "while :; do date +%N > alive; done"], folder))
            while not (folder / "alive").exists():
                assert not task.done(), task
                await asyncio.sleep(0.01)
            process.send_signal(signal.SIGKILL)
            with pytest.raises(ToolFailure, match="went away"):
                await task
            assert not sandbox.there()
            async with asyncio.timeout(30):
                while not settled(folder / "alive"):
                    await asyncio.sleep(0.01)
        (sockets / "s").unlink()
        with running(tmp_path, sockets / "s"):
            async with asyncio.timeout(30):
                while await sandbox.look():
                    await asyncio.sleep(0.02)
            assert (await sandbox.run(["echo", "again"], folder)).stdout == "again\n"


async def test_the_office_says_that_the_runner_is_away_and_nothing_falls_back(settings: Settings) -> None:
    with socket_folder() as folder:
        chosen = Settings(**settings.model_dump() | {"sandbox": "auto", "runner_socket": str(folder / "s")})
        async with Office.open(chosen, at_work=False) as office:
            said = (await office.health())["sandbox"]
            assert said.startswith("Operators cannot run code: the runner is not there")
            assert f"staffwork runner --socket {folder / 's'}" in said
            assert "nothing that strangers wrote is opened" in said
            assert office.runner._staff.toolbox.offer(["run_python", "run_shell"]) == ()
            async with served(Path(settings.data_dir).parent, folder / "s"):
                async with asyncio.timeout(60):  # it looks again by itself
                    while (await office.health())["sandbox"]:
                        await asyncio.sleep(0.05)
                assert len(office.runner._staff.toolbox.offer(["run_python", "run_shell"])) == 2


def test_a_runner_without_its_socket_is_a_wrong_setting() -> None:
    with pytest.raises(ValueError, match="STAFFWORK_RUNNER_SOCKET"):
        Settings(sandbox="runner")


def test_a_request_says_what_it_must_and_no_more() -> None:
    assert set(Asked.model_fields) == {
        *("version", "ask", "argv", "workspace", "env", "limits", "network", "stdin", "given", "kit", "idle"),
    }
