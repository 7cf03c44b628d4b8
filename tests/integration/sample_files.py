"""A table and a memo, small enough to check by head."""

from __future__ import annotations

from pathlib import Path


def make_sales(path: Path) -> Path:
    """Write a table: revenue of four regions in two years (North 2700, South 1600, East 820, West 1290)."""
    figures = {"North": (1200, 1500), "South": (900, 700), "East": (400, 420), "West": (650, 640)}
    rows = [f"{r},{y},{v}" for r, both in figures.items() for y, v in zip((2024, 2025), both, strict=True)]
    path.write_text("\n".join(["region,year,revenue", *rows]) + "\n")
    return path


def make_memo(path: Path) -> Path:
    """Write a memo of two pages; the risks stand on the second."""
    from reportlab.pdfgen.canvas import Canvas

    pages = [
        ["Memo on the coming year", "The board met in December.", "Sales in the north are strong."],
        [
            "Risk one: the main supplier may raise prices in March.",
            "Risk two: two key people are leaving the southern office.",
            "Risk three: the new tax rule could delay deliveries.",
        ],
    ]
    canvas = Canvas(str(path))
    for lines in pages:
        for number, line in enumerate(lines):
            canvas.drawString(72, 780 - 22 * number, line)
        canvas.showPage()
    canvas.save()
    return path
