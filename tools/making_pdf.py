"""PDF documents from Markdown, by reportlab, in DejaVu letters that cover Latin, Greek, Cyrillic and many signs."""

from __future__ import annotations

import io
from functools import lru_cache
from html import escape
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4, landscape
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import cm
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.platypus import (
    Image,
    KeepTogether,
    LongTable,
    PageBreak,
    Paragraph,
    Preformatted,
    SimpleDocTemplate,
    Spacer,
)
from reportlab.platypus.tables import TableStyle

from tools.making_parts import MOST_PICTURES, Parts, caption, title_of
from tools.making_source import Cell, clean, shown
from tools.making_text import Block, Run
from tools.table_loading import Problem

_INK, _SOFT, _ACCENT = colors.HexColor("#16202a"), colors.HexColor("#5a6874"), colors.HexColor("#1f5f5b")
_MARGIN = 2.2 * cm
_FACES = {"Sans": "DejaVuSans", "Bold": "DejaVuSans-Bold", "Italic": "DejaVuSans-Oblique",
          "Strong": "DejaVuSans-BoldOblique", "Mono": "DejaVuSansMono"}  # fmt: skip
_LONGEST = 12_000  # characters of one paragraph: what is longer is cut into several, which may break over pages
_HEADINGS = {1: 20, 2: 15, 3: 12.5}


