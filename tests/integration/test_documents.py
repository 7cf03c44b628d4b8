"""Reading real documents, good and hostile, through the real parser process."""

from __future__ import annotations

import asyncio
import json
import os
import time
from pathlib import Path

import pytest
from document_fixtures import bomb, docx, hungry_xlsx, pdf, picture, pptx, xlsx, zipped

from core.errors import BadInput
from core.settings import Settings
from memory.documents import DocumentReader, ReadDocument


@pytest.fixture
def reader(settings: Settings) -> DocumentReader:
    return DocumentReader(settings)


def limited(settings: Settings, **limits: float) -> DocumentReader:
    return DocumentReader(settings.model_copy(update=limits))


def write(path: Path, content: bytes | str) -> Path:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def all_text(document: ReadDocument) -> str:
    return "".join(text for text, _, _ in document.passages)


async def test_a_pdf_gives_its_text_with_the_right_pages(reader, tmp_path):
    pages = [f"Memo page {n}\nThe secret of this page is number{n}." for n in range(1, 13)]
    document = await reader.read(pdf(tmp_path / "a", pages), "memo.pdf")
    assert document.pages == 12
    for n in range(1, 13):
        [(page, line)] = [(page, line) for text, page, line in document.passages if f"number{n}." in text]
        assert (page, line) == (n, 1)
    assert document.characters == sum(len(text) for text, _, _ in document.passages)


async def test_a_long_pdf_page_is_cut_with_exact_lines(reader, tmp_path):
    lines = [f"line {n} " + "word " * 15 for n in range(1, 50)]
    document = await reader.read(pdf(tmp_path / "a", ["\n".join(lines), "the end"]), "long.pdf")
    assert len(document.passages) > 3
    for text, page, line in document.passages:
        if page == 1:
            assert text.startswith(f"line {line} ")
    assert document.passages[-1] == ("the end", 2, 1)


async def test_a_protected_pdf_is_refused_plainly(reader, tmp_path):
    with pytest.raises(BadInput, match=r"secret\.pdf is protected by a password"):
        await reader.read(pdf(tmp_path / "a", ["hidden"], password="pw"), "secret.pdf")


async def test_a_pdf_without_text_and_a_broken_one_are_refused_plainly(reader, tmp_path):
    with pytest.raises(BadInput, match="contains no text"):
        await reader.read(pdf(tmp_path / "a", ["", ""]), "scan.pdf")
    broken = write(tmp_path / "b", pdf(tmp_path / "a", ["text"]).read_bytes()[:300])
    with pytest.raises(BadInput, match=r"cut\.pdf is damaged"):
        await reader.read(broken, "cut.pdf")


async def test_a_docx_gives_its_paragraphs(reader, tmp_path):
    document = await reader.read(docx(tmp_path / "a", ["First thought.", "Second thought."]), "plan.docx")
    assert "First thought." in all_text(document)
    assert "Second thought." in all_text(document)
    assert document.pages is None


async def test_a_pptx_counts_slides_as_pages(reader, tmp_path):
    path = pptx(tmp_path / "a.pptx", [("Opening", "hello world"), ("Numbers", "revenue grew"), ("End", "thanks")])
    document = await reader.read(path, "talk.pptx")
    assert document.pages == 3
    [place] = [(page, line) for text, page, line in document.passages if "revenue grew" in text]
    assert place == (2, 1)


async def test_an_xlsx_counts_sheets_as_pages_and_rows_as_lines(reader, tmp_path):
    rows: list[list[object]] = [["region", "revenue"], *([f"region{n}", n * 1.5] for n in range(2, 200))]
    document = await reader.read(xlsx(tmp_path / "a.xlsx", {"Sales": rows, "Notes": [["all in euro"]]}), "b.xlsx")
    assert document.pages == 2
    assert "region4 | 6\n" in all_text(document)
    assert "region3 | 4.5\n" in all_text(document)
    for text, page, line in document.passages[1:-1]:
        assert page == 1
        assert text.startswith(f"region{line} ")
    assert document.passages[-1][:2] == ("# Notes\nall in euro", 2)


