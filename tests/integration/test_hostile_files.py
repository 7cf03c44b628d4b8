"""Files made to hurt: each is refused or read in part, in words, while this process stays small."""

from __future__ import annotations

import io
import resource
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from pypdf import PdfWriter

from core.errors import BadInput
from core.settings import Settings
from memory.chunking import MOST_PASSAGES
from memory.documents import DocumentReader, ReadDocument
from memory.readers import MOST_PAGES

ROWS = 1_000_000
MOST_HERE = 150 * 1024
"""Kilobytes by which this process may grow: what is kept of a file is bounded, whatever the file is."""
_PARTS = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/>'
    "</Relationships>",
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets>'
    '<sheet name="Rows" sheetId="1" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
    'Target="worksheets/sheet1.xml"/></Relationships>',
}


def million_rows() -> bytes:
    """A workbook of a million rows."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, text in _PARTS.items():
            archive.writestr(name, text)
        rows = "".join(f'<row r="{n}"><c r="A{n}"><v>{n}</v></c></row>' for n in range(1, ROWS + 1))
        space = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        archive.writestr(
            "xl/worksheets/sheet1.xml", f'<worksheet xmlns="{space}"><sheetData>{rows}</sheetData></worksheet>'
        )
    return out.getvalue()


def picture() -> bytes:
    """A picture of ten thousand by ten thousand points in a few kilobytes."""
    out = io.BytesIO()
    Image.new("1", (10_000, 10_000)).save(out, "PNG")
    return out.getvalue()


def archive(**files: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name.replace("__", "/"), content)
    return out.getvalue()


def nested(depth: int = 200) -> bytes:
    """An archive in an archive in an archive."""
    inner = b"words"
    for _ in range(depth):
        inner = archive(inner=inner)
    return inner


def many_pages() -> bytes:
    out, writer = io.BytesIO(), PdfWriter()
    for _ in range(MOST_PAGES + 5):
        writer.add_blank_page(10, 10)
    writer.write(out)
    return out.getvalue()


def deep_html() -> bytes:
    return b"<!doctype html>" + b"<div>" * 50_000 + b"inside" + b"</div>" * 50_000


REFUSED: list[tuple[str, Callable[[], bytes], str]] = [
    ("large.png", picture, "a picture: it can be kept, but not read as text"),
    ("matryoshka.zip", nested, "ZIP archive"),
    ("pages.pdf", many_pages, "contains no text"),
    ("empty.txt", bytes, "is empty"),
    ("bomb.docx", lambda: archive(word__document=b"0" * 400_000_000), "would unpack to far more"),
    ("gif.pdf", lambda: b"GIF89a" + b"\0" * 500, "a picture"),
    ("both.png", lambda: b"\x89PNG\r\n\x1a\n" + archive(x=b"words"), "a picture"),
    ("table.parquet", lambda: b"PAR1" + b"\0" * 500 + b"PAR1", "not a text document"),
]


async def read(tmp_path: Path, name: str, content: bytes) -> ReadDocument:
    path = tmp_path / "file"
    path.write_bytes(content)
    return await DocumentReader(Settings(data_dir=tmp_path)).read(path, name)


@pytest.mark.parametrize(("name", "content", "words"), REFUSED, ids=[name for name, *_ in REFUSED])
async def test_refused_in_words(tmp_path: Path, name: str, content: Callable[[], bytes], words: str) -> None:
    made = content()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadInput, match=words):
        await read(tmp_path, name, made)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_HERE


async def test_a_sheet_of_a_million_rows_is_read_in_part(tmp_path: Path) -> None:
    content = million_rows()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    document = await read(tmp_path, "rows.xlsx", content)
    assert len(document.passages) <= MOST_PASSAGES
    assert document.passages[0][0].startswith("# Rows\n1\n2\n")
    assert document.pages == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_HERE


async def test_deep_html_gives_its_text(tmp_path: Path) -> None:
    document = await read(tmp_path, "deep.html", deep_html())
    assert "inside" in "".join(text for text, _, _ in document.passages)


async def test_deep_json_is_only_text(tmp_path: Path) -> None:
    document = await read(tmp_path, "deep.json", b"[" * 1_000_000 + b"]" * 1_000_000)
    assert document.characters == 2_000_000


async def test_of_a_pdf_only_so_many_pages_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from reportlab.pdfgen.canvas import Canvas

    from memory import readers

    canvas = Canvas(str(tmp_path / "a.pdf"))
    for number in range(1, 8):
        canvas.drawString(72, 700, f"Page number {number}")
        canvas.showPage()
    canvas.save()
    monkeypatch.setattr(readers, "MOST_PAGES", 3)
    found = readers.read_sections("pdf", tmp_path / "a.pdf", "a.pdf")
    assert (found.pages, found.note) == (3, "Only the first 3 of 7 pages were read.")
