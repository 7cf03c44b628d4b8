"""The words of code understanding: what a file is written in, what stands in it, and what it asks of other files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TypedDict

LANGUAGES: Mapping[str, str] = {
    ".py": "python", ".pyi": "python", ".js": "javascript", ".jsx": "javascript", ".mjs": "javascript", ".cjs": "javascript",
    ".ts": "typescript", ".mts": "typescript", ".cts": "typescript", ".tsx": "tsx", ".go": "go", ".java": "java", ".rs": "rust",
}  # fmt: skip
MOST_FILES, MOST_BYTES, LARGEST_FILE = 600, 20_000_000, 1_000_000
_LONGEST = 160  # characters of a signature


class Item(TypedDict):
    """One thing a file defines: first and last line, how deep it lies in others, and how it begins."""

    line: int
    end: int
    depth: int
    text: str


class Import(TypedDict):
    """One import: its line, what it names as the language writes it, and (Python) how many folders up it begins."""

    line: int
    name: str
    level: int


class Finding(TypedDict):
    """One thing that is wrong, or looks like it."""

    line: int
    text: str


class Understood(TypedDict):
    """What one file says."""

    items: list[Item]
    imports: list[Import]
    errors: list[Finding]
    hints: list[Finding]
    package: str


def language_of(name: str) -> str:
    """Name the language of a file ("" if it is none of ours)."""
    return LANGUAGES.get(PurePosixPath(name).suffix.lower(), "")


def nothing() -> Understood:
    return Understood(items=[], imports=[], errors=[], hints=[], package="")


def item(line: int, end: int, depth: int, text: str) -> Item:
    said = " ".join(text.split())
    return Item(line=line, end=end, depth=depth, text=said if len(said) <= _LONGEST else said[: _LONGEST - 1] + "…")
