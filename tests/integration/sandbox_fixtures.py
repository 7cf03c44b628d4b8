"""The sandbox as tests open it."""

from __future__ import annotations

from pathlib import Path

from core.settings import Settings
from tools.sandbox.opening import Sandbox
from tools.sandbox.terms import Absent


async def opened(root: Path, **settings: object) -> Sandbox:
    """Open the sandbox of a data folder; where it does not hold, the test fails with the reason."""
    found = await Sandbox.open(Settings.model_validate({"data_dir": root / "data"} | settings))
    assert not isinstance(found, Absent), f"{found.reason} {found.fix}"
    return found


def work(root: Path) -> Path:
    """Make an empty workspace."""
    folder = root / "data" / "workspaces" / "c1"
    folder.mkdir(parents=True)
    return folder
