"""Finding words in texts: which sentence or line holds them, and exactly where."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from core.missions import Source
from tools.reading import Document, Piece

_LONGEST = 500  # characters of one quote
_AROUND = 1_500  # characters before and behind a match in which its sentence is looked for
_MOST_TERMS = 12
_MOST_PLACES = 500  # of one word in one file or page; a rarer word next to it is found all the same
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
_CLOSED = re.compile(r"[.!?;,][\"')\]”]*\Z")
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
    return tuple(dict.fromkeys(_stem(word) for word in telling))[:_MOST_TERMS]


def find(documents: Iterable[Document], wanted: Sequence[str]) -> list[Hit]:
    """Find the places that hold any of the words, those with the most and the rarest first."""
    patterns = {word: _pattern(word) for word in wanted}
    hits = [hit for document in documents for piece in document.pieces for hit in _hits(document, piece, patterns)]
    frequency = Counter(word for hit in hits for word in hit.words)
    weight = {word: math.log(1 + len(hits) / count) for word, count in frequency.items()}
    unique = {(h.source.file, h.source.origin_id, h.source.page, h.source.quote): h for h in reversed(hits)}
    return sorted(reversed(unique.values()), key=lambda hit: -sum(weight[word] for word in hit.words))


def find_exactly(documents: Iterable[Document], text: str) -> list[Hit]:
    """Find the lines that hold a text as it is, or begin it, in the order of the files."""
    return list(islice((hit for document in documents for hit in _lines_with(document, text)), _MOST_PLACES))


def _lines_with(document: Document, text: str) -> Iterator[Hit]:
    for piece in document.pieces:
        at = piece.text.find(text)
        while at >= 0:
            start, end = piece.text.rfind("\n", 0, at) + 1, piece.text.find("\n", at)
            end = len(piece.text) if end < 0 else end
            first = start if end - start <= _LONGEST else max(start, at - _LONGEST // 3)
            yield Hit(piece.source(document.file, first, min(end, first + _LONGEST)), frozenset())
            at = piece.text.find(text, max(end, at + 1))


def fold(text: str) -> str:
    """Fold case and accents, which people leave out when they search; every character keeps its place."""
    if text.isascii():
        return text.lower()
    return text.translate({ord(c): _folded(c) for c in set(text)})


def _folded(character: str) -> str:
    plain = [c for c in unicodedata.normalize("NFKD", character.casefold()) if not unicodedata.combining(c)]
    return plain[0] if len(plain) == 1 else character


def _pattern(word: str) -> re.Pattern[str]:
    """Match a stem with what may follow it: anything if it is long enough to be telling, else a plural ending."""
    return re.compile(rf"\b{re.escape(word)}" + (r"\w*" if len(word) > 3 else r"(?:s|y|ies)?\b"))


def _hits(document: Document, piece: Piece, patterns: Mapping[str, re.Pattern[str]]) -> Iterator[Hit]:
    """Quote what stands around each match; of a word that is everywhere only the first places."""
    folded = fold(piece.text)
    found = [
        (match.start(), word)
        for word, pattern in patterns.items()
        for match in islice(pattern.finditer(folded), _MOST_PLACES)
    ]
    prose = document.file.suffix in _PROSE
    span, words = (0, 0), set[str]()
    for at, word in sorted(found):
        if at >= span[1]:
            if words:
                yield Hit(piece.source(document.file, *span), frozenset(words))
            span, words = _unit(piece.text, at, prose=prose), set()
        words.add(word)
    if words:
        yield Hit(piece.source(document.file, *span), frozenset(words))


def _unit(text: str, at: int, *, prose: bool) -> tuple[int, int]:
    """Find the sentence (in prose) or line around a place; a heading takes along what stands under it."""
    spans = list(
        _spans(text, max(at - _AROUND, 0), min(at + _AROUND, len(text)), _SENTENCE_END if prose else _LINE_END)
    )
    number = next(i for i, (start, end) in enumerate(spans) if start <= at < end)
    start, end = spans[number]
    last = _with_what_follows(text, spans, number) if prose else end
    return _window(text, start, last, at)


def _spans(text: str, first: int, last: int, end_of_unit: re.Pattern[str]) -> Iterator[tuple[int, int]]:
    start = first
    for gap in [*((m.start(), m.end()) for m in end_of_unit.finditer(text, first, last)), (last, last)]:
        if unit := text[start : gap[0]].strip():
            begin = text.index(unit, start)
            yield begin, begin + len(unit)
        start = gap[1]


def _with_what_follows(text: str, spans: Sequence[tuple[int, int]], number: int) -> int:
    """Let a heading take along what stands under it."""
    start, end = spans[number]
    alone = end - start <= _HEADING and re.match(r"[ \t]*\n", text[end : end + 100]) is not None
    if not alone or _CLOSED.search(text, start, end) or _ITEM.match(text, start):
        return end
    return max([end, *(e for _, e in spans[number + 1 : number + 6] if e - start <= _LONGEST)])


def _window(text: str, start: int, end: int, at: int) -> tuple[int, int]:
    """Cut what is too long to quote, at spaces, around a place."""
    if end - start <= _LONGEST:
        return start, end
    first = (
        start if at - start < _LONGEST // 2 else max(text.rfind(" ", start, at - _LONGEST // 3) + 1, at - _LONGEST // 2)
    )
    last = min(end, first + _LONGEST)
    return first, max(text.rfind(" ", first, last), last - _LONGEST // 4) if last < end else last


def _stem(word: str) -> str:
    if len(word) > 5 and word.endswith("ies"):
        return word[:-3]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
