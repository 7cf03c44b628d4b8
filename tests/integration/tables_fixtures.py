"""What tests of tables share: a file with sales, workbooks, and reading an answer."""

from __future__ import annotations

from io import BytesIO

from tools_fixtures import Desk

SALES = (
    "region,Revenue (EUR),day\nNorth,10.5,2026-01-01\nSouth,20,2026-01-02\nNorth,0.25,2026-01-03\nEast,,2026-01-04\n"
)


def workbook(sheets: dict[str, list[list[object]]]) -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    stored = BytesIO()
    book.save(stored)
    return stored.getvalue()


def row_of(output: str, name: str) -> list[str]:
    """Find the line of a Markdown table that begins with a name, as its cells."""
    line = next(line for line in output.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.strip("|").split("|")]


async def rows(desk: Desk, sql: str, *files: str) -> list[list[str]]:
    output = await desk.ask("query_table", sql=sql, files=list(files))
    lines = [line for line in output.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
