"""How the rehearsal model works on a table: profile it, ask one query, report the rows that came back."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agents.llm.rehearsal_columns import Column, unmatched
from agents.llm.rehearsal_situation import Situation, completed, failed
from agents.llm.rehearsal_sql import Question, question_for
from agents.llm.rehearsal_words import Move

_TABLE = re.compile(r"^Table (.+?) \((.+)\): ([\d,]+) rows?, \d+ columns?\.$", re.MULTILINE)
_OVERVIEW = re.compile(
    r"\b(?:summar\w+|overview|describe|profile|look at|show|what is in|explain|inspect|compare|check|columns?)\b", re.I
)


@dataclass(frozen=True)
class _Table:
    """One table as `profile_table` describes it."""

    name: str
    rows: str
    columns: list[Column]
    text: str


def next_for_table(at: Situation) -> Move:
    """Make the next call for a question to a table, or finish with its rows."""
    file = next(f for f in at.about if f.is_table)
    profile = at.last("profile_table")
    if profile is None:
        return at.call("profile_table", file.name)
    if profile.failed:
        return failed(profile.output)
    tables, answer = _tables(profile.output), at.last("query_table")
    chosen = _question(at, tables, finer=answer is not None and _is_empty(answer.output))
    if chosen is None:
        return _profiled(at, tables, file.name)
    table, question = chosen
    if answer is None or (_is_empty(answer.output) and answer.arguments.get("sql") != question.sql):
        return at.call("query_table", question.sql, [file.name])
    if answer.failed or _is_empty(answer.output):
        return failed(answer.output if answer.failed else f"{file.name} has no rows for this ({question.words}).")
    return _answered(at, answer.output, question, table, file.name)


def _tables(output: str) -> list[_Table]:
    parts = _TABLE.split(output)[1:]
    found = zip(parts[::4], parts[2::4], parts[3::4], strict=True)
    return [_Table(name, rows, _columns(text), text.strip()) for name, rows, text in found]


def _columns(text: str) -> list[Column]:
    described = text.split("First rows:", maxsplit=1)[0]
    rows = [
        [c.strip() for c in line.strip("| ").split(" | ")] for line in described.splitlines() if line.startswith("| ")
    ]
    return [Column(row[0], row[1]) for row in rows[1:] if len(row) > 1]


def _question(at: Situation, tables: list[_Table], *, finer: bool) -> tuple[_Table, Question] | None:
    """Ask the first table whose columns fit; `finer`: by day, since months gave no two periods to compare."""
    for table in tables:
        if question := question_for(at.goal, at.brief, table.name, table.columns, "day" if finer else ""):
            return table, question
    return None


def _profiled(at: Situation, tables: list[_Table], file: str) -> Move:
    """Report what is in the file where that was asked for, else that its columns do not tell."""
    if not tables:
        return failed(f"{file} has no table that can be used.")
    columns = "; ".join(f"{t.name} ({', '.join(c.name for c in t.columns)})" for t in tables[:4])
    if not _OVERVIEW.search(at.goal):
        lost = ", ".join(unmatched(at.goal, tables[0].columns))
        words = f" No column goes by: {lost}." if lost else ""
        return failed(f"The columns do not tell what to compute.{words} There are: {columns}.")
    shown = "\n\n".join(f"{t.name}: {t.rows} rows\n\n{_spaced(t.text)}" for t in tables[:4])
    return completed(f"{file} holds {columns}.", f"### {at.goal}\n\n{shown}\n\n[{file}]")


def _answered(at: Situation, output: str, question: Question, table: _Table, file: str) -> Move:
    left_over = unmatched(at.goal, table.columns)
    note = f" Not taken into account, as no column goes by it: {', '.join(left_over)}." if left_over else ""
    basis = f"{question.words}, computed from {table.name} ({table.rows} rows)".replace('"', "")
    rows = re.sub(r"\n\(\d+ rows?\)$", "", output.strip())
    result = f"### {at.goal}\n\n{_spaced(rows)}\n\n*{basis}.{note}* [{file}]"
    return completed(f"{_first_row(output)} ({basis}).{note}", result)


def _first_row(output: str) -> str:
    """Say the first row of a Markdown table in words."""
    rows = [[c.strip() for c in line.strip("| ").split(" | ")] for line in output.splitlines() if line.startswith("| ")]
    if len(rows) < 2:
        return "Computed"
    return "; ".join(f"{name} {value}" for name, value in zip(rows[0], rows[1], strict=False))


def _spaced(text: str) -> str:
    """Put an empty line between a Markdown table and the lines around it, else it would not be drawn as one."""
    text = re.sub(r"^(\|.*)\n(?!\|)(?=\S)", r"\1\n\n", text.strip(), flags=re.MULTILINE)
    return re.sub(r"^(?!\|)(.*\S.*)\n(?=\|)", r"\1\n\n", text, flags=re.MULTILINE)


def _is_empty(output: str) -> bool:
    return output.startswith("No rows.")