def make(request: dict[str, Any]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Make a .pdf with page numbers; says how many letters its font does not have."""
    _load_fonts()
    parts = Parts(request, table_rows=2_000)
    size = landscape(A4) if request.get("landscape") else A4
    frame = (size[0] - 2 * _MARGIN, size[1] - 2 * _MARGIN)
    story: list[Any] = []
    pictures = 0
    for block in parts:
        pictures += block.kind == "picture"
        if pictures > MOST_PICTURES:
            raise Problem(f"A document takes at most {MOST_PICTURES} pictures.")
        story += _flowables(parts, block, frame)
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out, pagesize=size, leftMargin=_MARGIN, rightMargin=_MARGIN, topMargin=_MARGIN, bottomMargin=_MARGIN,
        title=title_of(request), author="Staffwork", invariant=1,
    )  # fmt: skip
    document.build(story or [Spacer(1, 1)], onFirstPage=_numbered, onLaterPages=_numbered)
    return {"pdf": out.getvalue()}, {"notes": [*parts.notes, *_missing(request["text"])], "pages": document.page}


@lru_cache(maxsize=1)
def _load_fonts() -> None:
    spec = find_spec("matplotlib")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf"
    for face, file in _FACES.items():
        pdfmetrics.registerFont(TTFont(face, folder / f"{file}.ttf"))
    pdfmetrics.registerFontFamily("Sans", normal="Sans", bold="Bold", italic="Italic", boldItalic="Strong")


def _missing(text: str) -> list[str]:
    letters = pdfmetrics.getFont("Sans").face.charToGlyph
    lost = sorted({c for c in clean(text) if not c.isspace() and ord(c) not in letters})
    if not lost:
        return []
    return [
        f"{len(lost)} letters are not in the font and appear as boxes, such as {' '.join(lost[:5])}. Use .docx for them."
    ]


def _style(size: float = 10.5, **more: Any) -> ParagraphStyle:
    shape = {"fontName": "Sans", "fontSize": size, "leading": size * 1.42, "spaceAfter": size * 0.6, "textColor": _INK}
    return ParagraphStyle("words", **(shape | {"splitLongWords": 1} | more))


def _flowables(parts: Parts, block: Block, frame: tuple[float, float]) -> list[Any]:
    match block.kind:
        case "picture":
            return _picture(parts, block, frame)
        case "table":
            return _table(*parts.table(block), frame[0])
        case "break":
            return [PageBreak()]
        case "code":
            lines = [line[i : i + 92] for line in block.text.split("\n") for i in range(0, max(len(line), 1), 92)]
            style = _style(8.5, fontName="Mono", leftIndent=8)
            return [Preformatted("\n".join(lines[i : i + 55]), style) for i in range(0, len(lines), 55)]
    style, bullet = _worded(block)
    return [Paragraph(bullet + _markup(piece), style) for piece in _pieces(block.runs)]


def _worded(block: Block) -> tuple[ParagraphStyle, str]:
    """Give the style of a block of words, and the mark before them."""
    match block.kind:
        case "heading":
            size = _HEADINGS.get(block.level, 11)
            return _style(size, fontName="Bold", spaceBefore=size * 0.7, keepWithNext=1), ""
        case "item":
            indent = 14 + 14 * min(block.level, 6)
            style = _style(leftIndent=indent, bulletIndent=indent - 13, spaceAfter=3)
            return style, f"<bullet>{escape(block.mark or '•')}</bullet>"
        case "quote":
            return _style(leftIndent=16, textColor=_SOFT, fontName="Italic"), ""
    return _style(), ""


def _pieces(runs: tuple[Run, ...]) -> list[tuple[Run, ...]]:
    """Cut what is very long into paragraphs that can be laid out one by one."""
    cut = [
        Run(run.text[i : i + _LONGEST], run.bold, run.italic, run.code, run.link)
        for run in runs
        for i in range(0, len(run.text), _LONGEST)
    ]
    pieces: list[list[Run]] = [[]]
    for run in cut:
        if sum(len(r.text) for r in pieces[-1]) + len(run.text) > _LONGEST and pieces[-1]:
            pieces.append([])
        pieces[-1].append(run)
    return [tuple(piece) for piece in pieces]


def _markup(runs: tuple[Run, ...]) -> str:
    """Write runs in reportlab's own marks; everything of the text itself is escaped."""
    found = []
    for run in runs:
        words = escape(run.text).replace("\n", "<br/>")
        words = f'<font face="Mono">{words}</font>' if run.code else words
        words = f"<b>{words}</b>" if run.bold else words
        words = f"<i>{words}</i>" if run.italic else words
        found.append(f'<a href="{escape(run.link)}" color="#1f5f5b">{words}</a>' if run.link else words)
    return "".join(found)


def _picture(parts: Parts, block: Block, frame: tuple[float, float]) -> list[Any]:
    words = [Paragraph(_markup(caption(block)), _style(9, textColor=_SOFT))] if caption(block) else []
    if (picture := parts.picture(block)) is None:
        return [*_table(*parts.table(block), frame[0]), *words]
    content, width, height = picture
    scale = min(frame[0] / width, (frame[1] - 3 * cm) / height, 0.55)
    return [KeepTogether([Image(content, width * scale, height * scale), Spacer(1, 4), *words])]


def _table(rows: list[list[Cell]], missing: str, wide: float) -> list[Any]:
    if not rows or not rows[0]:
        return []
    size = 9 if len(rows[0]) <= 6 else 7 if len(rows[0]) <= 12 else 5
    words, right = _style(size, spaceAfter=0), _style(size, spaceAfter=0, alignment=2)
    head = _style(size, spaceAfter=0, fontName="Bold", textColor=colors.white)
    over = _style(size, spaceAfter=0, fontName="Bold", textColor=colors.white, alignment=2)
    first = rows[1] if len(rows) > 1 else rows[0]
    cells = [
        [Paragraph(escape(shown(v)), over if _is_number(b) else head) for v, b in zip(rows[0], first, strict=True)]
    ]
    for row in rows[1:]:
        cells.append([Paragraph(escape(shown(v)[:600]), right if _is_number(v) else words) for v in row])
    table = LongTable(cells, colWidths=_widths(rows, wide), repeatRows=1)
    table.setStyle(TableStyle([
        ("BACKGROUND", (0, 0), (-1, 0), _ACCENT),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, colors.HexColor("#d9d6cd")),
        ("ROWBACKGROUNDS", (0, 1), (-1, -1), [colors.white, colors.HexColor("#f6f5f1")]),
    ]))  # fmt: skip
    note = [Paragraph(escape(missing), _style(8.5, textColor=_SOFT))] if missing else []
    return [table, Spacer(1, 8), *note]


def _is_number(value: Cell) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _widths(rows: list[list[Cell]], wide: float) -> list[float]:
    """Share out the width by the longest cell of each column, within bounds."""
    longest = [max(4, min(40, max(len(shown(row[i])) for row in rows[:100]))) for i in range(len(rows[0]))]
    return [wide * each / sum(longest) for each in longest]


def _numbered(canvas: Any, document: Any) -> None:
    canvas.saveState()
    canvas.setFont("Sans", 8)
    canvas.setFillColor(_SOFT)
    canvas.drawRightString(document.pagesize[0] - _MARGIN, 1.2 * cm, str(canvas.getPageNumber()))
    canvas.restoreState()
