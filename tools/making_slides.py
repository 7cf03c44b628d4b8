"""Slides from Markdown, by python-pptx: a heading begins a slide."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from pptx import Presentation
from pptx.util import Cm, Pt

from tools.making_parts import THEN, Parts, settled, title_of
from tools.making_source import Cell, shown
from tools.making_text import Block
from tools.table_loading import Problem

MOST_SLIDES = 100
_WIDE, _HIGH = 33.867, 19.05  # cm, 16:9


@dataclass
class _Slide:
    title: str
    level: int
    lines: list[Block] = field(default_factory=list)
    things: list[Block] = field(default_factory=list)  # pictures and tables


def make(request: dict[str, Any]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Make a .pptx; the first # heading without more than lines below it is the title slide."""
    deck = Presentation()
    deck.slide_width, deck.slide_height = Cm(_WIDE), Cm(_HIGH)
    parts = Parts(request, table_rows=14)
    slides = list(_slides(parts))
    if not slides:
        raise Problem("There are no slides: begin each with a line such as “# Title”.")
    if len(slides) > MOST_SLIDES:
        raise Problem(f"There would be {len(slides)} slides; at most {MOST_SLIDES} are made.")
    for number, slide in enumerate(slides):
        _put(
            deck, parts, slide, opening=number == 0 and slide.level == 1 and not slide.things and len(slide.lines) <= 3
        )
    about = deck.core_properties
    about.title, about.author, about.last_modified_by = title_of(request), "Staffwork", "Staffwork"
    about.created = about.modified = THEN
    out = io.BytesIO()
    deck.save(out)
    return {"pptx": settled(out.getvalue())}, {"notes": parts.notes, "slides": len(slides)}


def _slides(parts: Parts) -> Iterator[_Slide]:
    here: _Slide | None = None
    for block in parts:
        if block.kind == "heading" and block.level <= 2:
            if here:
                yield here
            here = _Slide(block.text, block.level)
        elif block.kind == "break":
            continue
        else:
            here = here or _Slide("", 2)
            (here.things if block.kind in ("picture", "table") else here.lines).append(block)
    if here:
        yield here


def _put(deck: Any, parts: Parts, slide: _Slide, *, opening: bool) -> None:
    made = deck.slides.add_slide(deck.slide_layouts[0 if opening else 5])
    title = made.shapes.title
    _place(title, 1.6, 5.5 if opening else 0.8, _WIDE - 3.2, 4 if opening else 2.4)
    title.text = slide.title
    title.text_frame.paragraphs[0].font.size = Pt(44 if opening else 30)
    title.text_frame.word_wrap = True
    if opening:
        _place(made.placeholders[1], 1.6, 10, _WIDE - 3.2, 4)
        made.placeholders[1].text = "\n".join(line.text for line in slide.lines)
        return
    wide = _WIDE - 3.2 if not slide.things else (_WIDE - 3.2) * 0.42
    if slide.lines:
        _lines(made, slide.lines, wide)
    left = 1.6 if not slide.lines else 1.6 + wide + 0.6
    for n, thing in enumerate(slide.things):
        each = (_HIGH - 4.6) / len(slide.things)
        _thing(made, parts, thing, (left, 3.6 + n * each, _WIDE - 1.6 - left, each - 0.4))


def _lines(made: Any, lines: list[Block], wide: float) -> None:
    frame = made.shapes.add_textbox(Cm(1.6), Cm(3.6), Cm(wide), Cm(_HIGH - 4.8)).text_frame
    frame.word_wrap = True
    length = sum(len(line.text) // 60 + 1 for line in lines)
    size = 22 if length <= 9 else 18 if length <= 13 else 14 if length <= 20 else 11
    for n, line in enumerate(lines):
        paragraph = frame.paragraphs[0] if n == 0 else frame.add_paragraph()
        sign = f"{line.mark or '•'} " if line.kind == "item" else ""
        paragraph.space_after = Pt(size / 3)
        for number, run in enumerate(line.runs):
            written = paragraph.add_run()
            written.text = ("    " * line.level + sign if number == 0 else "") + run.text
            written.font.size, written.font.bold = Pt(size), run.bold or line.kind == "heading"
            written.font.italic = run.italic or line.kind == "quote"
            written.font.name = "Consolas" if run.code else None


def _thing(made: Any, parts: Parts, block: Block, box: tuple[float, float, float, float]) -> None:
    left, top, wide, high = box
    if block.kind == "picture" and (picture := parts.picture(block)):
        content, width, height = picture
        scale = min(wide / width, high / height)
        spare = (wide - width * scale) / 2
        made.shapes.add_picture(content, Cm(left + spare), Cm(top), Cm(width * scale), Cm(height * scale))
        return
    rows, missing = parts.table(block)
    if not rows or not rows[0]:
        return
    _table(made, rows, Cm(left), Cm(top), Cm(wide))
    if missing:
        words = made.shapes.add_textbox(Cm(left), Cm(_HIGH - 1.4), Cm(wide), Cm(0.9)).text_frame
        words.text = missing
        words.paragraphs[0].font.size = Pt(11)


def _table(made: Any, rows: list[list[Cell]], left: Any, top: Any, wide: Any) -> None:
    size = Pt(14 if len(rows) <= 8 and len(rows[0]) <= 5 else 10)
    table = made.shapes.add_table(len(rows), len(rows[0]), left, top, wide, Cm(0.8) * len(rows)).table
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            cell = table.cell(r, c)
            cell.text = shown(value)[:200]
            cell.text_frame.paragraphs[0].font.size = size


def _place(shape: Any, left: float, top: float, wide: float, high: float) -> None:
    shape.left, shape.top, shape.width, shape.height = Cm(left), Cm(top), Cm(wide), Cm(high)
