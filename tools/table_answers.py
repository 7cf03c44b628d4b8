"""What DuckDB answers about loaded tables, as plain text cells; runs in the worker's process, without file access."""

# ruff: noqa: S608  (names pass quoted(); the SQL of an operator is checked and runs where no file can be reached)

from __future__ import annotations

import re
from typing import Any

from tools.table_loading import Problem
from tools.table_names import quoted

MOST_ROWS = 200
FIRST_ROWS = 5
LONGEST_CELL = 300  # characters
_EXACT_BELOW = 2_000_000  # rows up to which distinct values are counted one by one
_NUMBER = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|DOUBLE|FLOAT|DECIMAL.*)$")
_ORDERED = re.compile(r"(VARCHAR|DATE|TIME.*|BOOLEAN)$")
_READS = re.compile(r"\s*(?:\(\s*)*(select|with|from|values|describe|summarize|show|unpivot)\b", re.IGNORECASE)


def query(database: Any, sql: str) -> dict[str, Any]:
    """Answer one SELECT: columns, rows of text cells (None where empty), and whether there were more rows."""
    cursor = selected(database, sql)
    columns = [column[0] for column in cursor.description]
    rows = cursor.fetchmany(MOST_ROWS + 1)
    return {"columns": columns, "rows": _cells(rows[:MOST_ROWS]), "more": len(rows) > MOST_ROWS}


def selected(database: Any, sql: str) -> Any:
    """Begin to answer one SELECT; returns DuckDB's cursor. Raises Problem for anything else."""
    statements = database.extract_statements(_without_leading_comments(sql))
    if (
        len(statements) != 1
        or str(statements[0].type).rsplit(".", 1)[-1] != "SELECT"
        or not _READS.match(_without_leading_comments(sql))
    ):
        raise Problem(
            "Only one SELECT (or WITH, FROM, VALUES, DESCRIBE, SUMMARIZE) is possible here; nothing else runs."
        )
    cursor = database.execute(statements[0].query)
    if any("TIME ZONE" in str(column[1]) for column in cursor.description):
        # Python would need another package for these; as text they need none.
        text = f"SELECT COLUMNS(*)::VARCHAR FROM (\n{statements[0].query.rstrip().rstrip(';')}\n) AS answer"
        cursor = database.execute(text)
    return cursor


def profile(database: Any, table: str) -> dict[str, Any]:
    """Describe a table: its row count, each column (name, type, empty, distinct, min, max, mean), its first rows."""
    (rows,) = database.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()
    described = database.execute(f"DESCRIBE {quoted(table)}").fetchall()
    wanted = [f for name, kind, *_ in described for f in _figures(quoted(name), kind, exact=rows <= _EXACT_BELOW)]
    (answer,) = _cells(database.execute(f"SELECT {', '.join(wanted)} FROM {quoted(table)}").fetchall())
    each = len(wanted) // len(described)
    columns = [
        {"name": name, "type": kind, "figures": answer[i * each : (i + 1) * each]}
        for i, (name, kind, *_) in enumerate(described)
    ]
    first = query(database, f"SELECT * FROM {quoted(table)} LIMIT {FIRST_ROWS}")["rows"]
    return {"rows": rows, "columns": columns, "first": first}


def tables_in_words(database: Any) -> str:
    """Name every table with its columns, for somebody whose SQL did not fit them."""
    asked = "SELECT table_name, string_agg(column_name, ', ' ORDER BY ordinal_position) FROM information_schema.columns"
    found = database.execute(f"{asked} GROUP BY table_name ORDER BY table_name").fetchall()
    return "Tables: " + "; ".join(f"{table} ({columns})" for table, columns in found)


def _figures(column: str, kind: str, *, exact: bool) -> list[str]:
    """List the SQL for empty, distinct, min, max, mean of a column; NULL for what its type does not have."""
    number, ordered = bool(_NUMBER.match(kind)), bool(_ORDERED.match(kind))
    return [
        f"count(*) - count({column})",
        (f"count(DISTINCT {column})" if exact else f"approx_count_distinct({column})") if number or ordered else "NULL",
        f"min({column})::VARCHAR" if ordered else f"min({column})" if number else "NULL",
        f"max({column})::VARCHAR" if ordered else f"max({column})" if number else "NULL",
        f"avg({column})" if number else "NULL",
    ]


def _without_leading_comments(sql: str) -> str:
    return re.sub(r"\A(\s+|--[^\n]*(\n|\Z)|/\*.*?\*/)+", "", sql, flags=re.DOTALL)


def _cells(rows: list[tuple[Any, ...]]) -> list[list[str | None]]:
    return [[_cell(value) for value in row] for row in rows]


def _cell(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _number(value)
    text = str(value)
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"


def _number(value: float) -> str:
    """Write a float without the noise of its last digits: 12 significant ones, or two decimals where that is more."""
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    before_point = len(str(int(abs(value)))) if abs(value) < 1e15 else 0
    return f"{value:.{min(15, max(12, before_point + 2))}g}"
