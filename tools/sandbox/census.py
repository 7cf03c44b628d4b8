"""Counts what a run takes: processes, memory, disk. From outside, by what the kernel says; nothing in the room is asked."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PAGE = os.sysconf("SC_PAGE_SIZE")
_BLOCK = 512  # bytes, the unit of st_blocks
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
            info = os.statvfs(f"/proc/{first}/root/{place}")
            total += (info.f_blocks - info.f_bfree) * info.f_frsize + (info.f_files - info.f_ffree) * _INODE
    return total


@dataclass(frozen=True, slots=True)
class Contents:
    """What a workspace holds: bytes on disk and entries; `whole` is False if the count stopped at its limit."""

    size: int
    entries: int
    whole: bool = True


def contents(folder: int, most: int) -> Contents:
    """Count what is below an open folder, without following links and at most `most` entries."""
    size = entries = 0
    for info in _walk(folder):
        size += info.st_blocks * _BLOCK
        entries += 1
        if entries > most:
            return Contents(size, entries, whole=False)
    return Contents(size, entries)


def _walk(folder: int) -> Iterator[os.stat_result]:
    """Yield what `stat` says of each entry. Folders are entered by one step each, so that none can be swapped for a link."""
    waiting: list[str] = ["."]
    while waiting:
        path = waiting.pop()
        try:
            here = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
        except OSError:  # gone, locked, too deep to name, or a link by now
            continue
        try:
            with suppress(OSError):
                for name in os.listdir(here):
                    with suppress(OSError):
                        info = os.stat(name, dir_fd=here, follow_symlinks=False)
                        yield info
                        if stat.S_ISDIR(info.st_mode):
                            waiting.append(f"{path}/{name}")
        finally:
            os.close(here)


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
