"""Charts and documents from data: opened again with other libraries, made the same twice, and hostile data in all of them."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from docx import Document
from openpyxl import load_workbook
from PIL import Image
from pptx import Presentation
from pypdf import PdfReader
from tools_fixtures import Desk

from core.errors import BadInput
from tools.chart_terms import Chart, Series, figure, read_chart
from tools.making_request import cited

SALES = "month,region,revenue,cost\n2026-01,North,10.5,4\n2026-02,North,20,5.5\n2026-03,South,17.25,6\n"
EVIL = '=cmd|\'/c calc\'!A1'  # fmt: skip


@pytest.fixture
async def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path, seconds=60)
    await desk.give("sales.csv", SALES, "text/csv")
    return desk


def made(desk: Desk, name: str) -> bytes:
    return (desk.workspace / name).read_bytes()


async def test_a_chart_is_a_picture_and_a_checked_interactive_one(desk: Desk) -> None:
    outcome = await desk.use("make_chart", name="revenue", kind="bar", files=["sales.csv"], x="month", y=["Revenue"],
                             title="Revenue $x$ <b>", formats=["png", "svg", "interactive"])  # fmt: skip
    assert outcome.status == "ok", outcome.output
    assert sorted(a.name for a in outcome.artifacts) == ["revenue.chart.json", "revenue.png", "revenue.svg"]
    assert outcome.tainted, "what it read came from outside"
    with Image.open(io.BytesIO(made(desk, "revenue.png"))) as picture:
        assert (picture.format, picture.size) == ("PNG", (1296, 748))
    assert b"<script" not in made(desk, "revenue.svg")
    chart = read_chart(made(desk, "revenue.chart.json"))
    assert (chart.x, chart.series) == (
        ["2026-01", "2026-02", "2026-03"],
        [Series(name="revenue", values=[10.5, 20.0, 17.25])],
    )
    drawn = figure(chart)
    assert drawn["layout"]["title"]["text"] == "Revenue $x$ ‹b›"
    assert drawn["data"][0]["type"] == "bar"


@pytest.mark.parametrize("kind", ["line", "bar", "stacked", "scatter", "pie", "histogram"])
async def test_every_kind_of_chart_from_rows(desk: Desk, kind: str) -> None:
    rows = [["day", "a", "b"], ["2026-01-01", 1, 4.5], ["2026-01-02", 2, None], ["2026-01-03", 3, 1]]
    await desk.ask("make_chart", name="c", kind=kind, rows=rows)
    assert figure(read_chart(made(desk, "c.chart.json")))["data"]
    assert made(desk, "c.png").startswith(b"\x89PNG")


async def test_a_chart_of_a_query_and_what_cannot_be_drawn(desk: Desk) -> None:
    sql = "SELECT region, sum(revenue) AS total FROM sales GROUP BY region ORDER BY region"
    await desk.ask("make_chart", name="c", kind="pie", files=["sales.csv"], sql=sql)
    assert read_chart(made(desk, "c.chart.json")).x == ["North", "South"]
    for wrong, words in (
        ({"x": "nonsense"}, "There is no column nonsense. Columns: month, region, revenue, cost."),
        ({"y": ["region"]}, "region holds no numbers."),
        ({"sql": "DROP TABLE sales"}, "Only one SELECT"),
        ({"sql": "SELECT * FROM read_text('/etc/passwd')"}, "read_text"),
        ({"sql": "SELECT i AS a, i AS b FROM range(30000) t(i)"}, "more than 20,000 rows"),
        ({"sql": "SELECT * FROM sales WHERE false"}, "There are no rows"),
    ):
        outcome = await desk.use("make_chart", name="d", kind="line", files=["sales.csv"], **wrong)
        assert outcome.status == "failed"
        assert words in outcome.output
    assert not (desk.workspace / "d.png").exists()


@pytest.mark.parametrize("wrong", [
    b"{}", b"[1]", b"\xff\xfe", b'{"data": [{"type": "scattermapbox"}], "layout": {}}',
    b'{"chart": 1, "kind": "line", "series": [{"name": "a", "values": [1]}], "x": ["a", "b"]}',
    b'{"chart": 1, "kind": "bar", "x": ["a"], "series": [{"name": "a", "values": [1], "hovertemplate": "x"}]}',
    b'{"chart": 1, "kind": "bar", "x": ["a"], "series": [{"name": "a", "values": [1e999]}]}',
    b'{"chart": 1, "kind": "bar", "layout": {"images": []}, "x": ["a"], "series": [{"name": "a", "values": [1]}]}',
])  # fmt: skip
def test_nothing_is_drawn_but_our_own_closed_form(wrong: bytes) -> None:
    with pytest.raises(BadInput, match="no chart that Staffwork made"):
        read_chart(wrong)


def test_labels_carry_no_tags() -> None:
    chart = Chart(
        kind="pie", title="<a href='javascript:1'>", x=["<img src=x>"], series=[Series(name="</b>", values=[1.0])]
    )
    assert "<" not in json.dumps(figure(chart))


async def test_a_workbook_has_typed_columns_and_no_formula_unasked(desk: Desk) -> None:
    await desk.give("evil.csv", f'name,amount\n"{EVIL}",1\n+1+1,2\n@SUM(A1),3\n')
    await desk.ask("make_spreadsheet", name="book", files=["sales.csv", "evil.csv"], columns={"revenue": "money"},
                   text="# Notes: 1/2\n\n| a | b |\n|---|---|\n| =1+1 | 1,234.5 |\n")  # fmt: skip
    book = load_workbook(io.BytesIO(made(desk, "book.xlsx")))
    assert book.sheetnames == ["sales", "evil", "Notes  1 2"]
    sales = book["sales"]
    assert [c.value for c in sales[2]] == ["2026-01", "North", 10.5, 4]
    assert (sales["C2"].number_format, sales["A1"].font.bold, sales.freeze_panes) == ("#,##0.00", True, "A2")
    for cell in (book["evil"]["A2"], book["evil"]["A3"], book["evil"]["A4"], book["Notes  1 2"]["A2"]):
        assert (cell.data_type, cell.quotePrefix) == ("s", True)
    assert book["evil"]["A2"].value == EVIL
    assert book["Notes  1 2"]["B2"].value == 1234.5


async def test_formulas_are_made_if_asked_and_only_harmless_ones(desk: Desk) -> None:
    rows = [["a", "b"], [1, "=SUM(A2:A9)*2"]]
    await desk.ask("make_spreadsheet", name="f", rows=rows, formulas=True)
    assert load_workbook(io.BytesIO(made(desk, "f.xlsx")))["Table"]["B2"].value == "=SUM(A2:A9)*2"
    for evil in (EVIL, '=WEBSERVICE("http://x")', "=[1]Sheet!A1", '=HYPERLINK("http://x","y")', "='\\\\host\\x'!A1",
                 "=INDIRECT(A1)", "=_xlfn.WEBSERVICE(A1)", "=SUM(A1)\n+cmd"):  # fmt: skip
        outcome = await desk.use("make_spreadsheet", name="g", rows=[["a"], [evil]], formulas=True)
        assert outcome.status == "failed", evil
        assert "This formula is not made" in outcome.output


async def test_sheets_of_queries_and_too_many_rows(desk: Desk) -> None:
    await desk.ask("make_spreadsheet", name="q", files=["sales.csv"],
                   queries={"By region": "SELECT region, sum(revenue) AS total FROM sales GROUP BY 1 ORDER BY 1"})  # fmt: skip
    sheet = load_workbook(io.BytesIO(made(desk, "q.xlsx")))["By region"]
    assert [[c.value for c in row] for row in sheet.rows] == [["region", "total"], ["North", 30.5], ["South", 17.25]]
    outcome = await desk.use("make_spreadsheet", name="r", files=["sales.csv"],
                             queries={"All": "SELECT i FROM range(1000000) t(i)"})  # fmt: skip
    assert (outcome.status, "more than 100,000 rows" in outcome.output) == ("failed", True)


async def test_a_file_of_a_million_rows_is_refused_or_cut_with_words(desk: Desk) -> None:
    await desk.give("many.csv", "n\n" + "\n".join(map(str, range(1_000_000))))
    for tool, more in (
        ("make_spreadsheet", {"files": ["many.csv"]}),
        ("make_chart", {"kind": "line", "files": ["many.csv"]}),
    ):
        outcome = await desk.use(tool, name="x", **more)
        assert (outcome.status, "more than" in outcome.output) == ("failed", True)
    output = await desk.ask("make_pdf", name="x", text="# Many\n\n![](many.csv)")
    assert "A table was cut: the first 2,000 of 1,000,000 rows." in output
    assert "The first 2,000 of 1,000,000 rows." in PdfReader(desk.workspace / "x.pdf").pages[-1].extract_text()


TEXT = """# Quarter

