"""What a run can see: a room of its own, put together from read-only pieces of the machine by bubblewrap."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.sandbox.interpreter import Interpreter
from tools.sandbox.seccomp import MACHINES, assemble
from tools.sandbox.terms import Command, Kit, Limits

WORK, GIVEN, PROXY = "/work", "/given", "/run/proxy"
"""Where a run finds its workspace, the files it was given, and the socket that leads outside (if it may go there)."""

_LIBRARIES = "/opt/libraries"
_USER = 1000  # the number and name it goes by inside
_FILES: Mapping[str, str] = {
    "/etc/passwd": f"root:x:0:0::/:/bin/false\nworker:x:{_USER}:{_USER}::/tmp:/bin/bash\n",
    "/etc/group": f"root:x:0:\nworker:x:{_USER}:\n",
    "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files\n",
}
_MACHINE = (
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/ld.so.cache",
    "/etc/localtime",
)  # of the machine's own /etc, where they exist
_TOP = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
_ENVIRONMENT = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/tmp",  # noqa: S108 - the run's own
    "TMPDIR": "/tmp",  # noqa: S108
    "USER": "worker",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "PYTHONPATH": _LIBRARIES,
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUTF8": "1",
    "MPLBACKEND": "Agg",
    "MPLCONFIGDIR": "/tmp/matplotlib",  # noqa: S108
    "OPENBLAS_NUM_THREADS": "2",
    "OMP_NUM_THREADS": "2",
    "MALLOC_ARENA_MAX": "4",
    "GIT_CONFIG_NOSYSTEM": "1",
}
_FORWARDER = Path(__file__).with_name("forwarder.py")
_WAY_OUT = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:3128")
_CERTIFICATES = ("/etc/ssl/certs", "/etc/ssl/openssl.cnf", "/etc/pki/tls/certs")  # to know whom one talks to
_LEAST_ADDRESSES = 4 << 30  # bytes; memory that is only reserved costs nothing, and programs reserve a lot
_SPARE_PIDS = 16  # so that it is the watchdog that ends a fork bomb, and says so


def find_bubblewrap() -> Path | None:
    """Find the program where systems install it; not along the PATH, which is anybody's."""
    found = shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin")
    return Path(found) if found else None


@dataclass(frozen=True, slots=True)
class Room:
    """How rooms are built on this machine; `hidden` folders are covered wherever they would be seen."""

    bubblewrap: Path
    interpreter: Interpreter
    hidden: Sequence[Path]

    def arguments(self, command: Command, limits: Limits, opened: Opened) -> list[str]:
        """Write the command line that builds the room and runs the command in it."""
        return [
            str(self.bubblewrap),
            *("--unshare-user", "--unshare-all", "--disable-userns", "--uid", str(_USER), "--gid", str(_USER)),
            *("--die-with-parent", "--new-session", "--cap-drop", "ALL", "--hostname", "run", "--clearenv"),
            *("--json-status-fd", str(opened.status), "--seccomp", str(opened.filter)),
            *self._machine(command.kit),
            *_own(limits, opened),
            *_brought(command),
            *_variables(command),
            *("--chdir", WORK, "--remount-ro", "/", "--"),
            *_measures(limits),
            *(self._way_out() if command.network is not None else ()),
            *command.argv,
        ]

    def _way_out(self) -> Iterator[str]:
        """Put a forwarder before the command, so that programs find the proxy where they look for one."""
        yield from (str(self.interpreter.program), "-I", "-S", "-c", _FORWARDER.read_text(encoding="utf-8"))

    def _machine(self, kit: Kit) -> Iterator[str]:
        """Show programs and libraries of the machine, read-only, and nothing of ours that may lie between them."""
        yield from ("--ro-bind", "/usr", "/usr")
        for name in _TOP:
            top = Path("/", name)
            if top.is_symlink():
                yield from ("--symlink", os.readlink(top), f"/{name}")
            elif top.is_dir():
                yield from ("--ro-bind", f"/{name}", f"/{name}")
        home, shown = self.interpreter.home, [Path("/usr")]
        if not home.is_relative_to("/usr"):
            yield from ("--ro-bind", str(home), str(home))
            shown.append(home)
        for path in (*self.hidden, self.interpreter.installed):
            if path.is_dir() and any(path.is_relative_to(place) for place in shown):
                yield from ("--size", "4096", "--tmpfs", str(path), "--remount-ro", str(path))
        for name, path in self.interpreter.shown(kit):
            yield from ("--ro-bind", str(path), f"{_LIBRARIES}/{name}")


def _own(limits: Limits, opened: Opened) -> Iterator[str]:
    """Give the run its own /proc, /dev, /etc and /tmp."""
    yield from ("--proc", "/proc", "--dev", "/dev")
    yield from ("--size", str(limits.scratch), "--tmpfs", "/dev/shm", "--remount-ro", "/dev")  # noqa: S108 - the run's own
    yield from ("--size", str(limits.scratch), "--tmpfs", "/tmp")  # noqa: S108
    for path, descriptor in opened.files.items():
        yield from ("--ro-bind-data", str(descriptor), path)
    for name in _MACHINE:
        yield from ("--ro-bind-try", name, name)


def _brought(command: Command) -> Iterator[str]:
    yield from ("--bind", str(command.workspace.absolute()), WORK)
    for name, path in command.given.items():
        yield from ("--ro-bind", str(path.absolute()), f"{GIVEN}/{name}")
    if command.network is not None:
        yield from ("--ro-bind", str(command.network.absolute()), PROXY)
        for name in _CERTIFICATES:
            yield from ("--ro-bind-try", name, name)


def _variables(command: Command) -> Iterator[str]:
    way = {} if command.network is None else _WAY_OUT
    for name, value in (_ENVIRONMENT | way | dict(command.env)).items():
        yield from ("--setenv", name, value)


def _measures(limits: Limits) -> Iterator[str]:
    """Set the kernel's limits from within, where a count of processes counts those of the room only."""
    seconds = int(limits.seconds) + 1
    yield from ("/usr/bin/prlimit", f"--nproc={limits.pids + _SPARE_PIDS}", f"--nofile={limits.descriptors}")
    yield from (f"--as={max(8 * limits.memory, _LEAST_ADDRESSES)}", f"--cpu={seconds}", f"--fsize={limits.disk}")
    yield from ("--core=0", "--memlock=65536", "--msgqueue=0", "--sigpending=256", "--rtprio=0", "--nice=0", "--")


class Opened:
    """The descriptors that bubblewrap is given: its filter, the files of /etc, and the pipe it reports on."""

    def __init__(self) -> None:
        machine = platform.machine()
        self._all: list[int] = []
        reading, self.status = os.pipe()
        self.reading = reading
        self._all.append(self.status)
        try:
            self.filter = self._memory(assemble(machine)) if machine in MACHINES else -1
            self.files = {path: self._memory(text.encode()) for path, text in _FILES.items()}
        except OSError:
            self.close()
            os.close(reading)
            raise

    @property
    def descriptors(self) -> tuple[int, ...]:
        return tuple(self._all)

    def close(self) -> None:
        """Close our side of what the child has; `reading` stays open and is the caller's."""
        for descriptor in self._all:
            os.close(descriptor)
        self._all.clear()

    def _memory(self, content: bytes) -> int:
        descriptor = os.memfd_create("sandbox", os.MFD_CLOEXEC)
        self._all.append(descriptor)
        os.write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        return descriptor
