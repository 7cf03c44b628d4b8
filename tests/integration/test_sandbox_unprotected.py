"""The attacks of test_sandbox_attacks.py with nothing in their way: most of them get through, so that suite can fail."""

from __future__ import annotations

import asyncio
import errno
from pathlib import Path
from typing import Any

import pytest
from attacks_on_files import FILES, PROCESSES
from attacks_on_kernel import KERNEL, NETWORK
from attacks_on_resources import BOMBS, OUTLIVING
from sandbox_attacking import Attacker, Outside, Unprotected
from tools_fixtures import Desk

from tools.clearing import clear

pytestmark = pytest.mark.sandbox

EXPECTED = {"files": 10, "processes": 8, "kernel": 3, "network": 6, "bombs": 8, "outliving": 2}
GROUPS = {
    "files": FILES,
    "processes": PROCESSES,
    "kernel": KERNEL,
    "network": NETWORK,
    "bombs": BOMBS,
    "outliving": OUTLIVING,
}


@pytest.mark.parametrize("group", GROUPS)
async def test_without_a_sandbox_attacks_get_through(tmp_path: Path, group: str) -> None:
    got_through: list[str] = []
    twice = [*GROUPS[group].items()] * 2  # what outlives its run may begin after it was looked for, on a busy machine
    for number, (name, attempt) in enumerate(twice):
        if name in got_through or len(got_through) >= EXPECTED[group]:
            continue
        outside = Outside(tmp_path / str(number))
        with outside.standing():
            unprotected: Any = Unprotected()
            attacker = Attacker(Desk(outside.data, sandbox=unprotected), outside)
            if await attacker.achieved(attempt):
                got_through.append(name)
            await _cleared(attacker.desk.workspace)
    assert len(got_through) >= EXPECTED[group], got_through


async def _cleared(folder: Path) -> None:
    """Clear a folder into which something that outlived its run may still write for a while."""
    async with asyncio.timeout(90):
        while True:
            try:
                return clear(folder)
            except OSError as problem:
                if problem.errno != errno.ENOTEMPTY:
                    raise
            await asyncio.sleep(0.05)
