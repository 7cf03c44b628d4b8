"""Text cut into passages: no overlap, at natural borders, each with its place. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

LEAST, MOST, TAIL = 700, 1200, 300
"""Characters: a cut falls between LEAST and MOST, and leaves at least about TAIL for the last passage."""
MOST_PASSAGES = 20_000
"""Passages kept of one file: about 20 million characters, ten thick books."""

_SURROGATES = re.compile("[\ud800-\udfff]")
_BORDERS = ("\n\n", "\n", ". ", "! ", "? ", "; ", " ")


@dataclass(frozen=True, slots=True)
class Section:
    """A stretch of a document as its reader found it; `line` is the number of its first line."""

    text: str
    page: int | None = None
    line: int = 1


Piece = tuple[str, int | None, int]
"""A passage's text, page and line (both 1-based; page None where the document has none)."""


def clean(text: str) -> str:
    """Make text safe to store: plain newlines, no NUL characters, no lone surrogates."""
    return storable(text.replace("\r\n", "\n").replace("\r", "\n"))


def storable(text: str) -> str:
    """Take out what no database takes or gives back: NUL characters and lone surrogates."""
    return _SURROGATES.sub("\ufffd", text.replace("\x00", ""))


def passages(sections: Iterable[Section]) -> Iterator[Piece]:
    """Cut sections into passages of about 800 to 1200 characters; joined, those of a section are its cleaned text.

    A passage never spans two sections, so its page is exact; its line is that of its first visible character.
    """
    for section in sections:
        text = clean(section.text)
        if text.strip():
            yield from _cut(text, section)


def _cut(text: str, section: Section) -> Iterator[Piece]:
    line, start = section.line, 0
    while start < len(text):
        end = _border(text, start) if len(text) - start > MOST else len(text)
        piece = text[start:end]
        blank = len(piece) - len(piece.lstrip())
        yield piece, section.page, max(line + piece.count("\n", 0, blank), 1)
        line += piece.count("\n")
        start = end


def _border(text: str, start: int) -> int:
    """Find the best place to cut after `start`: behind a paragraph, a line, a sentence, a word, or just there."""
    last = min(start + MOST, len(text) - TAIL)
    for border in _BORDERS:
        found = text.rfind(border, start + LEAST, last)
        if found >= 0:
            return found + len(border)
    return last
