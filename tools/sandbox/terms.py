"""The words of the sandbox: what a run may take, what came of it, and why there may be none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

Status = Literal["exited", "timeout", "memory", "disk", "output", "pids", "error"]
"""How a run ended: by itself, at one of its limits, or "error" if it never began."""

MEGABYTE = 1 << 20

PYTHON = "{python}"
"""As a word of a command: the Python of the sandbox, wherever that is."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may take, over all its processes: seconds of wall time, bytes, and counts.

    `disk` and `files` are what the workspace may hold in all; a run that finds more there may not add to it.
    `scratch` is the size of /tmp and of /dev/shm, each; both are memory. `output` counts both streams together.
    """

    seconds: float = 50
    memory: int = 512 * MEGABYTE
    pids: int = 64
    disk: int = 200 * MEGABYTE
    files: int = 5_000
    scratch: int = 64 * MEGABYTE
    output: int = 16 * MEGABYTE
    descriptors: int = 256


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run. `code` is the command's exit code (128 + n for signal n), None if it was stopped.

    Of each stream beginning and end are kept; `reason` says in plain words why it was stopped, or could not begin.
    """

    status: Status
    code: int | None
    stdout: str
    stderr: str
    seconds: float
    memory: int = 0
    reason: str = ""


Kit = Literal["code", "reading", "working"]
"""What can be imported: libraries for code of a model, or programs of our own with what they need: readers of strangers'
files, or those that work with strangers' data (SQL, charts, documents, pages)."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is to be run, and with what in view: `given` maps names below /given to files that can be read.

    `network` is the socket of a proxy that leads outside (by HTTP, on a port of the loopback), None for no network at all.
    """

    argv: Sequence[str]
    workspace: Path
    env: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Path] = field(default_factory=dict)
    network: Path | None = None
    stdin: bytes = b""
    kit: Kit = "code"


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no sandbox: why, and what an administrator can do about it."""

    reason: str
    fix: str


class Runner(Protocol):
    """Runs commands, each for itself."""

    async def run(
        self,
        argv: Sequence[str],
        workspace: Path,
        limits: Limits | None = None,
        *,
        env: Mapping[str, str] | None = None,
        network: Path | None = None,
        stdin: bytes = b"",
        given: Mapping[str, Path] | None = None,
        kit: Kit = "code",
    ) -> Result: ...


class Hands(Runner, Protocol):
    """A sandbox as tools have it: the Python in it, the most a run may take, and whether it is there just now."""

    @property
    def python(self) -> str: ...

    @property
    def limits(self) -> Limits: ...

    @property
    def sockets(self) -> Path | None:
        """Where a proxy's socket must be to be seen; None: anywhere."""
        ...

    def there(self) -> bool: ...
