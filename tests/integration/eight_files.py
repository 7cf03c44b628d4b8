"""Eight kinds of files about one fact each, as people have them."""

from __future__ import annotations

import json
from pathlib import Path

from docx import Document
from openpyxl import Workbook
from pptx import Presentation
from reportlab.pdfgen.canvas import Canvas

FACTS = {
    "notes.md": "The harbour bridge closes for repairs in October.",
    "plain.txt": "The ferry carries four hundred passengers an hour.",
    "letter.docx": "The warehouse lease ends after eleven months.",
    "slides.pptx": "The pilot project saved nine thousand litres of diesel.",
    "report.pdf": "The turbine inspection found two cracked blades.",
    "page.html": "The museum opens its northern wing in spring.",
    "data.json": "The observatory counted seventeen meteors on Tuesday.",
    "rota.csv": "The night porter swaps shifts with the gardener.",
}
"""Name -> the sentence that stands in it, and in no other."""
MARKED = {
    "notes.md": "harbour bridge",
    "plain.txt": "ferry passengers",
    "letter.docx": "warehouse lease",
    "slides.pptx": "pilot project diesel",
    "report.pdf": "turbine blades",
    "page.html": "museum wing",
    "data.json": "observatory meteors",
    "rota.csv": "porter gardener shifts",
}
"""Name -> words to ask for it by."""


def make_eight(folder: Path) -> dict[str, Path]:
    """Write them all into a folder."""
    paths = {name: folder / name for name in FACTS}
    paths["notes.md"].write_text(f"# Notes\n\nSomething else.\n\n{FACTS['notes.md']}\n")
    paths["plain.txt"].write_text(f"A line before.\n{FACTS['plain.txt']}\nA line behind.\n")
    letter = Document()
    letter.add_heading("A letter", 1)
    letter.add_paragraph(FACTS["letter.docx"])
    letter.save(str(paths["letter.docx"]))
    slides = Presentation()
    for title, words in (("Welcome", "Nothing yet."), ("Results", FACTS["slides.pptx"])):
        slide = slides.slides.add_slide(slides.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = words
    slides.save(str(paths["slides.pptx"]))
    canvas = Canvas(str(paths["report.pdf"]))
    for words in ("The first page says little.", FACTS["report.pdf"]):
        canvas.drawString(72, 780, words)
        canvas.showPage()
    canvas.save()
    paths["page.html"].write_text(f"<!doctype html><html><body><h1>News</h1><p>{FACTS['page.html']}</p></body></html>")
    paths["data.json"].write_text(json.dumps({"log": [{"day": "Monday"}, {"note": FACTS["data.json"]}]}, indent=1))
    paths["rota.csv"].write_text(f"day,note\nMonday,Nothing\nTuesday,{FACTS['rota.csv']}\n")
    return paths


def make_workbook(path: Path) -> Path:
    """Write a workbook of two sheets; the figures stand on the first."""
    book = Workbook()
    book.active.title = "Figures"
    for row in (["region", "revenue"], ["North", 1200], ["South", 900], ["East", 400]):
        book.active.append(row)
    book.create_sheet("About").append(["What", "Figures of the year"])
    book.save(str(path))
    return path
