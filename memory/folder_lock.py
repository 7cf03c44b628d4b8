"""A folder that exactly one process may use."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from core.errors import BadInput

LOCK = ".lock"
_TRIES, _PAUSE = 5, 0.02


class FolderLock:
    """Makes this process the only one that uses a folder: Chroma breaks silently when two do."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise BadInput(f"The folder of the index, {folder}, cannot be used: {error.strerror}.") from None
        if not self._taken():
            os.close(self._file)
            raise BadInput(
                "Another Staffwork process is using this data folder. Stop it first, or set STAFFWORK_DATA_DIR to another."
            )

    def _taken(self) -> bool:
        """Take the lock; who only looks (see `in_use`) holds it for a moment."""
        for _ in range(_TRIES):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                time.sleep(_PAUSE)
            else:
                return True
        return False

    def release(self) -> None:
        os.close(self._file)


def in_use(folder: Path) -> bool:
    """Say whether a process has a folder for itself; others may look at the same time."""
    try:
        file = os.open(folder / LOCK, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(file)
    return False
