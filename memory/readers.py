"""The readers of each kind of document: a file in, sections of text with their pages and lines out.

Everything here handles strangers' files with large parsers, so it runs only inside the process of `parsing`.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import IO, Any

from core.errors import BadInput
from memory.archive_reader import Members
from memory.chunking import Section
from memory.sniffing import decode

MOST_BYTES = 40_000_000
"""Bytes read of a plain text file."""
MOST_PAGES = 3_000
"""Pages read of one PDF."""
_OFFICE = {"docx": "word/document.xml", "pptx": "ppt/presentation.xml"}
MOST_UNPACKED, MOST_ENTRIES = 300_000_000, 10_000
"""What a zipped document may unpack to: bytes and files."""


@dataclass(slots=True)
class Found:
    """What a reader found; `note` says in plain words what is missing, `pages` is None where there are none.

    `members` are the files of an archive, known when its sections were read: each is a page.
    """

    sections: Iterable[Section]
    pages: int | None = None
    note: str = ""
    members: Members | None = None


def read_sections(kind: str, path: Path, name: str) -> Found:
    """Read a file of a kind that `sniffing` told; raises BadInput in plain words."""
    readers = {"pdf": _pdf, "zip": _zipped, "ole": _old_office, "html": _html, "text": _text}
    return readers[kind](path, name)


def _text(path: Path, name: str) -> Found:
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    note = f"Only the first {MOST_BYTES // 1_000_000} MB were read." if len(content) > MOST_BYTES else ""
    return Found([Section(decode(content[:MOST_BYTES]))], note=note)


def _pdf(path: Path, name: str) -> Found:
    from pypdf import PdfReader

    reader = PdfReader(path)
    if reader.is_encrypted and not reader.decrypt(""):
        raise BadInput(f"{name} is protected by a password. Save a copy without one and give that.")
    count = len(reader.pages)
    texts = [_page_text(reader.pages[n]) for n in range(min(count, MOST_PAGES))]
    if not any(text.strip() for text in texts if text):
        raise BadInput(f"{name} contains no text; perhaps its pages are pictures of a scan.")
    broken = ", ".join(str(page) for page, text in enumerate(texts, 1) if text is None)
    note = f"These pages are damaged and were left out: {broken}." if broken else ""
    if count > MOST_PAGES:
        note = f"Only the first {MOST_PAGES:,} of {count:,} pages were read. {note}".strip()
    return Found([Section(text or "", page) for page, text in enumerate(texts, 1)], pages=len(texts), note=note)


def _page_text(page: Any) -> str | None:
    """Read one page; None if it is damaged, since the others may be fine."""
    from pypdf.errors import PyPdfError

    try:
        return str(page.extract_text()).rstrip()
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError):  # what pypdf lets through on broken objects
        return None


def _zipped(path: Path, name: str) -> Found:
    files = _checked_entries(path, name)
    if "word/document.xml" in files:
        return _docx(path)
    if "ppt/presentation.xml" in files:
        return _pptx(path)
    if files & {"xl/workbook.xml", "xl/workbook.bin"} or ("content.xml" in files and name.lower().endswith(".ods")):
        return _sheets(path)
    if "content.xml" in files:
        raise BadInput(
            f"{name} is an OpenDocument file, which cannot be read. Save it as .docx, .pptx or PDF and give that."
        )
    return _archive(path, name)


def _archive(path: Path, name: str) -> Found:
    readers = {"pdf": _pdf_inside, "zip": _office_inside, "html": lambda file, _: _convert_html(decode(file.read()))}
    members = Members(zipfile.ZipFile(path), name, readers)
    return Found(members.sections(), members=members)


def _pdf_inside(file: IO[bytes], name: str) -> str:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        pages = PdfReader(file).pages
        return "\n\n".join(_page_text(pages[n]) or "" for n in range(min(len(pages), MOST_PAGES)))
    except PyPdfError:
        raise BadInput(f"{name} is damaged, or protected by a password.") from None


def _office_inside(file: IO[bytes], name: str) -> str:
    """Read an Office document in an archive; another archive in it is not opened."""
    from python_calamine import CalamineError, CalamineWorkbook

    files = _checked_entries(file, name)
    file.seek(0)
    if kind := next((kind for kind, part in _OFFICE.items() if part in files), ""):
        return _convert(kind, file)
    if "xl/workbook.xml" not in files:
        return ""
    try:
        with CalamineWorkbook.from_filelike(file) as book:
            return "\n\n".join(_sheet(book, number, title).text for number, title in enumerate(book.sheet_names, 1))
    except CalamineError:
        raise BadInput(f"{name} is damaged.") from None


def _checked_entries(path: Path | IO[bytes], name: str) -> set[str]:
    """List what a zip holds, refusing one that would burst; the sizes it declares are the most that zipfile unpacks."""
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except zipfile.BadZipFile:
        raise BadInput(f"{name} is damaged: its ZIP container cannot be opened.") from None
    if len(entries) > MOST_ENTRIES or sum(entry.file_size for entry in entries) > MOST_UNPACKED:
        raise BadInput(f"{name} would unpack to far more than a document holds, so it was not opened.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise BadInput(f"{name} is protected by a password. Save a copy without one and give that.")
    return {entry.filename for entry in entries}


def _docx(path: Path) -> Found:
    with path.open("rb") as file:
        return Found([Section(_convert("docx", file))])


def _pptx(path: Path) -> Found:
    with path.open("rb") as file:
        text = _convert("pptx", file)
    slides = list(_slides(text))
    return Found(slides, pages=len(slides))


def _slides(text: str) -> Iterator[Section]:
    for part in text.split("<!-- Slide number: ")[1:]:
        number, _, content = part.partition(" -->\n")
        yield Section(content.strip(), int(number))


def _html(path: Path, name: str) -> Found:
    with path.open("rb") as file:
        content = decode(file.read(MOST_BYTES))
    return Found([Section(_convert_html(content))])


def _old_office(path: Path, name: str) -> Found:
    from python_calamine import CalamineError

    try:
        return _sheets(path)
    except CalamineError:
        raise BadInput(f"{name} is an old Office file, which cannot be read. Save it as .docx, .pptx or PDF.") from None


def _sheets(path: Path) -> Found:
    """Read a workbook: each sheet is a page, each of its rows a line with the row's own number."""
    from python_calamine import CalamineWorkbook

    with CalamineWorkbook.from_path(str(path)) as book:
        sections = [_sheet(book, number, title) for number, title in enumerate(book.sheet_names, 1)]
    return Found(sections, pages=len(sections))


