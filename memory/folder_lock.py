"""A folder that exactly one process may use."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from core.errors import BadInput

LOCK = ".lock"


class FolderLock:
    """Makes this process the only one that uses a folder: Chroma breaks silently when two do."""

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise BadInput(f"The folder of the index, {folder}, cannot be used: {error.strerror}.") from None
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._file)
            raise BadInput(
                "Another Staffwork process is using this data folder. Stop it first, or set STAFFWORK_DATA_DIR to another."
            ) from None

    def release(self) -> None:
        os.close(self._file)
