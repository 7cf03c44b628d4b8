"""The Python that code in the sandbox runs with: the machine's own, and a few libraries by name, never our environment."""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

LIBRARIES = ("numpy", "pandas", "matplotlib", "openpyxl", "pillow")
"""What code can import beside the standard library, with all that they need themselves."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python as seen from inside: its program, the folder it lives in, and the libraries (name inside -> where it is)."""

    program: Path
    home: Path
    libraries: tuple[tuple[str, Path], ...]
    installed: Path
    """Where packages of the machine's own Python are; hidden, because the product may be among them."""


def find_interpreter() -> Interpreter:
    """Describe the Python that this process runs on, without the virtual environment around it."""
    home = Path(os.path.realpath(sys.base_prefix))
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    installed = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    return Interpreter(home / "bin" / name, home, tuple(sorted(_libraries().items())), installed)


def _libraries() -> dict[str, Path]:
    """Find the files and folders at the top of each wanted distribution: numpy, numpy.libs, six.py and so on."""
    found: dict[str, Path] = {}
    for distribution in _needed():
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not top.endswith((".dist-info", ".pth")):
                found.setdefault(top, Path(str(distribution.locate_file(top))))
    return {name: path for name, path in found.items() if path.exists()}


def _needed() -> Iterator[importlib.metadata.Distribution]:
    waiting, seen = list(LIBRARIES), set[str]()
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # wanted on another system only, such as tzdata on Windows
        yield distribution
        asked = (r.split(";") for r in distribution.requires or ())
        waiting += [m.group() for r in asked if "extra" not in r[-1] and (m := _NAME.match(r[0].strip()))]
