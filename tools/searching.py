"""Finding words in texts: which sentence or line holds them, and exactly where."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from core.missions import Source
from tools.reading import Document, Piece

_LONGEST = 500  # characters of one quote
_HEADING = 80
_COMMON = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be by for from in is it its of on or that the this to was were what which with "
        "der die das und ist den von zu mit le la les et est des un une du",
    )
)
# A sentence ends at its mark (not that of a numbered item) and the quotation mark behind it, at an empty line, or where
# the next line opens an item of a list or a heading.
_SENTENCE_END = re.compile(
    r"(?:(?<=[.!?])(?<!^\d\.)(?<!^\d\d\.)|(?<=[.!?][\"')\]”]))\s+"
    r"|\n\s*\n"
    r"|\n(?=\s*(?:[-*•–#|]|\d+[.)]\s))",
    re.MULTILINE,
)
_ITEM = re.compile(r"[-*•–|]|\d+[.)]\s")
_LINE_END = re.compile(r"\n")
_PROSE = (".md", ".txt", ".rst", ".pdf", ".docx", ".pptx", ".html", ".htm", "")


@dataclass(frozen=True, slots=True)
class Hit:
    """One place where words of the query stand."""

    source: Source
    words: frozenset[str]


def terms(query: str) -> tuple[str, ...]:
    """Take the words of a query that say something, without plural endings; all of them if none does."""
    words = dict.fromkeys(re.findall(r"\w+", fold(query)))
    telling = [word for word in words if word not in _COMMON] or list(words)
    return tuple(dict.fromkeys(_stem(word) for word in telling))


def find(documents: Iterable[Document], wanted: Sequence[str]) -> list[Hit]:
    """Find the places that hold any of the words, those with the most and the rarest first."""
    hits = [hit for document in documents for piece in document.pieces for hit in _hits(document, piece, wanted)]
    frequency = Counter(word for hit in hits for word in hit.words)
    weight = {word: math.log(1 + len(hits) / count) for word, count in frequency.items()}
    unique = {(h.source.file, h.source.origin_id, h.source.page, h.source.quote): h for h in reversed(hits)}
    return sorted(reversed(unique.values()), key=lambda hit: -sum(weight[word] for word in hit.words))


def fold(text: str) -> str:
    """Fold case and accents, which people leave out when they search."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))


def _hits(document: Document, piece: Piece, wanted: Sequence[str]) -> Iterator[Hit]:
    prose = document.file.suffix in _PROSE
    spans = list(_spans(piece.text, _SENTENCE_END if prose else _LINE_END))
    for number, (start, end) in enumerate(spans):
        if found := _found(piece.text[start:end], wanted):
            last = _with_what_follows(piece.text, spans, number) if prose else end
            yield Hit(piece.source(document.file, *_window(piece.text, start, last, found)), found)


def _spans(text: str, end_of_unit: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    start = 0
    for gap in [*((m.start(), m.end()) for m in end_of_unit.finditer(text)), (len(text), len(text))]:
        if unit := text[start : gap[0]].strip():
            begin = text.index(unit, start)
            yield begin, begin + len(unit)
        start = gap[1]


def _found(unit: str, wanted: Sequence[str]) -> frozenset[str]:
    folded = fold(unit)
    likely = [word for word in wanted if word in folded]
    if not likely:
        return frozenset()
    words = set(re.findall(r"\w+", folded))
    return frozenset(
        w for w in likely if any(k == w or _stem(k) == w or (len(w) > 3 and k.startswith(w)) for k in words)
    )


def _with_what_follows(text: str, spans: Sequence[tuple[int, int]], number: int) -> int:
    """Let a heading take along what stands under it."""
    start, end = spans[number]
    if end - start > _HEADING or text[end - 1] in ".!?;," or _ITEM.match(text, start):
        return end
    return max([end, *(e for _, e in spans[number + 1 : number + 6] if e - start <= _LONGEST)])


def _window(text: str, start: int, end: int, found: Iterable[str]) -> tuple[int, int]:
    """Cut what is too long to quote, at spaces, around the first word found."""
    if end - start <= _LONGEST:
        return start, end
    places = [at for word in found if (at := text.lower().find(word, start, end)) >= 0]
    centre = min(places, default=start)
    first = start if centre - start < _LONGEST // 2 else text.rfind(" ", start, centre - _LONGEST // 3) + 1 or start
    last = min(end, first + _LONGEST)
    return first, max(text.rfind(" ", first, last), last - _LONGEST // 4) if last < end else last


def _stem(word: str) -> str:
    if len(word) > 5 and word.endswith("ies"):
        return word[:-3]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
