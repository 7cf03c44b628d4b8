"""Removing a folder with everything in it, whatever a program made of it: locked, thousands of levels deep, full of links."""

from __future__ import annotations

import fcntl
import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def clear(folder: Path) -> None:
    """Remove a folder. Each folder found in it is first moved to its top, so that depth costs nothing and needs no recursion.

    Raises FileNotFoundError if there is none. Two that clear one folder at once may do so; each takes what it finds.
    """
    parent = os.open(folder.parent, _FOLDER)
    try:
        unlock(parent, folder.name)
        top = os.open(folder.name, _FOLDER, dir_fd=parent)
    finally:
        os.close(parent)
    try:
        waiting = ["."]
        while waiting:
            waiting += _empty(top, waiting.pop())
    finally:
        os.close(top)
    os.rmdir(folder)


def _empty(top: int, name: str) -> list[str]:
    """Remove the files of one folder at the top, move its folders up, remove it; returns the names of those moved."""
    here = os.open(name, _FOLDER, dir_fd=top)
    try:
        moved = []
        for entry in os.listdir(here):
            if stat.S_ISDIR(os.stat(entry, dir_fd=here, follow_symlinks=False).st_mode):
                unlock(here, entry)
                moved.append(f".clearing-{secrets.token_hex(8)}")
                os.rename(entry, moved[-1], src_dir_fd=here, dst_dir_fd=top)
            else:
                os.unlink(entry, dir_fd=here)
    finally:
        os.close(here)
    if name != ".":
        os.rmdir(name, dir_fd=top)
    return moved


def held_folder(root: Path, prefix: str) -> tuple[Path, int]:
    """Make a new folder, held until the descriptor is closed or this process ends in whatever way: see `sweep`."""
    while True:
        folder = root / f"{prefix}{secrets.token_hex(8)}"
        folder.mkdir(0o700, parents=True)
        held = os.open(folder, _FOLDER)
        with suppress(OSError):  # one who sweeps came between
            fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if os.fstat(held).st_nlink:
                return folder, held
        os.close(held)


def put_away(folder: Path, held: int) -> None:
    """Remove a held folder, and let go of it."""
    try:
        with suppress(FileNotFoundError):
            clear(folder)
    finally:
        os.close(held)


def sweep(root: Path, prefix: str) -> int:
    """Remove the folders that nobody holds any more, because whoever made them was killed; returns how many."""
    gone = 0
    for left in sorted(root.glob(f"{prefix}*")):
        with suppress(OSError):
            found = os.open(left, _FOLDER)
            try:
                fcntl.flock(found, fcntl.LOCK_EX | fcntl.LOCK_NB)
                clear(left)
                gone += 1
            finally:
                os.close(found)
    return gone


def unlock(parent: int, name: str) -> None:
    """Let us into a folder of ours that a program locked; a link of that name, put there this moment, is not followed."""
    if not hasattr(os, "O_PATH"):  # not Linux
        os.chmod(name, 0o700, dir_fd=parent, follow_symlinks=False)
        return
    found = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        os.chmod(f"/proc/self/fd/{found}", 0o700)
    finally:
        os.close(found)
