"""The rehearsal model draws charts, saves documents and takes changes back, each by its tools."""

from __future__ import annotations

import pytest
from rehearsal_fixtures import Work, report
from test_rehearsal_tables import BY_DAY

from agents.llm.rehearsal_kinds import Kind, file_to_write, kind_of, matter_to_write, without_chart
from agents.llm.rehearsal_reading import File
from core.missions import Artifact

CSV, MEMO = File("sales.csv"), File("memo.pdf")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Plot revenue per month from this CSV", Kind.CHART),
        ("Draw a pie chart of revenue per region", Kind.CHART),
        ("Total revenue per region", Kind.TABLE),
        ("save it as PDF", Kind.WRITE),
        ("Undo the last change", Kind.UNDO),
    ],
)
def test_what_kind_of_work_it_is(text: str, kind: Kind) -> None:
    assert kind_of(text, [CSV]) is kind
    assert kind_of("Draw conclusions", [MEMO]) is Kind.QUOTE


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("save it as PDF", "summary.pdf"),
        ("Save this as a Word document", "summary.docx"),
        ("export everything as slides", "summary.pptx"),
        ("put it into an Excel workbook", "summary.xlsx"),
        ("save it as report.pdf", "report.pdf"),
        ("save the risks in memo.pdf to risks.md", "risks.md"),
        ("What does memo.pdf say?", ""),
        ("Write what memo.pdf says", ""),
    ],
)
def test_which_file_is_to_be_written(text: str, name: str) -> None:
    assert file_to_write(text) == name


def test_what_is_left_of_a_goal_is_the_question_to_the_table() -> None:
    assert without_chart("Plot revenue per month from this CSV") == "revenue per month"
    assert matter_to_write("Save revenue per month as PDF", [CSV]) == "revenue per month"


async def test_a_chart_is_drawn_of_exactly_the_rows_that_were_asked_for() -> None:
    work = Work("Plot revenue per month from this CSV (in sales.csv)", "sales.csv", part_of="Plot revenue per month")
    assert await work.next() == ("profile_table", {"file": "sales.csv"})
    name, asked = await work.next(BY_DAY.profile())
    assert name == "query_table"
    name, wanted = await work.next(BY_DAY.query(asked["sql"]))
    assert name == "make_chart"
    assert (wanted["sql"], wanted["files"], wanted["kind"]) == (asked["sql"], ["sales.csv"], "bar")
    assert (wanted["name"], wanted["title"]) == ("revenue-per-month", "Revenue per month")
    end = await work.next("Drew revenue-per-month: revenue-per-month.png (9 bytes).\n3 points each of revenue.")
    assert end.status == "completed"
    assert end.summary.startswith("Drew revenue-per-month")
    assert "| 2024-01" in end.result
    assert "Not taken into account" not in end.result


async def test_a_chart_that_cannot_be_drawn_is_said() -> None:
    work = Work("Plot revenue per month (in sales.csv)", "sales.csv")
    await work.next()
    _, asked = await work.next(BY_DAY.profile())
    await work.next(BY_DAY.query(asked["sql"]))
    end = await work.next("[failed] There is no column of numbers to draw.")
    assert (end.status, "no column of numbers" in end.summary) == ("failed", True)


async def test_a_document_holds_the_reports_and_their_pictures() -> None:
    made = tuple(
        Artifact(id=n, name=n, hash="h", size=9, mime="x")
        for n in ("revenue-per-month.png", "revenue-per-month.chart.json")
    )
    found = (report("### Revenue per month\n\n| a |\n|---|\n| 1 |", artifacts=made),)
    work = Work("Save it as PDF", operator="writer", found=found)
    text = "### Revenue per month\n\n![Revenue per month](revenue-per-month.png)\n\n| a |\n|---|\n| 1 |\n"
    assert await work.next() == ("make_pdf", {"name": "revenue-per-month.pdf", "text": text})
    assert "1 page" in (await work.next("Made revenue-per-month.pdf (5 bytes).\n1 page.")).result
    assert (await Work("Save it as PDF", operator="writer").next()).status == "failed"


async def test_the_newest_change_that_stands_is_undone() -> None:
    work = Work("Undo the last change", operator="writer")
    assert await work.next() == ("list_changes", {})
    listed = "1. Wrote a.md\n2. Wrote b.md (earlier)\n3. Wrote c.md - undone\n4. Undid: Wrote c.md"
    assert await work.next(listed) == ("undo_change", {"change": 2})
    assert (await work.next("Undid: Wrote b.md.")).status == "completed"
    nothing = Work("Undo the last change", operator="writer")
    await nothing.next()
    assert (await nothing.next("Nothing was changed in the files of this conversation yet.")).status == "failed"
