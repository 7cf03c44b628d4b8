"""The sandbox as tests open it."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ordinary_user import skip_or_fail_without

from core.settings import Settings
from tools.sandbox.opening import Sandbox
from tools.sandbox.terms import Absent


async def opened(root: Path, **settings: object) -> Sandbox:
    """Open the sandbox of a data folder; where it does not hold, the test fails with the reason."""
    skip_or_fail_without()
    found = await Sandbox.open(Settings.model_validate({"data_dir": root / "data"} | settings))
    assert not isinstance(found, Absent), f"{found.reason} {found.fix}"
    return found


def work(root: Path) -> Path:
    """Make an empty workspace."""
    folder = root / "data" / "workspaces" / "c1"
    folder.mkdir(parents=True)
    return folder


def settled(path: Path) -> bool:
    """Say whether a file that a loop kept writing is written no more."""
    before = path.stat().st_mtime_ns
    for _ in range(20):
        time.sleep(0.01)
    return path.stat().st_mtime_ns == before


@contextmanager
def greeting_socket() -> Iterator[Path]:
    """A socket in the file system that says hello to the first who connects."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
        server.listen()
        threading.Thread(target=lambda: server.accept()[0].sendall(b"hello"), daemon=True).start()
        yield folder / "s"
    os.unlink(folder / "s")
    folder.rmdir()
