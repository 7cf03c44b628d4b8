"""Counts what a run takes: processes, memory, disk. From outside, by what the kernel says; nothing in the room is asked."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tools.beneath import Opener
from tools.clearing import unlock

_PAGE = os.sysconf("SC_PAGE_SIZE")
_BLOCK = 512  # bytes, the unit of st_blocks
_FOLDER = os.O_RDONLY | os.O_DIRECTORY
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError, NotADirectoryError)
_MEMORY_PLACES = ("tmp", "dev/shm")
_INODE = 1024  # bytes of kernel memory that an empty file in memory takes


@dataclass(frozen=True, slots=True)
class Count:
    """What stands at one moment: processes, their threads, open files, and resident memory with shared pages counted often."""

    processes: tuple[int, ...]
    threads: int
    descriptors: int
    resident: int


def count(first: int) -> Count:
    """Count a process and all below it; whatever lost its parent in the room hangs below the first one again."""
    processes, threads, descriptors, resident, waiting = [], 0, 0, 0, [first]
    while waiting:
        process = waiting.pop()
        with suppress(*_GONE):
            tasks = os.listdir(f"/proc/{process}/task")
            resident += int(Path(f"/proc/{process}/statm").read_bytes().split()[1]) * _PAGE
            descriptors += os.stat(f"/proc/{process}/fd").st_size  # how many there are, since Linux 6.2
            processes.append(process)
            threads += len(tasks)
            for task in tasks:
                with suppress(*_GONE):
                    children = Path(f"/proc/{process}/task/{task}/children").read_bytes()
                    waiting += [int(child) for child in children.split()]
    return Count(tuple(processes), threads, descriptors, resident)


def proportional(processes: tuple[int, ...]) -> int:
    """Add up memory so that a page shared by many counts once. Slower than `count`, and right."""
    total = 0
    for process in processes:
        with suppress(*_GONE):
            rows = Path(f"/proc/{process}/smaps_rollup").read_bytes().splitlines()
            fields = dict(row.split(b":", 1) for row in rows[1:])
            total += (int(fields[b"Pss"].split()[0]) + int(fields[b"Swap"].split()[0])) * 1024
    return total


def files_in_memory(first: int) -> int:
    """Say how many bytes the files in the room's /tmp and /dev/shm take, with what each file costs the kernel."""
    total = 0
    for place in _MEMORY_PLACES:
        with suppress(OSError):  # not built yet, or gone already
            inside = Path("/proc", str(first), "root", place)
            if os.stat(inside).st_dev != _device(Path("/", place)):  # else it is the machine's: the room is being built
                info = os.statvfs(inside)
                total += (info.f_blocks - info.f_bfree) * info.f_frsize + (info.f_files - info.f_ffree) * _INODE
    return total


def _device(path: Path) -> int | None:
    return os.stat(path).st_dev if path.exists() else None


@dataclass(frozen=True, slots=True)
class Contents:
    """What a workspace holds: bytes on disk, and entries."""

    size: int
    entries: int


def contents(opener: Opener, folder: int, most: int) -> Contents:
    """Count what is below an open folder, without following links and at most `most` entries; locked folders are unlocked.

    What is too deep to be named counts as too much: nothing that people want is, and it could not be counted.
    """
    size = entries = 0
    waiting = ["."]
    while waiting and entries <= most:
        path = waiting.pop()
        try:
            for name, info in _within(opener, folder, path):
                size += info.st_blocks * _BLOCK
                entries += 1
                if stat.S_ISDIR(info.st_mode):
                    waiting.append(f"{path}/{name}" if path != "." else name)
        except OSError as error:
            if error.errno == errno.ENAMETOOLONG:
                return Contents(size, most + 1)
    return Contents(size, entries)


def _within(opener: Opener, folder: int, path: str) -> list[tuple[str, os.stat_result]]:
    try:
        here = opener(folder, path, _FOLDER, 0)
    except PermissionError:
        parent, _, name = path.rpartition("/")
        above = opener(folder, parent or ".", _FOLDER, 0)
        try:
            unlock(above, name)
        finally:
            os.close(above)
        here = opener(folder, path, _FOLDER, 0)
    found = []
    try:
        for name in os.listdir(here):
            with suppress(FileNotFoundError):
                found.append((name, os.stat(name, dir_fd=here, follow_symlinks=False)))
    finally:
        os.close(here)
    return found


def unlinked(processes: tuple[int, ...], device: int) -> int:
    """Add up the bytes of files that are open and no longer in any folder of a device."""
    seen: dict[int, int] = {}
    for process in processes:
        with suppress(*_GONE):
            for descriptor in os.listdir(f"/proc/{process}/fd"):
                with suppress(OSError):
                    info = os.stat(f"/proc/{process}/fd/{descriptor}")
                    if info.st_nlink == 0 and info.st_dev == device and stat.S_ISREG(info.st_mode):
                        seen[info.st_ino] = info.st_blocks * _BLOCK
    return sum(seen.values())