def _sheet(book: Any, number: int, title: str) -> Section:
    sheet = book.get_sheet_by_name(title)
    first_row = sheet.start[0] + 1 if sheet.start else 1
    rows = (" | ".join(map(_cell, row)).rstrip(" |") for row in sheet.to_python(skip_empty_area=True))
    return Section(f"# {title}\n" + "\n".join(rows), number, line=first_row - 1)  # the title stands above the first row


def _cell(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).replace("\n", " ")


def _convert(kind: str, file: Any) -> str:
    converter = getattr(_converters(kind), f"{kind.title()}Converter")()
    info = import_module("markitdown._stream_info").StreamInfo(extension=f".{kind}")
    return str(converter.convert(file, info).markdown)


def _convert_html(content: str) -> str:
    return str(_converters("html").HtmlConverter().convert_string(content).markdown)


def _converters(kind: str) -> ModuleType:
    """Import one converter of markitdown without its packages' own start-up, which loads pandas and an ONNX model (0.7 s)."""
    for name in ("markitdown", "markitdown.converters"):
        if name not in sys.modules:
            spec = find_spec(name)
            assert spec is not None
            package = ModuleType(name)
            package.__path__ = list(spec.submodule_search_locations or ())
            package.__spec__ = spec
            sys.modules[name] = package
    return import_module(f"markitdown.converters._{kind}_converter")
