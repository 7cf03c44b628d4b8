"""A runner as it is run: a process of its own with a socket, and Staffwork's side of it."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ordinary_user import skip_or_fail_without

from core.settings import Settings
from tools.sandbox.opening import limits_of
from tools.sandbox.remote import RemoteSandbox
from tools.sandbox.terms import Absent

_ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 60.0


@contextmanager
def socket_folder() -> Iterator[Path]:
    """A folder with a short path, as sockets need."""
    folder = Path(tempfile.mkdtemp(prefix="runner-", dir="/tmp"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def remote(root: Path, socket: Path, **settings: object) -> RemoteSandbox:
    """Staffwork's side of a runner, which it has not looked for yet."""
    chosen = Settings.model_validate({"data_dir": root / "data"} | settings)
    return RemoteSandbox(socket, root / "data" / "workspaces", limits_of(chosen))


@contextmanager
def running(
    root: Path, socket: Path, before: Sequence[str] = (), **settings: object
) -> Iterator[subprocess.Popen[bytes]]:
    """The process of a runner over the workspaces of a data folder, from when it listens; `before` starts it in another way."""
    skip_or_fail_without()
    given = {f"STAFFWORK_{name.upper()}": str(value) for name, value in settings.items()}
    environment = {"PATH": os.environ["PATH"], "STAFFWORK_DATA_DIR": str(root / "data"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [*before, sys.executable, "-B", "-m", "chat.terminal", "runner", "--socket", str(socket)]
    with (socket.parent / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=_ROOT, env=environment | given, stderr=log)
    try:
        end = time.monotonic() + PATIENCE
        while not socket.exists():
            assert process.poll() is None, (socket.parent / "log").read_text()
            assert time.monotonic() < end, "the runner does not listen"
            time.sleep(0.02)
        yield process
    finally:
        process.terminate()
        process.wait(PATIENCE)


async def _found(sandbox: RemoteSandbox) -> Absent | None:
    """Look for a runner that has just made its socket, and may not answer there yet."""
    async with asyncio.timeout(PATIENCE):
        while (absent := await sandbox.look()) and "is not there" in absent.reason:
            await asyncio.sleep(0.02)
        return absent


@contextmanager
def runner(root: Path, before: Sequence[str] = (), **settings: object) -> Iterator[RemoteSandbox]:
    """A runner and Staffwork's side of it; where its sandbox does not hold, the test fails with the reason."""
    with socket_folder() as folder, running(root, folder / "s", before, **settings):
        found = remote(root, folder / "s", **settings)
        absent = asyncio.run(_found(found))
        assert absent is None, f"{absent.reason} {absent.fix}"
        yield found