async def test_html_gives_its_visible_text(reader, tmp_path):
    page = "<!doctype html><html><body><h1>Title</h1><p>Visible.</p><script>steal()</script></body></html>"
    text = all_text(await reader.read(write(tmp_path / "a", page), "page.html"))
    assert "Title" in text
    assert "Visible." in text
    assert "steal" not in text


@pytest.mark.parametrize("name", ["notes.md", "table.csv", "table.tsv", "data.json", "main.py", "README"])
async def test_text_keeps_every_character_and_its_lines(reader, tmp_path, name):
    text = "".join(f"{n}: {'value ' * (n % 30)}\n" for n in range(1, 400))
    document = await reader.read(write(tmp_path / "a", text), name)
    assert all_text(document) == text
    assert len(document.passages) > 20
    for piece, page, line in document.passages:
        assert page is None
        assert piece.startswith(f"{line}: ")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "cp1252"])
async def test_text_in_other_encodings_is_read(reader, tmp_path, encoding):
    document = await reader.read(write(tmp_path / "a", "Größe: 5 €\r\nnächste Zeile".encode(encoding)), "n.txt")
    assert all_text(document) == "Größe: 5 €\nnächste Zeile"


async def test_nul_characters_and_broken_bytes_are_made_harmless(reader, tmp_path):
    content = b"before\x00after " + "ä".encode() * 2000 + b"\xed\xa0\x80 end"
    text = all_text(await reader.read(write(tmp_path / "a", content), "n.txt"))
    assert "beforeafter" in text
    assert "\x00" not in text
    text.encode("utf-8")


async def test_mislabelled_files_are_read_as_what_they_are(reader, tmp_path):
    really_pdf = await reader.read(pdf(tmp_path / "a", ["inside"]), "notes.txt", "text/plain")
    assert really_pdf.pages == 1
    really_text = await reader.read(write(tmp_path / "b", "just words"), "report.pdf", "application/pdf")
    assert all_text(really_text) == "just words"
    really_slides = await reader.read(pptx(tmp_path / "c", [("One", "two")]), "sheet.xlsx")
    assert really_slides.pages == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.txt", b"", "is empty"),
        ("blank.txt", b" \n\n ", "contains no text"),
        ("photo.pdf", picture(), "a picture: it can be kept, but not read"),
        ("program", b"\x7fELF" + bytes(range(256)) * 40, "it can be kept, but not read"),
        ("old.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "old Office file"),
        ("text.rtf", rb"{\rtf1 hello}", "RTF"),
        ("a.docx", b"PK\x03\x04" + b"garbage" * 50, "damaged"),
    ],
)
async def test_what_cannot_be_read_is_refused_in_plain_words(reader, tmp_path, name, content, words):
    with pytest.raises(BadInput, match=words) as refusal:
        await reader.read(write(tmp_path / "a", content), name)
    assert str(tmp_path) not in str(refusal.value)
    assert name in str(refusal.value)


async def test_the_files_in_an_archive_are_pages_with_their_own_names(reader, tmp_path):
    inside = {"notes/a.txt": "The zebra.\nAt dawn.", "empty.txt": " ", "photo.png": picture(), "b\u202e\n.md": "# Plan"}
    inside |= {"old.zip": zipped(tmp_path / "inner", {"x.txt": "hidden"}).read_bytes(), "broken.pdf": b"%PDF-1.7 no"}
    inside |= {"memo.pdf": pdf(tmp_path / "memo", ["Two risks."]).read_bytes(), "w.docx": b"PK\x03\x04 no document"}
    inside |= {"sheet.xlsx": xlsx(tmp_path / "sheet", {"Sales": [["region", "total"], ["north", 7]]}).read_bytes()}
    document = await reader.read(zipped(tmp_path / "a", inside), "files.zip")
    assert document.members == ("notes/a.txt", "b  .md", "memo.pdf", "sheet.xlsx")
    assert [(text.splitlines()[0], page, line) for text, page, line in document.passages] == [
        ("# notes/a.txt", 1, 1), ("# b  .md", 2, 1), ("# memo.pdf", 3, 1), ("# sheet.xlsx", 4, 1),
    ]  # fmt: skip
    assert "Two risks." in document.passages[2][0]
    assert "north | 7" in document.passages[3][0]
    assert document.pages == 4
    assert document.note == "5 files of the archive have no text that can be searched, or could not be read."
    assert document.name_at("files.zip", 3) == "files.zip: memo.pdf"
    assert document.name_at("files.zip", None) == "files.zip"
    assert "hidden" not in str(document.passages)


