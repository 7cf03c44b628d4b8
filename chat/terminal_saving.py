"""Files that were made, put into a folder of the person's: never outside it, and never in place of what is there."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import BinaryIO

from core.errors import BadInput

_LONGEST = 180  # bytes of a name; more is refused by some file systems
_ODD = re.compile(r'[\x00-\x1f\x7f<>:"|?*]')
_MOST = 10_000


def ready(folder: Path) -> Path:
    """Make the folder if there is none; raises BadInput in words if nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        words = "there is a file of that name" if isinstance(problem, FileExistsError) else problem.strerror
        raise BadInput(f"{folder}: no folder for the files: {words}. Choose another one.") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"{folder}: nothing can be written there. Choose another folder.")
    return folder


def plain_name(name: str) -> str:
    """Make a name that is one file's in a folder, whatever an operator called it."""
    last = _ODD.sub("_", re.split(r"[/\\]", name)[-1]).rstrip(" .").lstrip()
    try:
        os.fsencode(last)
    except UnicodeEncodeError:  # this terminal's file system knows fewer letters
        last = last.encode("ascii", "replace").decode().replace("?", "_")
    stem, suffix = os.path.splitext(last)
    suffix = suffix[:20]
    while len((stem + suffix).encode("utf-8", "replace")) > _LONGEST:
        stem = stem[:-1]
    return (stem + suffix) or "file"


def opened(folder: Path, name: str) -> tuple[Path, BinaryIO]:
    """Open a new file of this name in a folder; where the name is taken it gets a number. Raises BadInput."""
    plain = Path(plain_name(name))
    for number in range(1, _MOST):
        place = folder / (plain if number == 1 else f"{plain.stem}-{number}{plain.suffix}")
        try:
            return place, place.open("xb")  # a link that stands there is not followed, either
        except FileExistsError:
            continue
        except OSError as problem:
            raise BadInput(f"{place} cannot be written: {problem.strerror}.") from None
    raise BadInput(f"{folder} holds too many files called {plain}. Choose another folder.")


def about(place: Path, name: str) -> str:
    """Say where a file is, and that its name was taken, if it was."""
    return f"{place}" if place.name == name else f"{place} ({name} was not free or cannot be a name here)"
