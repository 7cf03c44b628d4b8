"""Peers that stall or flood, and what stays behind when Staffwork or its runner is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from egress_fixtures import CONTEXT, Internet
from runner_fixtures import remote, running, socket_folder
from sandbox_fixtures import opened, settled, work

from core.settings import Settings
from tools.clearing import held_folder, put_away, sweep
from tools.code_graph import circles, graph_of
from tools.code_terms import Understood, nothing
from tools.sandbox import remote as remote_side
from tools.sandbox import remote_session
from tools.sandbox.framing import Answered, Asked, receive, send
from tools.sandbox.opening import SWITCHED_OFF
from tools.sandbox.serving import RunnerServer
from tools.workshop import Workshop

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def pretending(path: Path, answer: Answer) -> AsyncIterator[None]:
    """Something that listens where a runner would."""
    server = await asyncio.start_unix_server(answer, path)
    try:
        yield
    finally:
        server.close()


async def test_a_runner_that_stands_still_holds_nobody_who_gave_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_side, "GIVEN_UP", 0.1)
    asked, forever = asyncio.Event(), asyncio.Event()

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await receive(reader, Asked)
        asked.set()
        await forever.wait()

    folder = work(tmp_path)
    with socket_folder() as sockets:
        async with pretending(sockets / "s", stall):
            run = asyncio.ensure_future(remote(tmp_path, sockets / "s").run(["true"], folder))
            async with asyncio.timeout(60):
                await asked.wait()
                run.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await run
            forever.set()


@pytest.mark.parametrize("how", ["ended", "cancelled"])
async def test_a_session_in_a_runner_that_stands_still_can_be_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(remote_session, "GIVEN_UP", 0.1)
    forever = asyncio.Event()

    async def stall(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await receive(reader, Asked)
        await send(writer, Answered(kind="here"))
        await forever.wait()

    folder = work(tmp_path)
    with socket_folder() as sockets:
        async with pretending(sockets / "s", stall), asyncio.timeout(60):
            session = await remote(tmp_path, sockets / "s").session(["true"], folder, given={}, idle=60)
            if how == "cancelled":
                asking = asyncio.ensure_future(session.ask("line", 5))
                await asyncio.sleep(0)
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
            session.end()
            await session.gone()
            assert session.ended
            forever.set()


@pytest.mark.sandbox
async def test_a_caller_that_never_listens_is_given_up(tmp_path: Path) -> None:
    """Its answer is larger than what the kernel keeps for it, so that somebody has to read."""
    folder = work(tmp_path)
    loud = "import sys; [s.buffer.write(b'\\xff' * 65_536) for s in (sys.stdout, sys.stderr)]"
    with socket_folder() as sockets:
        sandbox = await opened(tmp_path)
        server = RunnerServer(sandbox, folder.parent, sockets / "s", callers=1, patience=0.5)
        async with server.open(), asyncio.timeout(60):
            header = (
                Asked(ask="run", argv=[sandbox.python, "-c", loud], workspace=folder.name).model_dump_json().encode()
            )
            with socket.socket(socket.AF_UNIX) as deaf:
                deaf.setblocking(False)
                await asyncio.get_running_loop().sock_connect(deaf, str(sockets / "s"))
                await asyncio.get_running_loop().sock_sendall(deaf, struct.pack(">I", len(header)) + header)
                while not server._here:
                    await asyncio.sleep(0.01)
                while server._here:
                    await asyncio.sleep(0.01)
            while await remote(tmp_path, sockets / "s").look():  # there is a place again
                await asyncio.sleep(0.01)


async def test_a_run_that_floods_its_way_out_takes_no_more_than_its_share(tmp_path: Path) -> None:
    internet = Internet()
    async with internet.egress(tmp_path).way_out(CONTEXT, "run_python", None) as way, AsyncExitStack() as stack:
        ends = []
        for _ in range(300):
            reader, writer = await asyncio.open_unix_connection(way.socket)
            stack.callback(writer.close)
            ends.append(asyncio.ensure_future(_read(reader)))
        async with asyncio.timeout(60):
            while sum(end.done() and not end.result() for end in ends) < 200:  # put out without an answer
                await asyncio.sleep(0.01)
        for end in ends:
            end.cancel()
        await asyncio.gather(*ends, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.read()
    except ConnectionError:
        return b""


HOLDER = """
import sys, time
from pathlib import Path
from tools.clearing import held_folder
folder, _ = held_folder(Path(sys.argv[1]), ".reading-")
(folder / "packed").write_text("a stranger's words")
print("held", flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another Staffwork with a file in a room."""
    root = Path(__file__).resolve().parents[2]
    (tmp_path / "workspaces").mkdir()
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "workspaces")]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


async def test_files_in_the_rooms_of_one_that_was_killed_are_removed_and_no_others(
    tmp_path: Path, holder: subprocess.Popen[bytes]
) -> None:
    folder, held = held_folder(tmp_path / "workspaces", ".reading-")
    (tmp_path / "workspaces" / "c1").mkdir()
    assert sweep(tmp_path / "workspaces", ".reading-") == 0
    assert len(list((tmp_path / "workspaces").iterdir())) == 3
    holder.send_signal(signal.SIGKILL)
    holder.wait(60)
    async with AsyncExitStack() as stack:
        settings = Settings(data_dir=tmp_path, sandbox="off")
        assert (await Workshop.open(settings, stack, None)).sandbox == SWITCHED_OFF  # type: ignore[arg-type]
    assert sorted((tmp_path / "workspaces").iterdir()) == sorted([folder, tmp_path / "workspaces" / "c1"])
    put_away(folder, held)
    assert [p.name for p in (tmp_path / "workspaces").iterdir()] == ["c1"]


def test_a_link_that_looks_like_a_left_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").touch()
    (tmp_path / ".reading-0").symlink_to(tmp_path / "mine")
    (tmp_path / ".reading-1").touch()
    assert sweep(tmp_path, ".reading-") == 0
    assert (tmp_path / "mine" / "file").exists()


def test_what_was_already_removed_is_let_go_of(tmp_path: Path) -> None:
    folder, held = held_folder(tmp_path, "x-")
    folder.rmdir()
    put_away(folder, held)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(held)


@pytest.mark.sandbox
async def test_a_runner_that_is_killed_leaves_no_process_and_the_next_one_no_file(tmp_path: Path) -> None:
    folder = work(tmp_path)
    given = tmp_path / "given.txt"
    given.write_text("a stranger's words")
    with socket_folder() as sockets:
        dead, alive = socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX)
        dead.bind(str(sockets / "proxy-0"))
        dead.close()
        alive.bind(str(sockets / "proxy-1"))
        alive.listen()
        with running(tmp_path, sockets / "s") as process:
            assert not (sockets / "proxy-0").exists(), "nobody listens there"
            assert (sockets / "proxy-1").exists(), "somebody does"
            loop = ["bash", "-c", "while :; do date +%N > ticking; done"]
            run = asyncio.ensure_future(remote(tmp_path, sockets / "s").run(loop, folder, given={"given.txt": given}))
            async with asyncio.timeout(60):
                while not (folder / "ticking").exists():
                    await asyncio.sleep(0.01)
                assert len(list(folder.parent.glob(".given-*"))) == 1
                process.kill()
                process.wait(60)
                with pytest.raises(Exception, match="The runner went away"):
                    await run
                while not settled(folder / "ticking"):
                    await asyncio.sleep(0.01)
            assert len(list(folder.parent.glob(".given-*"))) == 1, "else this shows nothing"
            (sockets / "s").unlink(missing_ok=True)
        with running(tmp_path, sockets / "s"):
            assert list(folder.parent.glob(".given-*")) == []
        alive.close()


def project(files: int, imports: list[str], ending: str) -> dict[str, Understood]:
    found = {}
    for number in range(files):
        said = nothing()
        said["imports"] = [{"line": n, "name": name, "level": 0} for n, name in enumerate(imports, 1)]
        said["package"] = f"p{number}"
        found[f"d{number}/f{ending}"] = said
    return found


@pytest.mark.parametrize(
    ("ending", "name"),
    [
        (".go", "x.y/" + "a/" * 240),
        (".java", "a." * 240 + "*"),
        (".rs", "crate::" + "a::" * 160),
        (".py", "a." * 240 + "b"),
    ],
)
def test_a_project_made_to_keep_us_busy_does_not(ending: str, name: str) -> None:
    """Names of hundreds of parts, thousands of times: each part was held against each folder of the project."""
    files = project(600, [f"{name}{number}" for number in range(100)] * 20, ending)
    assert not graph_of(files).uses


def test_a_circle_of_all_files_is_one() -> None:
    files = {f"f{n}.ts": nothing() for n in range(600)}
    for n in range(600):
        files[f"f{n}.ts"]["imports"] = [{"line": 1, "name": f"./f{(n + 1) % 600}", "level": 0}] * 1_000
    assert [len(group) for group in circles(graph_of(files))] == [600]
