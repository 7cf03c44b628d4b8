"""Checks what an answer quotes against the files themselves: a quote that does not stand there is flagged, by code."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from core.logs import Masker
from core.missions import Source
from core.ports import PassageIndex
from memory.files import Files
from memory.quotes import Stretch, line_at, locate, stretches

NOT_FOUND = "not found in the file"
MOST_CLAIMS = 40
"""Quotes of one answer that are checked."""
# Words in quotation marks, or a quoted line, and soon after them a file in brackets: [memo.pdf, page 2].
_CLAIM = re.compile(
    r"(?:(?:(?<!\w)\"|[“„«])(?=\S)(?P<quote>[^\"“”„«»\n]{12,1500})[\"”“»]|^>[ \t]*(?P<line>[^\n]{12,1500}))"
    r"[^\[\]\"“„«\n]{0,60}\n?\s{0,4}"
    r"\[(?P<file>[^\[\]\n]{1,260}?)(?:, (?:page|p\.) ?(?P<page>\d{1,6})|, lines? (?P<number>\d{1,8})[^\]]*)?\]",
    re.MULTILINE,
)
_MASK = Masker()


@dataclass(frozen=True, slots=True)
class _Claim:
    quote: str
    file: str
    page: int | None
    line: int | None


class Citations:
    """Knows what stands in the files of a person."""

    def __init__(self, index: PassageIndex, files: Files) -> None:
        self._index, self._files = index, files

    async def checked(
        self, answer: str, sources: Sequence[Source], *, conversation_id: str, user_id: str
    ) -> tuple[Source, ...]:
        """Return the sources of an answer, each quote that is not where it should be with its problem.

        What the answer itself quotes from a file, and is not among the sources, is added if it does not stand there.
        """
        claims = list(_claims(answer))[:MOST_CLAIMS]
        ids: dict[str, str] = {}
        if claims:  # of two files with one name the newer is meant
            rows = await self._files.of_conversation(conversation_id, user_id)
            ids = {row.attachment.name: row.attachment.id for row in rows}
        wanted = [s for s in sources if s.origin == "file" and s.origin_id and s.quote]
        named = [(c, _id_of(c.file, ids)) for c in claims]
        meant = [(claim, origin) for claim, origin in named if origin]
        texts = {
            origin: stretches(await self._index.passages_of(origin, user_id=user_id))
            for origin in {*(s.origin_id for s in wanted), *(origin for _, origin in meant)}
        }
        return await asyncio.to_thread(_judged, sources, meant, texts)


def _id_of(name: str, ids: dict[str, str]) -> str:
    """Find the file of a name; a file in an archive is named after it ("papers.zip: notes/a.txt"). "" if there is none."""
    return ids.get(name) or next((i for known, i in ids.items() if name.startswith(f"{known}: ")), "")


def _judged(
    sources: Sequence[Source], claims: Sequence[tuple[_Claim, str]], texts: dict[str, list[Stretch]]
) -> tuple[Source, ...]:
    kept = [
        s.model_copy(update={"problem": problem(s.quote, s.page, texts.get(s.origin_id, []))})
        if s.origin == "file" and s.quote
        else s
        for s in sources
    ]
    for claim, origin in claims:
        wrong = problem(claim.quote, claim.page, texts[origin])
        if wrong and not any(s.quote == claim.quote for s in kept):
            about = {"page": claim.page, "line": claim.line, "origin_id": origin}
            kept.append(Source(file=claim.file, quote=_MASK(claim.quote), problem=wrong, **about))
    return tuple(kept)


def problem(quote: str, page: int | None, text: Sequence[Stretch]) -> str:
    """Say what is wrong with a quote: "" if it stands where it should, or if there is no text to compare it with."""
    if not text:
        return ""
    here = [stretch for stretch in text if page is None or stretch.page == page]
    if locate(quote, here) is not None:
        return ""
    place = locate(quote, text)
    if place is None:
        return NOT_FOUND
    stretch = text[place.stretch]
    where = f"page {stretch.page}" if stretch.page else f"line {line_at(stretch, place.start)}"
    return "" if stretch.page == page else f"stands on {where}"


def _claims(answer: str) -> Iterator[_Claim]:
    for found in _CLAIM.finditer(answer):
        page, number = found["page"], found["number"]
        yield _Claim(
            (found["quote"] or found["line"]).strip().strip('“”"'),
            found["file"].strip(),
            int(page) if page else None,
            int(number) if number else None,
        )
