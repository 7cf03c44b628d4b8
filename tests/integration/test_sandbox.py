"""The sandbox holds its limits, leaves nothing behind, and opens only where it has just held against itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from sandbox_fixtures import opened, work

from core.errors import BadInput
from tools.sandbox.opening import Sandbox
from tools.sandbox.terms import MEGABYTE, Result

pytestmark = pytest.mark.sandbox


@pytest.fixture
async def sandbox(tmp_path: Path) -> Sandbox:
    return await opened(tmp_path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return work(tmp_path)


async def test_a_command_runs_and_says_how_it_ended(sandbox: Sandbox, folder: Path) -> None:
    result = await sandbox.run(["bash", "-c", "cat; echo $HOME; echo wrong >&2; echo x > made; exit 3"], folder, stdin=b"in\n")
    assert (result.status, result.code, result.stdout, result.stderr) == ("exited", 3, "in\n/tmp\n", "wrong\n")
    assert (folder / "made").read_text() == "x\n"
