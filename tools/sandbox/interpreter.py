"""The Python that code in the sandbox runs with: the machine's own, and a few libraries by name, never our environment."""

from __future__ import annotations

import ast
import importlib.metadata
import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.sandbox.terms import Kit

LIBRARIES = ("numpy", "pandas", "matplotlib", "openpyxl", "pillow")
"""What code can import beside the standard library, with all that they need themselves."""

IF_THERE = ("pytest",)
"""The same, where somebody installed it beside us; nothing we ship needs it."""

READERS = (
    "markitdown",
    "pypdf",
    "python-calamine",
    "mammoth",
    "lxml",
    "python-pptx",
    "openpyxl",
    "pandas",
    "cryptography",
    "tree-sitter",
    "tree-sitter-go",
    "tree-sitter-java",
    "tree-sitter-javascript",
    "tree-sitter-rust",
    "tree-sitter-typescript",
    "duckdb",
    "pillow",
)
"""What our own readers of strangers' files need; the extras of markitdown by name."""

WORKERS = (
    "duckdb",
    "python-calamine",
    "matplotlib",
    "openpyxl",
    "pillow",
    "python-docx",
    "python-pptx",
    "reportlab",
    "markdown-it-py",
    "pydantic",
    "beautifulsoup4",
    "lxml",
    "markdownify",
)
"""What our own programs need that work with strangers' data."""

NEED_METADATA = ("duckdb",)
"""Libraries that ask for their own version while they are imported."""

PROGRAMS = (
    "memory/parsing.py",
    "tools/archive_worker.py",
    "tools/code_worker.py",
    "tools/making_worker.py",
    "tools/making_pictures.py",  # loaded by the one before when it is needed
)
"""Our own programs that read strangers' files, from the top of the product."""

WORKING = (
    "tools/table_worker.py",
    "tools/page_text.py",
    "tools/difference_worker.py",
    "tools/making_worker.py",
    "tools/making_charts.py",  # these are loaded by the one before when they are needed
    "tools/making_sheets.py",
    "tools/making_docx.py",
    "tools/making_pdf.py",
    "tools/making_slides.py",
)
"""Our own programs that answer SQL over strangers' tables, draw, write documents, and take the text out of pages."""

_PRODUCT = Path(__file__).resolve().parents[2]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python as seen from inside: its program, the folder it lives in, and the libraries (name inside -> where it is)."""

    program: Path
    home: Path
    libraries: tuple[tuple[str, Path], ...]
    readers: tuple[tuple[str, Path], ...]
    """Our own readers of strangers' files, and the libraries they need (name inside -> where it is)."""
    workers: tuple[tuple[str, Path], ...]
    """Our own programs that work with strangers' data, and theirs."""
    installed: Path
    """Where packages of the machine's own Python are; hidden, because the product may be among them."""

    def shown(self, kit: Kit) -> tuple[tuple[str, Path], ...]:
        """List what can be imported with a kit (name inside -> where it is)."""
        return {"code": self.libraries, "reading": self.readers, "working": self.workers}[kit]


def find_interpreter() -> Interpreter:
    """Describe the Python that this process runs on, without the virtual environment around it."""
    home = Path(os.path.realpath(sys.base_prefix))
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    installed = Path(sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)}))
    views = (
        _libraries((*LIBRARIES, *IF_THERE)),
        _libraries(READERS) | _programs(PROGRAMS),
        _libraries(WORKERS) | _programs(WORKING),
    )
    libraries, readers, workers = (tuple(sorted(view.items())) for view in views)
    return Interpreter(home / "bin" / name, home, libraries, readers, workers, installed)


def _programs(names: Iterable[str]) -> dict[str, Path]:
    return {str(path.relative_to(_PRODUCT)): path for path in _sources(names)}


def _sources(programs: Iterable[str]) -> set[Path]:
    """Find the files of our own that programs import, themselves included, and nothing else of the product."""
    waiting, found = [_PRODUCT / program for program in programs], set[Path]()
    while waiting:
        path = waiting.pop()
        if path in found or not path.is_file():
            continue
        found.add(path)
        waiting.append(path.with_name("__init__.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            module = node.module if isinstance(node, ast.ImportFrom) and not node.level else None
            waiting += [_PRODUCT / f"{module.replace('.', '/')}.py"] if module else []
    return found


def _libraries(names: Iterable[str]) -> dict[str, Path]:
    """Find the files and folders at the top of each wanted distribution: numpy, numpy.libs, six.py and so on."""
    found: dict[str, Path] = {}
    for distribution in _needed(names):
        # Once for each: its name is read out of its whole description.
        unwanted = (".pth",) if distribution.name in NEED_METADATA else (".dist-info", ".pth")
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and not top.endswith(unwanted):
                found.setdefault(top, Path(str(distribution.locate_file(top))))
    return {name: path for name, path in found.items() if path.exists()}


def _needed(names: Iterable[str]) -> Iterator[importlib.metadata.Distribution]:
    waiting, seen = list(names), set[str]()
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
