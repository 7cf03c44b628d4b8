"""The guard of one run: a thread that looks at it fifty times a second and ends it when a limit is reached."""

from __future__ import annotations

import json
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tools.beneath import best_opener
from tools.sandbox.census import Contents, Count, contents, count, files_in_memory, proportional, unlinked
from tools.sandbox.terms import MEGABYTE, Limits, Status

_EVERY = 0.02  # seconds between two looks
_DISK_EVERY = 0.25  # seconds between two counts of the workspace, if its disk does not fill meanwhile
_JUMP = 4 * MEGABYTE  # so much less free space, and the workspace is counted at once
_LAST = 5.0  # seconds in which what was killed must be gone
_MOST_DESCRIPTORS = 2_048  # over all processes of a run; each can hold kernel memory that nothing else counts


@dataclass
class Found:
    """What the guard came to know: how the run was ended if it was, the command's code, the most memory seen at once."""

    status: Status = "error"
    code: int | None = None
    memory: int = 0
    begun: bool = False
    gone: bool = True


class Guard:
    """Watches a run from its beginning until nothing of it is left.

    `reading` is the pipe bubblewrap reports on; it is closed at the end. `abort` kills bubblewrap itself, from any thread;
    it serves as long as the run has no process of its own that could be killed. `done` is called at the end.
    """

    def __init__(
        self, reading: int, workspace: Path, limits: Limits, abort: Callable[[], None], done: Callable[[], None]
    ) -> None:
        self._thread = threading.Thread(target=self._run, name="sandbox-guard", daemon=True)
        self.found = Found()
        self.first: int | None = None
        """The number of the room's first process; it stands when `known` is set, None if there never was one."""
        self.known = threading.Event()
        self._reading, self._workspace, self._limits, self._abort, self._done = reading, workspace, limits, abort, done
        self._ended = threading.Event()
        self._wanted: Status | None = None
        self._deadline = time.monotonic() + limits.seconds

    def stop(self, status: Status) -> None:
        """End the run for a reason seen elsewhere."""
        self._wanted = self._wanted or status

    def release(self) -> None:
        """Say that bubblewrap has ended: what it left behind is ended too, and the guard goes."""
        self._ended.set()

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the guard to be gone; it goes at once after `done`."""
        self._thread.join()

    def _run(self) -> None:
        try:
            report = _Report(self._reading)
            first = self._first(report)
            self.first = first[0] if first else None
            self.known.set()
            if first is not None:
                self._keep(*first)
            while not self._ended.wait(_EVERY):  # bubblewrap follows as soon as what it waits for is gone
                self._abort()
            report.read()
            self.found.code, self.found.begun = report.code, report.code is not None
        finally:
            os.close(self._reading)
            if not self._ended.is_set():
                self._abort()
            self._done()

    def _first(self, report: _Report) -> tuple[int, int] | None:
        """Wait for the room's first process; returns its number and a handle that no other process ever has."""
        while report.first is None and not self._ended.is_set() and not self._over():
            report.read(_EVERY)
        if report.first is None:
            return None
        with suppress(ProcessLookupError):
            return report.first, os.pidfd_open(report.first)
        return None

    def _keep(self, first: int, handle: int) -> None:
        folder = os.open(self._workspace, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._watch(first, _Disk(folder, self._limits))
        finally:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, signal.SIGKILL)  # the kernel ends all below it
            ready, _, _ = select.select([handle], [], [], _LAST)
            self.found.gone = bool(ready)
            with suppress(ChildProcessError):  # it is ours to bury if bubblewrap went first, and we adopt orphans
                os.waitid(os.P_PIDFD, handle, os.WEXITED | os.WNOHANG)
            os.close(handle)
            os.close(folder)

    def _watch(self, first: int, disk: _Disk) -> None:
        while not self._wait():
            now = count(first)
            for process in now.processes:
                _last_in_line(process)
            if self._over() or self._too_many(now) or self._too_much_memory(first, now):
                return
            if disk.full(now):
                self.found.status = "disk"
                return

    def _wait(self) -> bool:
        """Wait for the next look; True if there is nothing left to look at."""
        return self._ended.wait(_EVERY)

    def _over(self) -> bool:
        if self._wanted is None and time.monotonic() >= self._deadline:
            self._wanted = "timeout"
        self.found.status = self._wanted or self.found.status
        return self._wanted is not None

    def _too_many(self, now: Count) -> bool:
        if now.threads <= self._limits.pids and now.descriptors <= _MOST_DESCRIPTORS:
            return False
        self.found.status = "pids"
        return True

    def _too_much_memory(self, first: int, now: Count) -> bool:
        files = files_in_memory(first)
        taken = now.resident + files
        if taken > self._limits.memory:
            taken = proportional(now.processes) + files
        self.found.memory = max(self.found.memory, taken)
        if taken <= self._limits.memory:
            return False
        self.found.status = "memory"
        return True


class _Report:
    """What bubblewrap says on its pipe: the number of the room's first process, and the command's code at the end."""

    def __init__(self, reading: int) -> None:
        self._reading, self._rest, self._open = reading, b"", True
        self.first: int | None = None
        self.code: int | None = None

    def read(self, seconds: float = 0.0) -> None:
        """Read what has come; waits for it so many seconds at most."""
        while self._open and select.select([self._reading], [], [], seconds)[0]:
            came = os.read(self._reading, 4096)
            self._open = bool(came)
            *lines, self._rest = (self._rest + came).split(b"\n")
            for line in lines:
                said = json.loads(line)
                self.first, self.code = said.get("child-pid", self.first), said.get("exit-code", self.code)
            seconds = 0.0


class _Disk:
    """Whether a workspace holds more than it may; what was there before is never too much."""

    def __init__(self, folder: int, limits: Limits) -> None:
        self._folder, self._device, self._opener = folder, os.fstat(folder).st_dev, best_opener()
        before = contents(self._opener, folder, 20 * limits.files)
        self._most = Contents(max(limits.disk, before.size), max(limits.files, before.entries))
        self._free, self._next = self._available(), 0.0

    def full(self, now: Count) -> bool:
        free, time_now = self._available(), time.monotonic()
        if time_now < self._next and self._free - free < _JUMP:
            return False
        self._free, self._next = free, time_now + _DISK_EVERY
        held = contents(self._opener, self._folder, self._most.entries)
        return held.entries > self._most.entries or held.size + unlinked(now.processes, self._device) > self._most.size

    def _available(self) -> int:
        info = os.fstatvfs(self._folder)
        return info.f_bavail * info.f_frsize


def _last_in_line(process: int) -> None:
    """Let everything else of the machine have processor and memory first. Said again and again: it can be taken back inside."""
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process, 10)
        Path(f"/proc/{process}/oom_score_adj").write_text("1000")
