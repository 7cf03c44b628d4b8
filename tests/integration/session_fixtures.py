"""Sessions as tests keep them, and a desk at which code is run in them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from sandbox_fixtures import opened
from tools_fixtures import Desk

from core.ports import ToolOutcome
from core.settings import Settings
from tools.clearing import clear
from tools.sandbox.census import count
from tools.sandbox.opening import Sandbox
from tools.sessions import Sessions


@pytest.fixture
async def sandbox(tmp_path: Path) -> Sandbox:
    return await opened(
        tmp_path / "open", sandbox_seconds=8, sandbox_memory_mb=200, sandbox_pids=40, sandbox_disk_mb=30
    )


@pytest.fixture
async def sessions(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Sessions]:
    kept = keep_sessions(sandbox, tmp_path)
    yield kept
    await kept.close()


def keep_sessions(sandbox: object, root: Path) -> Sessions:
    return Sessions.over(sandbox, Settings(data_dir=root / "marks", sandbox_sessions=4, sandbox_sessions_per_mission=3))


@pytest.fixture
def desk(tmp_path: Path, sandbox: Sandbox, sessions: Sessions) -> Iterator[Desk]:
    desk = Desk(tmp_path / "desk", seconds=30, sandbox=sandbox, sessions=sessions)
    yield desk
    if desk.workspace.exists():
        clear(desk.workspace)


async def python(desk: Desk, code: str, **place: Any) -> ToolOutcome:
    desk.context = desk.context.model_copy(update=place)
    return await desk.use("run_python", code=code, session="task")


def alive() -> list[int]:
    """List the rooms that this process has under way, by their bubblewrap."""
    found = []
    for process in count(os.getpid()).processes:
        with suppress(OSError):
            if Path(f"/proc/{process}/cmdline").read_bytes().split(b"\0")[0].endswith(b"bwrap"):
                found.append(process)
    return found


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)
