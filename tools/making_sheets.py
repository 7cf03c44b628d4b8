"""Excel workbooks from table files, SQL answers and Markdown tables, by openpyxl. Text never becomes a formula unasked."""

from __future__ import annotations

import datetime
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from tools.making_parts import settled
from tools.making_source import Cell, Rows, clean, rows_of, shown
from tools.making_text import blocks
from tools.table_loading import Problem

MOST_ROWS, MOST_CELLS, MOST_SHEETS = 100_000, 600_000, 20
FORMATS = {"text": "@", "whole": "#,##0", "number": "#,##0.00", "money": "#,##0.00", "percent": "0.0%",
           "date": "yyyy-mm-dd"}  # fmt: skip
_FUNCTIONS = """
SUM AVERAGE MIN MAX COUNT COUNTA COUNTIF SUMIF AVERAGEIF ROUND ROUNDUP ROUNDDOWN ABS IF AND OR NOT MEDIAN INT MOD SUMPRODUCT
STDEV VAR RANK LEFT RIGHT LEN TRIM UPPER LOWER YEAR MONTH DAY TRUE FALSE
"""
SAFE = frozenset(_FUNCTIONS.split())
"""What a formula may use; nothing in here reaches a file, a program or a network."""
_SAFE_FORM = re.compile(r"=[A-Za-z0-9_$:.,;()+\-*/^%<>=& \"]{1,500}")
_CALLED = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)\s*\(")


def make(request: dict[str, Any]) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Make a .xlsx with a sheet for each table; says the sheets with their rows."""
    book = Workbook(write_only=True)
    taken: set[str] = set()
    made: list[list[Any]] = []
    cells = 0
    for title, data in _sheets(request):
        if len(made) == MOST_SHEETS:
            raise Problem(f"A workbook takes at most {MOST_SHEETS} sheets.")
        cells += len(data.columns) * (len(data.rows) + 1)
        if cells > MOST_CELLS:
            raise Problem(f"The workbook would have more than {MOST_CELLS:,} cells. Select or sum up with `queries`.")
        name = _sheet_name(title, taken)
        _fill(book.create_sheet(name), data, request)
        made.append([name, len(data.rows)])
    if not made:
        raise Problem("There is no table for the workbook: give files, queries, rows or a text with tables.")
    book.properties.creator = book.properties.lastModifiedBy = "Staffwork"
    book.properties.title = clean(request["name"])
    out = io.BytesIO()
    book.save(out)
    return {"xlsx": settled(out.getvalue())}, {"sheets": made}


def _sheets(request: dict[str, Any]) -> Iterator[tuple[str, Rows]]:
    if request.get("rows"):
        yield request.get("sheet") or "Table", rows_of({"rows": request["rows"], "files": []}, MOST_ROWS)
    if request["queries"]:
        for title, sql in request["queries"].items():
            yield title, rows_of({"files": request["files"]}, MOST_ROWS, sql)
    else:
        for file in request["files"]:
            title = file["name"].rpartition("/")[2].rsplit(".", 1)[0]
            yield title, rows_of({"files": [file]}, MOST_ROWS)
    heading = "Table"
    for block in blocks(request.get("text", "")):
        if block.kind == "heading":
            heading = block.text
        elif block.kind == "table" and block.rows:
            names, *rows = block.rows
            yield heading, Rows([str(n) for n in names], rows)


def _sheet_name(title: str, taken: set[str]) -> str:
    bare = re.sub(r"[\[\]:*?/\\']", " ", clean(title)).strip()[:28] or "Sheet"
    name = next(n for i in range(1, 99) if (n := bare if i == 1 else f"{bare[:26]} {i}").lower() not in taken)
    taken.add(name.lower())
    return name


def _fill(sheet: Any, data: Rows, request: dict[str, Any]) -> None:
    kinds = {name.lower(): kind for name, kind in request.get("columns", {}).items()}
    forms = [_form(kinds.get(name.lower()), [row[i] for row in data.rows[:200]]) for i, name in enumerate(data.columns)]
    for i, name in enumerate(data.columns, 1):
        longest = max([len(name), *(len(shown(row[i - 1])) for row in data.rows[:200])])
        sheet.column_dimensions[get_column_letter(i)].width = min(max(longest + 3, 9), 60)
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{get_column_letter(len(data.columns))}{len(data.rows) + 1}"
    head = {"font": Font(bold=True, color="FFFFFFFF"), "fill": PatternFill("solid", fgColor="FF1F5F5B")}
    sheet.append([_headed(sheet, name, head) for name in data.columns])
    for row in data.rows:
        sheet.append(list(_row(sheet, row, forms, formulas=request.get("formulas", False))))


def _headed(sheet: Any, name: str, style: dict[str, Any]) -> Any:
    cell = _text(sheet, name)
    cell.font, cell.fill, cell.alignment = style["font"], style["fill"], Alignment(vertical="top", wrap_text=True)
    return cell


def _row(sheet: Any, row: list[Cell], forms: list[str], *, formulas: bool) -> Iterator[Any]:
    for value, form in zip(row, forms, strict=True):
        if isinstance(value, str) and formulas and value.startswith("="):
            cell = WriteOnlyCell(sheet, _checked(value))
        elif isinstance(value, str) or form == "text":
            cell = _text(sheet, shown(value))
        else:
            cell = WriteOnlyCell(sheet, value)
        if form and form != "text":
            cell.number_format = FORMATS[form]
        yield cell


def _text(sheet: Any, words: str) -> Any:
    """Make a cell that holds text and nothing else, whatever it begins with."""
    cell = WriteOnlyCell(sheet, words)
    cell.data_type = "s"
    if words[:1] in ("=", "+", "-", "@", "\t"):
        cell.quotePrefix = True  # it stays text also when somebody edits it
    return cell


def _checked(formula: str) -> str:
    if not _SAFE_FORM.fullmatch(formula):
        raise Problem(
            f"This formula is not made: {formula[:100]}. It may hold cells of its own sheet, numbers and signs."
        )
    if unknown := {name for name in _CALLED.findall(formula) if name.upper() not in SAFE}:
        raise Problem(
            f"This formula is not made: {formula[:100]}. {', '.join(sorted(unknown))} is not among {_known()}."
        )
    return formula


def _known() -> str:
    return ", ".join(sorted(SAFE))


def _form(asked: str | None, values: Iterable[Cell]) -> str:
    """Choose a column's format: as asked, else by what it holds."""
    if asked:
        return asked
    there = [v for v in values if v is not None]
    if there and all(isinstance(v, datetime.date) and not isinstance(v, datetime.datetime) for v in there):
        return "date"
    if there and all(isinstance(v, float) for v in there):
        return "number"
    return ""
