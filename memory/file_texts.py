"""The text of a person's files, a part at a time: what stands on a page or around a line, and where a quote stands."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from core.memories import Passage
from memory.database import Database
from memory.quotes import Place, Stretch, locate, stretches
from memory.tables import attachments, conversations, passages

_C = passages.c
_FIELDS = [_C[name] for name in Passage.model_fields]
MOST_OF_A_PAGE = 60
"""Passages of one page that are shown: about 60,000 characters."""
BEFORE, AFTER = 3, 8
"""Passages shown around a line."""
AT_ONCE, OVERLAP = 400, 3
"""Passages searched at a time, and those that are searched again with the next, for quotes across the border."""


@dataclass(frozen=True, slots=True)
class Outline:
    """How much text there is of a file: its passages, and its last page (None where there are none)."""

    passages: int
    pages: int | None


@dataclass(frozen=True, slots=True)
class Sight:
    """A part of a file: its text, which characters of it are marked, and the positions of its first and last passage."""

    stretch: Stretch
    marked: tuple[int, int] | None
    first: int
    last: int


class FileTexts:
    """Reads what the index holds of a file; of another person's file there is nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def outline(self, file_id: str, user_id: str) -> Outline:
        """Say how much text there is."""
        query = select(func.count(), func.max(_C.page)).where(_C.origin_id == file_id, _C.user_id == user_id)
        async with self._database.reading() as connection:
            count, last = (await connection.execute(query)).one()
        return Outline(count, last)

    async def holder(self, content_hash: str, user_id: str) -> str | None:
        """Name a file of this user with this content whose text is held."""
        query = select(attachments.c.id).join(conversations, conversations.c.id == attachments.c.conversation_id)
        mine = query.where(attachments.c.hash == content_hash, conversations.c.user_id == user_id)
        held = mine.where(select(_C.id).where(_C.origin_id == attachments.c.id).exists())
        async with self._database.reading() as connection:
            return (await connection.execute(held.order_by(attachments.c.created_at.desc()).limit(1))).scalar()

    async def find(self, file_id: str, user_id: str, quote: str, page: int | None = None) -> Sight | None:
        """Find a quote: on its page if it stands there, else wherever it stands first."""
        if page is not None and (found := await self._search(file_id, user_id, quote, _C.page == page)) is not None:
            return found
        return await self._search(file_id, user_id, quote, _C.position >= 0)

    async def _search(self, file_id: str, user_id: str, quote: str, where: Any) -> Sight | None:
        start = 0
        while part := await self._read(file_id, user_id, where & (_C.position >= start), most=AT_ONCE):
            if (found := await asyncio.to_thread(_seen, part, quote)) is not None:
                return found
            if len(part) < AT_ONCE:
                break
            start = part[-1].position - OVERLAP + 1
        return None

    async def pages_at(self, file_id: str, user_id: str, positions: Sequence[int]) -> dict[int, int | None]:
        """Map those of the positions where there is text to their pages."""
        query = select(_C.position, _C.page).where(_C.origin_id == file_id, _C.user_id == user_id)
        async with self._database.reading() as connection:
            rows = await connection.execute(query.where(_C.position.in_(positions)))
            return {row.position: row.page for row in rows}

    async def page(self, file_id: str, user_id: str, page: int) -> Sight | None:
        """Show the text of one page; None if there is none on it."""
        found = await self._read(file_id, user_id, _C.page == page, most=MOST_OF_A_PAGE)
        return _whole(found)

    async def around(self, file_id: str, user_id: str, line: int) -> Sight | None:
        """Show what stands around a line of a file without pages."""
        position = select(func.max(_C.position)).where(
            _C.origin_id == file_id, _C.user_id == user_id, _C.line <= max(line, 1)
        )
        async with self._database.reading() as connection:
            at = (await connection.execute(position)).scalar_one() or 0
        return await self.at(file_id, user_id, at - BEFORE)

    async def at(self, file_id: str, user_id: str, position: int) -> Sight | None:
        """Show the passages from a position on."""
        found = await self._read(file_id, user_id, _C.position >= max(position, 0), most=BEFORE + AFTER)
        return _whole(found)

    async def _read(self, file_id: str, user_id: str, which: Any, most: int = MOST_OF_A_PAGE) -> list[Passage]:
        query = select(*_FIELDS).where(_C.origin_id == file_id, _C.user_id == user_id, which)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.order_by(_C.position).limit(most))).mappings()
            return [Passage.model_validate(dict(row)) for row in rows]


def _whole(found: Sequence[Passage]) -> Sight | None:
    """Show passages up to the end of the page on which the first of them stands."""
    found = [p for p in found if p.page == found[0].page]
    return Sight(stretches(found)[0], None, found[0].position, found[-1].position) if found else None


def _seen(searched: Sequence[Passage], quote: str) -> Sight | None:
    """Show the page of a quote, or only the passages around it where that is long."""
    texts = stretches(searched)
    place = locate(quote, texts)
    if place is None:
        return None
    ordered = sorted(searched, key=lambda p: p.position)
    begins = [n for n, p in enumerate(ordered) if n == 0 or p.page != ordered[n - 1].page]
    first = begins[place.stretch]
    behind = begins[place.stretch + 1] if place.stretch + 1 < len(begins) else len(ordered)
    mine = ordered[first:behind]
    if mine[0].page is not None and len(mine) <= MOST_OF_A_PAGE:
        return Sight(texts[place.stretch], (place.start, place.end), mine[0].position, mine[-1].position)
    return _near(mine, place)


def _near(mine: Sequence[Passage], place: Place) -> Sight:
    """Show the passages around a place in a stretch."""
    at, first, last = 0, 0, len(mine) - 1
    for number, passage in enumerate(mine):
        if at <= place.start:
            first = number
        if at < place.end:
            last = number
        at += len(passage.text)
    begin = max(first - BEFORE, 0)
    shown = mine[begin : last + AFTER]
    before = sum(len(p.text) for p in mine[:begin])
    marked = (place.start - before, place.end - before)
    return Sight(stretches(shown)[0], marked, shown[0].position, shown[-1].position)
