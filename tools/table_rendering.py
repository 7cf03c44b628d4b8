"""What the table worker found, written so that an operator can read it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_FIGURES = ("column", "type", "empty", "distinct", "min", "max", "mean")


def profiled(reply: Any) -> str:
    """Describe each table: rows, columns with their figures, first rows."""
    return "\n\n".join(_profile(table) for table in reply["tables"])


def answered(reply: Any) -> str:
    """Write the rows of an answer as a Markdown table, and say if there are more."""
    rows = reply["rows"]
    if not rows:
        return f"No rows. Columns: {', '.join(reply['columns'])}."
    counted = f"{len(rows)} row{'' if len(rows) == 1 else 's'}"
    if reply["more"]:
        counted = f"The first {len(rows)} rows; there are more. Use WHERE, GROUP BY, or LIMIT with OFFSET."
    notes = [f"Note: {note}." for table in reply["tables"] if not table["same_as"] for note in table["notes"]]
    return "\n".join([_markdown(reply["columns"], rows), f"({counted})", *notes])


def _profile(table: dict[str, Any]) -> str:
    sheet = f", sheet {table['sheet']}" if table["sheet"] else ""
    head = f"Table {table['table']} ({table['file']}{sheet})"
    if table["same_as"]:
        return f"{head}: another name for {table['same_as']}."
    names = [column["name"] for column in table["columns"]]
    figures = [[c["name"], c["type"], *c["figures"]] for c in table["columns"]]
    renamed = [f"{new} is {old!r} in the file" for new, old in zip(names, table["original"], strict=True) if new != old]
    parts = [f"{head}: {table['rows']:,} rows, {len(names)} columns.", _markdown(_FIGURES, figures)]
    parts += [f"Note: {note}." for note in [*table["notes"], *renamed]]
    if table["first"]:
        parts += ["First rows:", _markdown(names, table["first"])]
    return "\n".join(parts)


def _markdown(columns: Sequence[str], rows: Sequence[Sequence[str | None]]) -> str:
    lines = [_row(columns), "|" + "---|" * len(columns), *map(_row, rows)]
    return "\n".join(lines)


def _row(cells: Sequence[str | None]) -> str:
    return "| " + " | ".join("" if c is None else " ".join(c.split()).replace("|", "\\|") for c in cells) + " |"
