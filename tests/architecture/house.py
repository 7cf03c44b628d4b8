"""The source tree as plain text and syntax trees, read once; nothing of it is imported."""

from __future__ import annotations

import ast
import subprocess
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("core", "memory", "tools", "agents", "graphs", "api", "chat")


@dataclass(frozen=True)
class Source:
    """One Python file: its path from the root with forward slashes, its text and its tree."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        return _parse(self.text)

    @property
    def package(self) -> str:
        return self.path.split("/", 1)[0]

    @property
    def lines(self) -> int:
        return self.text.count("\n")


@cache
def _parse(text: str) -> ast.Module:
    return ast.parse(text)


def _read(path: Path) -> Source:
    return Source(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"))


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """Read the Python files below some folders, in order."""
    found = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return tuple(_read(path) for path in sorted(found) if "__pycache__" not in path.parts)


def house() -> tuple[Source, ...]:
    """Read the product's own files."""
    return sources(*PACKAGES)


@dataclass(frozen=True)
class Import:
    """One import: the dotted module, the names taken from it ("" for the module itself), the line."""

    module: str
    name: str
    line: int

    @property
    def top(self) -> str:
        return self.module.split(".", 1)[0]


def expect_none(problems: Iterable[str], words: str = "against the house rules") -> None:
    """Fail with one line per problem."""
    if lines := list(problems):
        pytest.fail("\n".join([f"{len(lines)} {words}:", *lines]), pytrace=False)


def imports(source: Source) -> list[Import]:
    """List every import of a file, also those inside functions and TYPE_CHECKING blocks; relative ones made absolute."""
    return list(_imports(source))


def _imports(source: Source) -> Iterator[Import]:
    parents = source.path.split("/")[:-1]
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, "", node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = parents[: len(parents) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(module, alias.name, node.lineno)


@cache
def project() -> dict[str, object]:
    """Read pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def requirements(extra: str = "") -> list[str]:
    """Name the packages that pyproject.toml asks for itself (or those of one extra), lower case with hyphens."""
    table = project()["project"]
    assert isinstance(table, dict)
    lines = table["optional-dependencies"][extra] if extra else table["dependencies"]
    return [_package_name(line) for line in lines]


def _package_name(requirement: str) -> str:
    name = requirement
    for mark in ("[", "=", "<", ">", "!", "~", ";", " "):
        name = name.split(mark, 1)[0]
    return name.strip().lower().replace("_", "-")


@cache
def tracked_files() -> tuple[Path, ...]:
    """List what git keeps or would keep; outside a git checkout, everything that is not hidden or generated."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode == 0:
        names = [name for name in done.stdout.decode().split("\0") if name]
        return tuple(path for name in sorted(names) if (path := ROOT / name).is_file())
    skipped = {".venv", ".git", "data", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", "build", "dist"}
    return tuple(p for p in sorted(ROOT.rglob("*")) if p.is_file() and not skipped & set(p.relative_to(ROOT).parts))


def document(name: str) -> str:
    """Read a page of docs/ (or a file of the root, with its suffix)."""
    path = ROOT / name if "." in name.lstrip(".") or name.startswith(".") else ROOT / "docs" / f"{name}.md"
    return path.read_text(encoding="utf-8")
