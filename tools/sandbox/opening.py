"""The sandbox: opened once, by attacking itself; if it does not hold, there is none."""

from __future__ import annotations

import asyncio
import ctypes
import os
import platform
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from core.errors import BadInput, ToolFailure
from core.settings import Settings
from tools.sandbox.interpreter import find_interpreter
from tools.sandbox.probe import probe
from tools.sandbox.room import Room, find_bubblewrap
from tools.sandbox.seccomp import MACHINES
from tools.sandbox.sessions import RoomSession
from tools.sandbox.supervisor import supervise
from tools.sandbox.terms import MEGABYTE, PYTHON, Absent, Command, Kit, Limits, Result

_ADOPT_ORPHANS = 36  # PR_SET_CHILD_SUBREAPER
_SHARE = 0.8  # of the time of a tool call that a run may take; half of what is left it may wait for a place
_READING_AT_ONCE, _WORKING_AT_ONCE = 4, 4  # rooms; they wait as long as it takes, and never behind runs of code
SWITCHED_OFF = Absent("it is switched off.", "Set STAFFWORK_SANDBOX=auto and start again.")
_PRODUCT = Path(__file__).resolve().parents[2]


class Sandbox:
    """Runs commands of a model, each in a room of its own that passed an attack on itself before this was given out."""

    tier = "bubblewrap"

    def __init__(self, room: Room, limits: Limits, at_once: int, patience: float) -> None:
        self._room, self.limits, self._patience = room, limits, patience
        self.python = str(room.interpreter.program)
        self._places = asyncio.Semaphore(at_once)
        self._own = {"reading": asyncio.Semaphore(_READING_AT_ONCE), "working": asyncio.Semaphore(_WORKING_AT_ONCE)}

    @classmethod
    async def open(cls, settings: Settings) -> Sandbox | Absent:
        """Open the sandbox, or say why there is none and what to do about it; takes a fraction of a second."""
        room = _room(settings)
        if isinstance(room, Absent):
            return room
        # A room's first process is left to us when bubblewrap ends before it: whatever stands as process 1 here
        # may not bury it, and one zombie for each run would remain.
        ctypes.CDLL(None).prctl(_ADOPT_ORPHANS, 1, 0, 0, 0)
        patience = settings.tool_seconds * (1 - _SHARE) / 2
        sandbox = cls(room, limits_of(settings), settings.sandbox_runs_at_once, patience)
        problem = await probe(sandbox, settings.data_dir)
        return problem or sandbox

    @property
    def sockets(self) -> Path | None:
        """Say that a proxy's socket may be anywhere."""
        return None

    def there(self) -> bool:
        """Say whether it can be used: one that was given out always can."""
        return True

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
    ) -> Result:
        """Run a command in a workspace (a folder that exists); when this returns nothing of it runs any more.

        Must be called from the thread of the event loop, which has to live as long as the run: it ends with its parent.
        """
        if not argv or any("\0" in part for part in argv):
            raise BadInput("A command needs a program, and holds no zero characters.")
        argv = [self.python if word == PYTHON else word for word in argv]
        command = Command(argv, workspace, env or {}, given or {}, network, stdin, kit)
        async with self._place() if kit == "code" else self._own[kit]:
            return await supervise(self._room, command, limits or self.limits)

    async def session(
        self, argv: Sequence[str], workspace: Path, *, given: Mapping[str, Path], idle: float
    ) -> RoomSession:
        """Start a program that answers one call after the other (see OpensSessions)."""
        argv = [self.python if word == PYTHON else word for word in argv]
        command = Command(argv, workspace, {}, given)
        return await RoomSession.open(self._room, command, replace(self.limits, seconds=idle), self._place)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        """Hold one of the places; raises ToolFailure if none becomes free in time."""
        try:
            await asyncio.wait_for(self._places.acquire(), self._patience)
        except TimeoutError:
            raise ToolFailure("All places in the sandbox are taken just now. Try again in a moment.") from None
        try:
            yield
        finally:
            self._places.release()


def obstacle(*, off: bool, system: str, machine: str, root: bool, bubblewrap: Path | None) -> Absent | None:
    """Say what stands in the way of any sandbox, before it is even tried."""
    if off:
        return SWITCHED_OFF
    if system != "Linux" or machine not in MACHINES:
        name = {"Darwin": "macOS"}.get(system, system)
        fix = "Run Staffwork in Docker (`docker compose up`), or on Linux (x86_64 or aarch64). evaluate_python works here too."
        return Absent(f"there is no sandbox for {name} on {machine}.", fix)
    if root:
        return Absent(
            "Staffwork runs as root, and what a model writes never runs with root's rights.",
            "Start Staffwork as an ordinary user (in Docker: USER in the Dockerfile, or `user:` in the compose file).",
        )
    if bubblewrap is None:
        return Absent("bubblewrap is not installed.", "Install it (`apt install bubblewrap`) and start again.")
    return None


def _room(settings: Settings) -> Room | Absent:
    bubblewrap, root = find_bubblewrap(), hasattr(os, "geteuid") and os.geteuid() == 0
    off, machine = settings.sandbox == "off", platform.machine()
    found = obstacle(off=off, system=platform.system(), machine=machine, root=root, bubblewrap=bubblewrap)
    if found is not None:
        return found
    assert bubblewrap is not None
    ours = [settings.data_dir.resolve(), _PRODUCT]
    if sys.prefix != sys.base_prefix:
        ours.append(Path(sys.prefix).resolve())
    return Room(bubblewrap, find_interpreter(), ours)


def limits_of(settings: Settings) -> Limits:
    """Say what the settings let one run take."""
    # The gate gives up on a call that takes too long; a run must have waited, ended and said so before.
    seconds = min(settings.sandbox_seconds, settings.tool_seconds * _SHARE)
    return Limits(
        seconds=seconds,
        memory=settings.sandbox_memory_mb * MEGABYTE,
        pids=settings.sandbox_pids,
        disk=settings.sandbox_disk_mb * MEGABYTE,
        files=settings.sandbox_files,
    )
