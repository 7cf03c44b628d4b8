"""Files that hold a key: made once, whole or not at all, readable by their owner only."""

from __future__ import annotations

import logging
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path

from core.errors import Misconfigured

log = logging.getLogger(__name__)
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def kept(path: Path, make: Callable[[], str]) -> str:
    """Read a key file; `make` writes its content if there is none yet, and whoever is first wins (blocking)."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        arriving = _written(path, make())
        try:
            os.link(arriving, path)
        except FileExistsError:
            pass  # another process made it meanwhile
        finally:
            arriving.unlink()
    return path.read_text().strip()


def replace(path: Path, content: str) -> None:
    """Put new content into a key file, safe against a power cut: afterwards it is the old or the new one (blocking)."""
    arriving = _written(path, content)
    os.replace(arriving, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def check_private(path: Path) -> None:
    """See that nobody else can read a key file; raises Misconfigured if that cannot be had (blocking)."""
    if not path.stat().st_mode & _OTHERS:
        return
    try:
        path.chmod(0o600)
    except OSError as error:
        raise Misconfigured(f"{path}: others can read this key, and that cannot be changed: {error}.") from error
    if path.stat().st_mode & _OTHERS:
        raise Misconfigured(f"{path}: others can read this key. Put it where only Staffwork may read it (chmod 600).")
    log.warning("%s could be read by others; now only its owner may. If somebody did, give the house a new key.", path)


def _written(path: Path, content: str) -> Path:
    arriving = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    with open(os.open(arriving, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return arriving
