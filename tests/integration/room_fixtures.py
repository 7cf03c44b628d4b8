"""A sandbox as programs of our own use it: the one of this machine, or a runner's."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner_fixtures import runner
from sandbox_fixtures import opened

from tools.sandbox.terms import Hands

PLACES = ("here", "runner")


@contextmanager
def sandbox_at(place: str, root: Path) -> Iterator[Hands]:
    """Open the sandbox of this machine ("here") over the data folder in `root`, or a runner's ("runner")."""
    if place == "here":
        yield asyncio.run(opened(root))
        return
    with runner(root) as sandbox:
        yield sandbox