Some **bold** words, `code`, a [link](https://example.org) and <script>alert(1)</script>.

1. first
2. second

- point

> quoted

| part | amount |
|---|---|
| =1+1 | 1,200 |

![Revenue](revenue.png)

![Sales](sales.csv)
"""


@pytest.fixture
async def drawn(desk: Desk) -> Desk:
    await desk.ask("make_chart", name="revenue", kind="bar", files=["sales.csv"], x="month", y=["revenue"])
    return desk


async def test_a_word_document(drawn: Desk) -> None:
    await drawn.ask("make_document", name="report.docx", text=TEXT)
    document = Document(io.BytesIO(made(drawn, "report.docx")))
    words = [p.text for p in document.paragraphs]
    assert words[0] == "Quarter"
    assert "Some bold words, code, a link (https://example.org) and <script>alert(1)</script>." in words
    assert "1.\tfirst" in words
    assert len(document.inline_shapes) == 1
    assert [[c.text for c in row.cells] for row in document.tables[0].rows] == [["part", "amount"], ["=1+1", "1200"]]
    assert document.tables[1].cell(1, 1).text == "North"
    assert document.core_properties.title == "Quarter"


async def test_a_pdf(drawn: Desk) -> None:
    output = await drawn.ask("make_pdf", name="report", text=TEXT + "\n---\n\nΩμέγα, Жук, 漢\n", landscape=True)
    reader = PdfReader(io.BytesIO(made(drawn, "report.pdf")))
    text = "\n".join(page.extract_text() for page in reader.pages)
    for words in ("Quarter", "<script>alert(1)</script>", "2.", "second", "=1+1", "17.25", "Ωμέγα, Жук"):
        assert words in text
    assert (len(reader.pages) >= 2, reader.pages[0].mediabox.width > 800) == (True, True)
    assert sum(len(page.images) for page in reader.pages) == 1
    assert "1 letters are not in the font and appear as boxes, such as 漢" in output
    assert b"/JavaScript" not in made(drawn, "report.pdf")


async def test_slides(drawn: Desk) -> None:
    await drawn.ask("make_slides", name="deck", text="# Quarter\n\nBoard\n\n## Revenue\n\n- up\n- **more**\n\n![](revenue.png)\n\n"
                    "## Table\n\n![](sales.csv)\n")  # fmt: skip
    deck = Presentation(io.BytesIO(made(drawn, "deck.pptx")))
    assert [s.shapes.title.text for s in deck.slides] == ["Quarter", "Revenue", "Table"]
    kinds = [[shape.shape_type for shape in s.shapes] for s in deck.slides]
    assert 13 in kinds[1], "a picture"
    [table] = [s.table for s in deck.slides[2].shapes if s.has_table]
    assert table.cell(3, 1).text == "South"


@pytest.mark.parametrize("tool", ["make_document", "make_pdf", "make_slides", "make_spreadsheet", "make_chart"])
async def test_the_same_call_makes_the_same_bytes(drawn: Desk, tool: str) -> None:
    more = {
        "make_spreadsheet": {"files": ["sales.csv"]},
        "make_chart": {"files": ["sales.csv"], "kind": "bar", "formats": ["png", "svg"]},
    }
    first = await drawn.use(tool, name="a", **more.get(tool, {"text": TEXT}))
    second = await drawn.use(tool, name="a", **more.get(tool, {"text": TEXT}))
    assert [a.hash for a in first.artifacts] == [a.hash for a in second.artifacts] != []


@pytest.mark.parametrize("tool", ["make_document", "make_pdf", "make_slides", "make_spreadsheet"])
async def test_what_no_file_can_hold_is_taken_out(desk: Desk, tool: str) -> None:
    text = "# A\x00\x01\x0bB\x1f\ufffe\u202egnp\n\n| a\x07 | b |\n|---|---|\n| \x1b[31m | 1e999 |\n\n" + "word " * 2000
    await desk.ask(tool, name="x", text=text)


async def test_huge_text_is_made_within_limits(desk: Desk) -> None:
    assert (await desk.use("make_pdf", name="x", text="word " * 90_000)).status in ("failed", "refused")
    await desk.ask("make_pdf", name="x", text="# T\n\n" + "word " * 40_000 + "\n\n" + "x" * 30_000)
    outcome = await desk.use("make_slides", name="y", text="# s\n\n" * 500)
    assert (outcome.status, "at most 100" in outcome.output) == ("failed", True)


async def test_names_and_files_that_are_none(desk: Desk) -> None:
    for name in ("../x", "/etc/x", "a/../b", ".git/x"):
        outcome = await desk.use("make_pdf", name=name, text="x")
        assert outcome.status == "failed", name
    outcome = await desk.use("make_pdf", name="sales.csv", text="x")
    assert "Choose another name or tool" in outcome.output
    for source in ("nothing.png", "https://example.org/x.png", "/etc/passwd", "../../data/x.png"):
        outcome = await desk.use("make_document", name="x", text=f"![x]({source})")
        assert (outcome.status, "no file" in outcome.output) == ("failed", True), source
    assert cited("![a](b%20c.png) ![d](<e f.csv>) [no](x.png)") == ["b c.png", "e f.csv"]


async def test_pictures_that_are_bombs_or_none_are_refused(desk: Desk) -> None:
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    await desk.give("bomb.png", bomb.getvalue())
    await desk.give("cut.png", made_picture()[:60])
    await desk.give("page.png", "<html><script>alert(1)</script>")
    for name, words in (("bomb.png", "too large"), ("cut.png", "damaged"), ("page.png", "not a table")):
        outcome = await desk.use("make_document", name="x", text=f"![x]({name})")
        assert (outcome.status, words in outcome.output) == ("failed", True), outcome.output


def made_picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 40), "red").save(out, "PNG")
    return out.getvalue()


async def test_it_can_be_undone(desk: Desk) -> None:
    await desk.ask("make_pdf", name="x", text="one")
    desk.context = desk.context.model_copy(update={"step": "t1/2.0"})
    await desk.ask("undo_change", change=1)
    assert not (desk.workspace / "x.pdf").exists()
