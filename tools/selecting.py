"""Choosing the part of a document that one reading shows, and saying how to get the rest."""

from __future__ import annotations

from collections.abc import Sequence

from core.errors import BadInput
from core.missions import Source
from tools.define import ToolResult
from tools.reading import Document

PART = 12_000  # bytes of one part; smaller than what the gate lets through, so that a part arrives whole
_QUOTE = 300  # characters of the quote that stands for a page or part


def select(document: Document, page: int | None, first: int | None, last: int | None) -> ToolResult:
    """Show a page, a range of lines, or as much from the beginning as fits; raises BadInput for places there are not."""
    pages = document.pages()
    if pages[0][0] is None:
        return _lines_of_file(document, pages[0][1], page, first, last)
    if page is not None:
        return _page(document, pages, page, first, last)
    if first is not None or last is not None:
        raise BadInput(f"{document.file.name} has {len(pages)} pages: give a page (and, if you like, lines of it).")
    return _pages(document, pages)


def _lines_of_file(
    document: Document, lines: Sequence[str], page: int | None, first: int | None, last: int | None
) -> ToolResult:
    name = document.file.name
    if page is not None:
        raise BadInput(f"{name} has no pages. Leave page out, or give first_line and last_line.")
    text, start, end = _range(name, lines, first, last)
    head = f"{name}, lines {start}-{end} of {len(lines)}"
    tail = _rest("" if end == min(last or len(lines), len(lines)) else f"first_line={end + 1}", document.partial)
    return ToolResult(f"{head}\n{text}{tail}", _sources(document, [(None, start, text)]))


def _page(
    document: Document, pages: Sequence[tuple[int | None, list[str]]], page: int, first: int | None, last: int | None
) -> ToolResult:
    name, lines = document.file.name, dict(pages).get(page)
    if lines is None:
        raise BadInput(f"{name} has no text on page {page}. Pages with text: {_spoken([p for p, _ in pages])}.")
    text, start, end = _range(f"Page {page} of {name}", lines, first, last)
    part = "" if (start, end) == (1, len(lines)) else f", lines {start}-{end} of {len(lines)}"
    all_shown = end == min(last or len(lines), len(lines))
    tail = _rest("" if all_shown else f"page={page}, first_line={end + 1}", document.partial)
    return ToolResult(
        f"{name}, page {page} of {pages[-1][0]}{part}\n{text}{tail}", _sources(document, [(page, 1, text)])
    )


def _pages(document: Document, pages: Sequence[tuple[int | None, list[str]]]) -> ToolResult:
    shown: list[tuple[int | None, int, str]] = []
    room = PART
    for page, lines in pages:
        text = "\n".join(lines)
        room -= len(text.encode())
        if room < 0 and shown:
            break
        shown.append((page, 1, text))
    if len(shown) == 1 and room < 0:
        return _page(document, pages, pages[0][0] or 1, None, None)
    body = "\n".join(f"[page {page}]\n{text}" for page, _, text in shown)
    rest = f"page={pages[len(shown)][0]}" if len(shown) < len(pages) else ""
    head = f"{document.file.name}, pages {_spoken([page for page, *_ in shown])} of {pages[-1][0]}"
    return ToolResult(f"{head}\n{body}{_rest(rest, document.partial)}", _sources(document, shown))


def _range(name: str, lines: Sequence[str], first: int | None, last: int | None) -> tuple[str, int, int]:
    """Return the text from the first line on that fits a part, and the numbers of its first and last line."""
    start, most = first or 1, min(last or len(lines), len(lines))
    if start > most:
        raise BadInput(f"{name} has {len(lines)} lines; lines {start} to {last or len(lines)} are not there.")
    room = PART
    taken: list[str] = []
    for line in lines[start - 1 : most]:
        room -= len(line.encode()) + 1
        if room < 0 and taken:
            break
        taken.append(line)
    text = "\n".join(taken)
    if room < 0 and len(taken) == 1:
        text = f"{text.encode()[:PART].decode(errors='ignore')}\n[line {start} goes on; search_files finds words in it]"
    return text, start, start + len(taken) - 1


def _rest(how: str, partial: bool) -> str:
    said = f"\n[There is more: read on with {how}.]" if how else ""
    return said + ("\n[The file is too large to be read to its end.]" if partial else "")


def _spoken(pages: Sequence[int | None]) -> str:
    return f"{pages[0]}-{pages[-1]}" if len(pages) > 1 else str(pages[0])


def _sources(document: Document, shown: Sequence[tuple[int | None, int, str]]) -> tuple[Source, ...]:
    """Cite each page or part by the exact beginning of its text."""
    file, within = document.file, {piece.page: piece.within for piece in document.pieces}
    return tuple(
        Source(
            file=within.get(page) or file.cited_as,
            quote=quote,
            page=page,
            line=line + text[: text.index(quote)].count("\n") if page is None else None,
            origin_id=file.origin_id,
        )
        for page, line, text in shown
        if (quote := _beginning(text))
    )


def _beginning(text: str) -> str:
    stripped = text.strip()
    if len(stripped) <= _QUOTE:
        return stripped
    return stripped[: max(stripped.rfind(" ", 0, _QUOTE), stripped.rfind("\n", 0, _QUOTE), _QUOTE // 2)]
