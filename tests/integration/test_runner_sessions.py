"""Sessions through a runner: the program lives there between calls, and ends with whoever asked for it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from attacks_on_files import FILES, PROCESSES
from runner_fixtures import remote, runner, running, socket_folder
from sandbox_attacking import SETTINGS, Attacker, Outside
from sandbox_fixtures import settled, work
from tools_fixtures import Desk

from core.errors import ToolFailure
from core.settings import Settings
from tools.clearing import clear
from tools.sandbox.remote import RemoteSandbox
from tools.sandbox.terms import PYTHON
from tools.sessions import Sessions

pytestmark = pytest.mark.sandbox
LOOP = (
    "import sys\n"
    "for line in sys.stdin:\n"
    "    code, _, mark = line.strip().rpartition(' ')\n"
    "    exec(code); print(mark + '0', flush=True); print(mark + '0', file=sys.stderr, flush=True)"
)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, RemoteSandbox]]:
    root = tmp_path_factory.mktemp("runner")
    settings: dict[str, Any] = SETTINGS | {"sandbox_seconds": 20}
    with runner(root, **settings) as sandbox:
        yield root, sandbox


@pytest.fixture
async def sessions(place: tuple[Path, RemoteSandbox], tmp_path: Path) -> AsyncIterator[Sessions]:
    kept = Sessions.over(place[1], Settings(data_dir=tmp_path / "marks"))
    yield kept
    await kept.close()


@pytest.fixture
def desk(place: tuple[Path, RemoteSandbox], sessions: Sessions) -> Iterator[Desk]:
    desk = Desk(place[0] / "data", seconds=40, sandbox=place[1], sessions=sessions)
    yield desk
    if desk.workspace.exists():
        clear(desk.workspace)


async def test_variables_and_files_live_on_and_given_files_are_there(desk: Desk) -> None:
    await desk.give("a.csv", "1,2")
    await desk.ask("run_python", code="x = 41; data = open('/given/a.csv').read()", session="task")
    assert await desk.ask("run_python", code="print(x + 1, data)", session="task") == "42 1,2"
    assert "NameError" in await desk.ask("run_python", code="print(x)")


async def test_one_that_dies_says_so_and_the_next_call_begins_anew(desk: Desk) -> None:
    await desk.ask("run_python", code="x = 1", session="task")
    assert "exit code 7" in (await desk.use("run_python", code="import os; os._exit(7)", session="task")).output
    assert "NameError" in (await desk.use("run_python", code="print(x)", session="task")).output


async def test_a_cancelled_call_takes_its_session_along(desk: Desk) -> None:
    code = "while True: open('beat', 'a').write('x')"
    call = asyncio.create_task(desk.use("run_python", code=code, session="task"))
    while not (desk.workspace / "beat").exists():
        await asyncio.sleep(0.01)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert settled(desk.workspace / "beat")


async def test_one_that_nobody_uses_ends_by_itself_and_says_why(place: tuple[Path, RemoteSandbox]) -> None:
    folder = place[0] / "data" / "workspaces" / "idle"
    folder.mkdir(parents=True, exist_ok=True)
    session = await place[1].session([PYTHON, "-c", LOOP], folder, given={}, idle=0.5)
    async with asyncio.timeout(60):
        await session.gone()
    assert session.ended
    assert "was not used" in session.why
    with pytest.raises(ToolFailure, match="went away"):
        await session.ask("print(1) {mark}", 5)


async def test_a_runner_that_is_killed_takes_its_sessions_along(tmp_path: Path) -> None:
    folder = work(tmp_path)
    with socket_folder() as sockets:
        sandbox = remote(tmp_path, sockets / "s")
        with running(tmp_path, sockets / "s") as process:
            async with asyncio.timeout(60):
                while await sandbox.look():
                    await asyncio.sleep(0.02)
            session = await sandbox.session([PYTHON, "-c", LOOP], folder, given={}, idle=60)
            assert (await session.ask("print(5) {mark}", 20)).stdout == "5\n"
            process.send_signal(signal.SIGKILL)
            async with asyncio.timeout(60):
                await session.gone()
        with pytest.raises(ToolFailure):
            await sandbox.session([PYTHON, "-c", LOOP], folder, given={}, idle=60)


async def test_from_within_a_session_of_a_runner_nothing_is_reached(
    desk: Desk, sessions: Sessions, tmp_path: Path
) -> None:
    outside = Outside(tmp_path)
    with outside.standing():
        insider = Attacker(desk, outside)
        for number, (name, attempt) in enumerate((FILES | PROCESSES).items()):
            desk.context = desk.context.model_copy(update={"task_id": f"t{number}"})
            outcome = await desk.use("run_python", code=outside.program(attempt), session="task")
            assert outcome.status == "ok", outcome.output
            assert insider.outside.broken(outcome, desk.workspace) == [], (name, outcome.output)
            await sessions.close()
