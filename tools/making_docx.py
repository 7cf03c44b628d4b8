"""Word documents from Markdown, by python-docx."""

from __future__ import annotations

import io
from typing import Any

from docx import Document
from docx.enum.text import WD_BREAK
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Cm, Pt

from tools.making_parts import MOST_PICTURES, THEN, Parts, caption, settled, title_of
from tools.making_source import Cell, shown
from tools.making_text import Block, Run
from tools.table_loading import Problem

_WIDTH = 16.0  # cm between the margins
_TALLEST = 20.0


def make(request: dict[str, Any]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Make a .docx of Markdown text, with pictures and tables from files."""
    document = Document()
    section = document.sections[0]
    section.page_width, section.page_height = Cm(21), Cm(29.7)
    section.left_margin = section.right_margin = Cm(2.5)
    document.styles["Normal"].font.name, document.styles["Normal"].font.size = "Calibri", Pt(11)
    parts, pictures = Parts(request, table_rows=1_000), 0
    for block in parts:
        pictures += block.kind == "picture"
        if pictures > MOST_PICTURES:
            raise Problem(f"A document takes at most {MOST_PICTURES} pictures.")
        _put(document, parts, block)
    about = document.core_properties
    about.title, about.author, about.comments = title_of(request), "Staffwork", ""
    about.created = about.modified = THEN
    about.last_modified_by, about.revision = "Staffwork", 1
    out = io.BytesIO()
    document.save(out)
    return {"docx": settled(out.getvalue())}, {"notes": parts.notes}


def _put(document: Any, parts: Parts, block: Block) -> None:
    match block.kind:
        case "heading":
            _write(document.add_heading(level=min(block.level, 4)), block.runs)
        case "paragraph" | "quote":
            _write(document.add_paragraph(style="Quote" if block.kind == "quote" else None), block.runs)
        case "item":
            _item(document, block)
        case "code":
            run = document.add_paragraph(style="No Spacing").add_run(block.text)
            run.font.name, run.font.size = "Consolas", Pt(9.5)
        case "break":
            document.add_paragraph().add_run().add_break(WD_BREAK.PAGE)
        case _:
            _put_in(document, parts, block)


def _put_in(document: Any, parts: Parts, block: Block) -> None:
    """Put in a picture or a table, and the words under it."""
    picture = parts.picture(block) if block.kind == "picture" else None
    if picture is None:
        _table(document, *parts.table(block))
    else:
        content, width, height = picture
        wide = min(_WIDTH, width / 45, _TALLEST * width / height)
        document.add_picture(content, width=Cm(wide))
    if block.kind == "picture" and (words := caption(block)):
        _write(document.add_paragraph(style="Caption"), words)


def _item(document: Any, block: Block) -> None:
    """Write an item; its number is text, so that each list begins where it should."""
    style = f"List Bullet{'' if block.level == 0 else f' {min(block.level, 2) + 1}'}"
    if block.mark:
        paragraph = document.add_paragraph()
        paragraph.paragraph_format.left_indent = Cm(0.9 + 0.7 * min(block.level, 5))
        paragraph.paragraph_format.first_line_indent = Cm(-0.7)
        paragraph.add_run(f"{block.mark}\t")
        _write(paragraph, block.runs)
        return
    _write(document.add_paragraph(style=style), block.runs)


def _write(paragraph: Any, runs: tuple[Run, ...]) -> None:
    for run in runs:
        words = f"{run.text} ({run.link})" if run.link and run.link != run.text else run.text
        written = paragraph.add_run(words)
        written.bold, written.italic = run.bold or None, run.italic or None
        if run.code:
            written.font.name = "Consolas"


def _table(document: Any, rows: list[list[Cell]], missing: str) -> None:
    if not rows or not rows[0]:
        return
    table = document.add_table(rows=len(rows), cols=len(rows[0]), style="Light Grid Accent 1")
    cells = table._cells  # once: each look-up by row and column would walk the whole table
    for place, value in enumerate(value for row in rows for value in row):
        cells[place].text = shown(value)
        if place >= len(rows[0]) and isinstance(value, int | float) and not isinstance(value, bool):
            cells[place].paragraphs[0].alignment = 2
    header = OxmlElement("w:tblHeader")  # said again on each page
    header.set(qn("w:val"), "true")
    table.rows[0]._tr.get_or_add_trPr().append(header)
    if missing:
        document.add_paragraph(missing, style="Caption")
    document.add_paragraph()
