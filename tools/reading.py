"""The text of a conversation's files, with the place of every piece of it."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from core.errors import ToolFailure
from core.memories import Passage
from core.missions import Source
from core.ports import PassageIndex
from tools.folder import NamedFile

MOST_TEXT = 20_000_000  # bytes read of one text file
_TABLES = (".xlsx", ".xls", ".xlsm", ".parquet")
_PARSED = (".html", ".htm", ".pdf", ".docx", ".pptx", *_TABLES)  # the index holds their text, the bytes do not


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of exact text and where it begins; `page` and `line` are 1-based and None where there are none.

    `within` names the place if that is a file in an archive.
    """

    text: str
    page: int | None = None
    line: int | None = None
    within: str = ""

    def source(self, file: NamedFile, start: int, end: int) -> Source:
        """Cite `text[start:end]` of this piece."""
        line = None if self.line is None or self.page is not None else self.line + self.text.count("\n", 0, start)
        quote = self.text[start:end]
        return Source(
            file=self.within or file.cited_as, quote=quote, page=self.page, line=line, origin_id=file.origin_id
        )


@dataclass(frozen=True, slots=True)
class Document:
    """A file's text, one piece per page; `partial` if it was too large to be read whole."""

    file: NamedFile
    pieces: tuple[Piece, ...]
    partial: bool = False

    def pages(self) -> list[tuple[int | None, list[str]]]:
        """Give the lines of each page; a file without pages is one page named None."""
        return [(piece.page, piece.text.split("\n")) for piece in self.pieces]


async def read_text(file: NamedFile, index: PassageIndex, user_id: str) -> Document:
    """Read a file as text; raises ToolFailure where there is none, saying what to do instead."""
    if file.attachment is None or file.suffix not in _PARSED:
        content = await asyncio.to_thread(_bytes_of, file)
        if (text := decode(content[:MOST_TEXT])) is not None:
            return Document(file, (Piece(text, line=1),), partial=len(content) > MOST_TEXT)
    passages = await index.passages_of(file.origin_id, user_id=user_id) if file.attachment else []
    if not passages:
        hint = " Use profile_table or query_table for it." if file.suffix in _TABLES else ""
        raise ToolFailure(f"{file.name} has no text that can be read.{hint}")
    return Document(file, _joined(passages, file))


def decode(content: bytes) -> str | None:
    """Decode text (UTF-8, UTF-16 with its mark, else Windows-1252) with plain newlines; None if it is no text."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = content.decode("utf-16", errors="replace")
    elif _looks_binary(content[:8192]):
        return None
    else:
        try:
            text = codecs.getincrementaldecoder("utf-8-sig")().decode(content)  # tolerates a character cut at the end
        except UnicodeDecodeError:
            text = content.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _looks_binary(sample: bytes) -> bool:
    strange = sum(byte < 9 or 13 < byte < 27 for byte in sample)
    return 0 in sample or strange > len(sample) / 50


def _bytes_of(file: NamedFile) -> bytes:
    with file.opened() as opened:
        return opened.read(MOST_TEXT + 1)


def _joined(passages: Sequence[Passage], file: NamedFile) -> tuple[Piece, ...]:
    """Put each page together again: passages are cut without overlap, so joined they are its exact text."""
    ordered = sorted(passages, key=lambda passage: passage.position)
    return tuple(_piece(list(pages), file) for _, pages in groupby(ordered, key=lambda passage: passage.page))


def _piece(passages: Sequence[Passage], file: NamedFile) -> Piece:
    text, first = "".join(passage.text for passage in passages), passages[0]
    blank = first.text.count("\n", 0, len(first.text) - len(first.text.lstrip()))
    # A passage's line is that of its first visible character.
    within = first.name if file.suffix == ".zip" else ""
    return Piece(text, first.page, None if first.line is None else max(first.line - blank, 1), within)
