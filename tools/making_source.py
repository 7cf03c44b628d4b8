"""The data behind what is made: rows of a table file, of one SELECT over such files, or as they were given."""

from __future__ import annotations

import datetime
import decimal
import re
from dataclasses import dataclass
from typing import Any

from tools.table_answers import selected
from tools.table_loading import Problem
from tools.table_names import quoted
from tools.table_worker import opened

Cell = str | int | float | bool | datetime.date | datetime.datetime | None
LONGEST_CELL = 32_000  # characters; Excel takes 32,767
_NOT_XML = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff\u202a-\u202e\u2066-\u2069]")
_NUMBER = re.compile(r"-?\d{1,15}(\.\d{1,15})?(e[+-]?\d{1,3})?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Rows:
    """A table: the names of its columns, and its rows."""

    columns: list[str]
    rows: list[list[Cell]]


def clean(text: str) -> str:
    """Take out of a text what no document may hold: control characters, half characters, changes of direction."""
    return _NOT_XML.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def rows_of(request: dict[str, Any], most: int, sql: str = "") -> Rows:
    """Read the rows that a request means: its `rows` (names first), else `sql` over its files, else the first file's table.

    Raises Problem if there are more than `most`, or none.
    """
    if request.get("rows"):
        return _given(request["rows"], most)
    if not request["files"]:
        raise Problem("There is no data: give files, or rows.")
    database, tables = opened(request["files"])
    cursor = selected(database, sql or f"SELECT * FROM {quoted(tables[0]['table'])}")  # noqa: S608
    names = [clean(str(column[0])) for column in cursor.description]
    rows = cursor.fetchmany(most + 1)
    if len(rows) > most:
        raise Problem(f"There are more than {most:,} rows, which is the most here. Select or sum up with `sql`.")
    if not rows:
        raise Problem("There are no rows for this.")
    return Rows(names, [[cell_of(value) for value in row] for row in rows])


def _given(rows: list[list[Any]], most: int) -> Rows:
    names, *body = rows
    if len(body) > most:
        raise Problem(f"There are more than {most:,} rows, which is the most here.")
    if not body:
        raise Problem("rows: give the names of the columns first, then at least one row.")
    if any(len(row) != len(names) for row in body):
        raise Problem("rows: every row needs one cell for each name in the first row.")
    return Rows([clean(str(name)) for name in names], [[cell_of(value) for value in row] for row in body])


def cell_of(value: Any) -> Cell:
    """Turn a value of the database into a plain cell."""
    match value:
        case None | bool() | datetime.datetime() | datetime.date():
            return value
        case int() | float() | decimal.Decimal():
            number: int | float = value if isinstance(value, int) else float(value)
            rounded = isinstance(number, int) and abs(number) >= 2**53  # Excel would round it
            return str(value) if rounded or not abs(number) < float("inf") else number
        case bytes():
            return f"({len(value)} bytes)"
    return clean(str(value))[:LONGEST_CELL]


def shown(value: Cell) -> str:
    """Write a cell as people read it."""
    match value:
        case None | bool():
            return {None: "", True: "yes", False: "no"}[value]
        case float():
            return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) < 1e15 else f"{value:.6g}"
        case int():
            return f"{value:,}" if abs(value) >= 10_000 else str(value)
        case datetime.date():
            return value.isoformat(" ", "minutes") if isinstance(value, datetime.datetime) else value.isoformat()
    return value


def typed(text: str) -> Cell:
    """Read a cell that was written in Markdown: a number where it is written as one, else text."""
    bare = text.strip()
    number = bare.replace(",", "") if re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", bare) else bare
    if not _NUMBER.fullmatch(number) or re.match(r"-?0\d", number):
        return bare
    return float(number) if re.search(r"[.e]", number, re.IGNORECASE) else int(number)


def cells(request: dict[str, Any]) -> dict[str, Any]:
    """List the first rows of every table in a file, as text, for a preview."""
    database, tables = opened(request["files"])
    found = []
    for table in [t for t in tables if not t["same_as"]][:20]:
        (total,) = database.execute(f"SELECT count(*) FROM {quoted(table['table'])}").fetchone()  # noqa: S608
        cursor = database.execute(f"SELECT * FROM {quoted(table['table'])} LIMIT {int(request['most'])}")  # noqa: S608
        rows = [[shown(cell_of(v))[:500] for v in row[:50]] for row in cursor.fetchall()]
        names = [clean(str(name))[:200] for name in table["original"]]
        found.append(
            {"title": clean(table["sheet"]), "columns": names[:50], "width": len(names), "rows": rows, "total": total}
        )
    return {"tables": found}
