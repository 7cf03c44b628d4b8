"""Whether a text holds a quote, and where: word by word, since spaces, marks and cases differ between copies. Pure."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from core.logs import MASK
from core.memories import Passage

_ALONE = "\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af"  # scripts without spaces: each of their letters is a word
_WORD = re.compile(rf"[{_ALONE}]|[^\W{_ALONE}]+")
_LEFT_OUT = re.compile(rf"\[?\s*(?:…|\.{{3,}})\s*\]?|{re.escape(MASK)}")
LONGEST = 2_000
"""Characters of one quote that are looked for."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Exact text of a document from where it begins; `page` is None where there are none, lines count within the page."""

    text: str
    page: int | None
    line: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a quote stands: `stretch` in the list that was searched, and its characters there."""

    stretch: int
    start: int
    end: int


def stretches(passages: Sequence[Passage]) -> list[Stretch]:
    """Put passages, which are cut without overlap, together again: one stretch for each page and each gap."""
    found: list[Stretch] = []
    parts: list[Passage] = []
    for passage in sorted(passages, key=lambda p: p.position):
        if parts and (passage.page != parts[-1].page or passage.position != parts[-1].position + 1):
            found.append(_joined(parts))
            parts = []
        parts.append(passage)
    return [*found, _joined(parts)] if parts else found


def locate(quote: str, searched: Sequence[Stretch]) -> Place | None:
    """Find a quote; one with parts left out ("…") stands where all of them follow each other. None if it is not there."""
    parts = [words for part in _LEFT_OUT.split(quote[:LONGEST]) if (words := _words(part))]
    if not parts:
        return None
    for number, stretch in enumerate(searched):
        if (found := _Text(stretch.text).find(parts)) is not None:
            return Place(number, *found)
    # Over the border of two pages: the place is where it begins.
    for number, (first, second) in enumerate(pairwise(searched)):
        if (found := _Text(f"{first.text}\n{second.text[:LONGEST]}").find(parts)) is not None:
            return Place(number, found[0], min(found[1], len(first.text)))
    return None


def line_at(stretch: Stretch, start: int) -> int:
    """Number the line a character stands on."""
    return stretch.line + stretch.text.count("\n", 0, start)


class _Text:
    """A text as its words, each with its characters."""

    def __init__(self, text: str) -> None:
        self._spans = list(_spans(text))
        self._flat = " ".join(word for word, _, _ in self._spans)
        self._starts: list[int] = []
        at = 0
        for word, _, _ in self._spans:
            self._starts.append(at)
            at += len(word) + 1

    def find(self, parts: Sequence[list[str]]) -> tuple[int, int] | None:
        begin, at = -1, 0
        for words in parts:
            wanted = " ".join(words)
            at = self._flat.find(wanted, at)  # its first and last word may be cut
            if at < 0:
                return None
            begin = at if begin < 0 else begin
            at += len(wanted)
        first = bisect_right(self._starts, begin) - 1
        last = bisect_right(self._starts, at - 1) - 1
        return self._spans[first][1], self._spans[last][2]


def _words(text: str) -> list[str]:
    return [word for word, _, _ in _spans(text)]


def _spans(text: str) -> Iterator[tuple[str, int, int]]:
    """Give the words of a text with their characters; a word cut by a hyphen at the end of a line is two of them."""
    for found in _WORD.finditer(text):
        yield unicodedata.normalize("NFKC", found.group()).casefold().replace(" ", ""), found.start(), found.end()


def _joined(passages: Sequence[Passage]) -> Stretch:
    text, first = "".join(p.text for p in passages), passages[0]
    blank = first.text.count("\n", 0, len(first.text) - len(first.text.lstrip()))
    # A passage's line is that of its first visible character.
    return Stretch(text, first.page, max((first.line or 1) - blank, 1))