async def test_an_archive_without_text_is_refused(reader, tmp_path):
    with pytest.raises(BadInput, match="is a ZIP archive without any text that can be searched"):
        await reader.read(zipped(tmp_path / "a", {"photo.png": picture()}), "files.zip")


async def test_a_zip_bomb_is_refused_before_it_is_opened(reader, tmp_path):
    path = bomb(tmp_path / "a", megabytes=301)
    assert path.stat().st_size < 1_000_000
    with pytest.raises(BadInput, match="would unpack to far more"):
        await reader.read(path, "bomb.docx")
    many = zipped(tmp_path / "b", {f"{n}": b"" for n in range(10_001)})
    with pytest.raises(BadInput, match="would unpack to far more"):
        await reader.read(many, "many.docx")


async def test_a_document_that_eats_memory_is_stopped(settings, tmp_path):
    reader = limited(settings, parse_memory_mb=256)
    with pytest.raises(BadInput, match="too much memory"):
        await reader.read(hungry_xlsx(tmp_path / "a"), "hungry.xlsx")


async def test_a_parser_that_takes_too_long_is_killed(settings, tmp_path):
    path = pdf(tmp_path / "a", ["text"] * 5)
    began = time.monotonic()
    with pytest.raises(BadInput, match=r"took longer than 0\.02 seconds"):
        await limited(settings, parse_seconds=0.02).read(path, "slow.pdf")
    assert time.monotonic() - began < 30
    assert parsers_of(path) == []


async def test_a_cancelled_read_leaves_no_process(reader, tmp_path):
    path = pdf(tmp_path / "cancelled", ["text"] * 400)
    reading = asyncio.create_task(reader.read(path, "a.pdf"))
    while not parsers_of(path):
        await asyncio.sleep(0.005)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    while parsers_of(path):
        await asyncio.sleep(0.005)


def parsers_of(path: Path) -> list[Path]:
    """Find the running processes (as folders of /proc) that were given this file."""
    return [folder for folder in Path("/proc").glob("[0-9]*") if str(path).encode() in seen(folder / "cmdline")]


def seen(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return b""


async def test_the_parser_sees_no_secrets_of_the_process(reader, tmp_path):
    path = pdf(tmp_path / "watched", ["text"] * 400)
    os.environ["STAFFWORK_CANARY"] = "sk-canary"
    try:
        reading = asyncio.create_task(reader.read(path, "a.pdf"))
        environment = b""
        while not environment:
            await asyncio.sleep(0.005)
            environment = b"".join(seen(folder / "environ") for folder in parsers_of(path))
        await reading
    finally:
        del os.environ["STAFFWORK_CANARY"]
    assert b"LANG=" in environment
    assert b"canary" not in environment


async def test_ten_megabytes_of_text_leave_the_loop_free(reader, tmp_path):
    path = write(tmp_path / "a", "A sentence of some length, and another one. " * 230_000)
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            before = time.monotonic()
            await asyncio.sleep(0.005)
            longest = max(longest, time.monotonic() - before)

    watching = asyncio.create_task(watch())
    document = await reader.read(path, "long.txt")
    watching.cancel()
    assert document.characters == path.stat().st_size
    assert document.note == ""
    assert longest < 0.5


async def test_endless_text_is_cut_with_a_note(reader, tmp_path):
    path = write(tmp_path / "a", json.dumps(["x" * 50] * 500_000))
    document = await reader.read(path, "huge.json")
    assert len(document.passages) == 20_000
    assert "20,000 passages" in document.note
