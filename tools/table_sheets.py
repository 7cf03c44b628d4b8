"""Spreadsheets made into typed CSV that DuckDB loads; runs in the worker's process, since calamine can abort it."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import IO, Any, BinaryIO

from tools.table_names import distinct

Columns = dict[str, str]
"""Column names and the DuckDB type that holds every value of each."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet: its number (from 1) and title, the header as it stands there ("" if none), columns, rows as open CSV."""

    number: int
    title: str
    header: str
    columns: Columns
    rows: IO[str]


def read_sheets(opened: BinaryIO) -> Iterator[Sheet]:
    """Yield every sheet that has rows; the caller closes their files."""
    from python_calamine import CalamineWorkbook

    book = CalamineWorkbook.from_filelike(opened)
    for number, title in enumerate(book.sheet_names, 1):
        rows = book.get_sheet_by_name(title).to_python(skip_empty_area=True)
        if rows:
            header, names, body = _header(rows)
            columns = {column: _kind([row[i] for row in body]) for i, column in enumerate(names)}
            yield Sheet(number, title, header, columns, _as_csv(body, list(columns.values())))


def _as_csv(body: Sequence[Sequence[Any]], kinds: Sequence[str]) -> IO[str]:
    text = tempfile.TemporaryFile("w+", newline="", encoding="utf-8")  # noqa: SIM115  (the caller closes it)
    writer = csv.writer(text)
    writer.writerows([_cell(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in body)
    text.flush()
    text.seek(0)
    return text


def _header(rows: Sequence[list[Any]]) -> tuple[str, list[str], list[list[Any]]]:
    """Take the first row that is at least half filled as the header if it is all text, leaving out titles above it."""
    width = max(len(row) for row in rows)
    filled = [row + [""] * (width - len(row)) for row in rows]
    at = next((i for i, row in enumerate(filled) if sum(v != "" for v in row) * 2 >= width), 0)
    head = filled[at]
    if not all(isinstance(value, str) for value in head):
        return "", [f"column{i}" for i in range(1, width + 1)], filled[at:]
    taken: set[str] = set()
    names = [distinct(value.strip() or f"column{i}", taken) for i, value in enumerate(head, 1)]
    written = " | ".join(value.replace("\n", " ") for value in head).rstrip(" |")  # as the index has the row too
    return written, names, [row for row in filled[at + 1 :] if any(value != "" for value in row)]


def _kind(values: Sequence[Any]) -> str:
    filled = [value for value in values if value != ""]
    types = {type(value) for value in filled}
    if types and types <= {int, float}:
        return "BIGINT" if all(float(v).is_integer() and abs(v) < 2**53 for v in filled) else "DOUBLE"
    if types and types <= {date, datetime}:
        return "DATE" if types == {date} else "TIMESTAMP"
    return "BOOLEAN" if types == {bool} else "VARCHAR"


def _cell(value: Any, kind: str) -> Any:
    if value == "":
        return None
    if isinstance(value, float) and value.is_integer() and kind != "DOUBLE":
        return int(value)
    return value.isoformat() if isinstance(value, date) else value
