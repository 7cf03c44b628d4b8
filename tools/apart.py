"""Work on strangers' data apart from the application: in a room of the sandbox if there is one, else in a process with limits.

Whatever goes wrong in a room, the work is not done in another way.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol

from tools.confined import run_confined

Ask = Callable[[Sequence[int], Sequence[int]], Mapping[str, Any]]
"""Makes a program's request of the numbers under which it finds its files, and of those it writes to."""


@dataclass(frozen=True, slots=True)
class Job:
    """A program of the kind of confined.py, the files it reads, and how many it may write, with `most` bytes each.

    `memory` is what the program holds itself to, in bytes; `died` is said if it ended without a reply.
    """

    module: str
    files: Sequence[BinaryIO]
    ask: Ask
    died: str
    outputs: int = 0
    most: int = 0
    memory: int = 1 << 30


class Rooms(Protocol):
    """Rooms of the sandbox for programs of our own (tools/sandbox/reading.py)."""

    async def work(self, job: Job) -> tuple[Any, list[bytes]]:
        """Do a job; returns the "result" of its reply and what it wrote."""
        ...

    async def worked(
        self, module: str, packed: BinaryIO, most: int, died: str, *, request: Mapping[str, Any] = ...
    ) -> tuple[Any, bytes]:
        """Run a program over one file; returns its result and what it wrote."""
        ...


async def work_apart(job: Job, rooms: Rooms | None) -> tuple[Any, list[bytes]]:
    """Do a job; raises ToolFailure in the program's own words, or with `died`. Cancelling ends the program."""
    if rooms is not None:
        return await rooms.work(job)
    with ExitStack() as stack:
        written = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(job.outputs)]
        read, write = [file.fileno() for file in job.files], [file.fileno() for file in written]
        result = await run_confined(job.module, job.ask(read, write), [*read, *write], job.died)
        return result, [os.pread(number, job.most + 1, 0) for number in write]
