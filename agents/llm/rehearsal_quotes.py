"""Exact quotes with their places, taken from what the search and reading tools return."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from agents.llm.rehearsal_words import content_words, stem

_HIT = re.compile(
    r'^\d+\. ([^\n]*?)(?:, (page|line) (\d+))?: "(.*?)"(?=\n\d+\. |\n\d+ more places|\nNot searched: |\n[^\n]+: only its|\Z)',
    re.MULTILINE | re.DOTALL,
)
_RECALLED = re.compile(
    r"^\d+\. ([^\n]*?)(?:, (page|line) (\d+))? \((file|message|memory)\): (.*?)(?=\n\n\d+\. |\Z)",
    re.MULTILINE | re.DOTALL,
)
_PAGE = re.compile(r"^\[page (\d+)\]$", re.MULTILINE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n\s*\n|\n(?=\s*(?:[-*•]|\d+[.)])\s)")
_ORDINAL = re.compile(
    r"\b(?:first|second|third|fourth|another|further|main|biggest|greatest|also|finally)\b|^\W*\d+[.)]", re.I
)
_NUMBERS = {w: n for n, w in enumerate(("one", "two", "three", "four", "five", "six", "seven", "eight"), 1)}
_USUAL, _MOST = 3, 8


@dataclass(frozen=True)
class Quote:
    """A passage word for word, and where it stands."""

    text: str
    file: str
    where: str = ""  # page 2 | line 7 | ""
    heading: str = ""

    @property
    def place(self) -> str:
        return f"{self.file}, {self.where}" if self.where else self.file


def search_words(goal: str, file_names: Collection[str]) -> list[str]:
    """Choose the words of a goal worth searching for: those that mean something and do not just name the file."""
    named = {w for name in file_names for w in content_words(re.sub(r"[\W_]", " ", name))}
    without = re.sub(r"\(in [^()]*\)$", "", goal)
    for name in file_names:
        without = re.sub(re.escape(name), " ", without, flags=re.IGNORECASE)
    words = [stem(w) for w in re.findall(r"[^\W_]{3,}", without.lower()) if stem(w) in content_words(w)]
    return [w for w in dict.fromkeys(words) if w not in named][:6]


def wanted_number(goal: str) -> int:
    """Read how many passages are asked for (0 if no number is named)."""
    found = re.search(rf"\b({'|'.join(_NUMBERS)}|[1-8])\b(?=\s+[a-z])", goal, re.IGNORECASE)
    if found is None:
        return 0
    word = found[1].lower()
    return _NUMBERS.get(word) or int(word)


def quotes_in(output: str, file_names: Collection[str], goal: str) -> list[Quote]:
    """Choose the best quotes of a search result that stand in one of the files, in the order they stand there."""
    words = set(search_words(goal, file_names))
    hits = [Quote(m[4].strip(), m[1], f"{m[2]} {m[3]}" if m[2] else "") for m in _HIT.finditer(output)]
    candidates: list[Quote] = []
    for hit in hits:
        for quote in _units(hit) if hit.file in file_names or not file_names else ():
            if all(_flat(quote) not in _flat(c) for c in candidates):
                candidates = [c for c in candidates if _flat(c) not in _flat(quote)] + [quote]
    number = min(wanted_number(goal) or _USUAL, _MOST)
    best = sorted(candidates, key=lambda q: -_worth(q, words))[:number]
    return [c for c in candidates if c in best]


def recalled_in(output: str, goal: str, least: int = 1) -> list[Quote]:
    """Choose what `recall` found that shares at least so many words with the goal: what is merely near may be unrelated."""
    words = content_words(goal)
    found = [
        Quote(_without_headings(m[5].strip()), m[1], f"{m[2]} {m[3]}" if m[2] else "")
        for m in _RECALLED.finditer(output)
    ]
    near = {q.text: q for q in found if len(words & content_words(q.text)) >= min(least, len(words) or 1)}
    return sorted(near.values(), key=lambda q: -len(words & content_words(q.text)))[:_USUAL]


def _units(hit: Quote) -> Iterator[Quote]:
    """Give a hit without the heading above it; of a heading with a list under it, the items of the list."""
    first, _, rest = hit.text.partition("\n")
    if not rest or not _is_heading(first, rest):
        yield hit
        return
    items = [i.strip() for i in _SENTENCE.split(rest) if len(i.split()) > 3]
    for item in items or [rest]:
        yield Quote(item, hit.file, hit.where, first)


def _is_heading(line: str, following: str) -> bool:
    """Tell a heading from the first line of a wrapped sentence: it is short, and what follows begins anew."""
    ended = line.rstrip().endswith((".", "!", "?", ",", ";"))
    return len(line) <= 60 and not ended and not following.lstrip()[:1].islower()


def _worth(quote: Quote, words: set[str]) -> float:
    """Weigh a passage: it or its heading holds the words, it is about one such thing, and it is no mere heading itself."""
    spoken = re.findall(r"\w+", quote.text.lower())
    held = words & {stem(w) for w in [*spoken, *re.findall(r"\w+", quote.heading.lower())]}
    exact = words & set(spoken)  # "the first risk is ..." rather than "there are risks"
    is_heading = len(spoken) < 5 or quote.text.rstrip().endswith(":")
    listed = bool(quote.heading or _ORDINAL.search(quote.text))
    return 2.0 * len(held) + len(exact) + listed - 3.0 * is_heading


def quotes_in_text(output: str, file: str, goal: str) -> list[Quote]:
    """Choose the best sentences of what `read_file` returned that hold a word of the goal."""
    words = set(search_words(goal, [file]))
    found = [q for q in _sentences(output, file) if words & {stem(w) for w in re.findall(r"\w+", q.text.lower())}]
    best = sorted(found, key=lambda q: -_worth(q, words))[: min(wanted_number(goal) or _USUAL, _MOST)]
    return [q for q in found if q in best]


def next_part(output: str) -> dict[str, int]:
    """Read how to go on reading a file ({} at its end)."""
    found = re.search(r"\[There is more: read on with ([^\]]+)\.\]", output)
    return {m[1]: int(m[2]) for m in re.finditer(r"(page|first_line)=(\d+)", found[1])} if found else {}


def opening_quotes(output: str, file: str) -> list[Quote]:
    """Quote how a file begins, from what `read_file` returned."""
    return [q for q in _sentences(output, file) if len(q.text.split()) > 3][:_USUAL]


def _sentences(output: str, file: str) -> Iterator[Quote]:
    """Walk through what `read_file` returned, sentence by sentence, each with its page or line."""
    head, _, body = output.partition("\n")
    body = re.sub(r"\n\[There is more: [^\]]*\]", "", body)
    page, first = re.search(r", page (\d+) of \d+", head), re.search(r", lines (\d+)-", head)
    pieces = _PAGE.split(body)
    places = [page[1] if page else "", *pieces[1::2]]
    for number, text in zip(places, pieces[::2], strict=True):
        start = 0
        for part in _SENTENCE.split(text):
            start = text.index(part, start)
            line = int(first[1]) + text.count("\n", 0, start) if first and not page else 0
            yield Quote(
                _without_headings(part.strip()), file, f"page {number}" if number else f"line {line}" if line else ""
            )
            start += len(part)


def _without_headings(text: str) -> str:
    first, _, rest = text.partition("\n")
    return _without_headings(rest.lstrip()) if rest and _is_heading(first, rest) else text


def shown(quotes: Sequence[Quote]) -> str:
    """Write quotes below one another, each with its place."""
    return "\n\n".join(f"> {' '.join(q.text.split())}\n> [{q.place}]" for q in quotes)


def _flat(quote: Quote) -> str:
    return " ".join(re.sub(r"^\W*(?:\d+[.)])?\s*", "", quote.text).split()).lower()
