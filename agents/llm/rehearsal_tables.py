"""How the rehearsal model works on tables: profile each file, ask one query per table, and hand on what came back."""

from __future__ import annotations

import re
from dataclasses import dataclass

from agents.llm.rehearsal_columns import Column
from agents.llm.rehearsal_reading import Call, File
from agents.llm.rehearsal_situation import Situation, completed, failed
from agents.llm.rehearsal_sql import Question, question_for
from agents.llm.rehearsal_words import Move

_TABLE = re.compile(r"^Table (\S+) \((.+)\): ([\d,]+) rows, \d+ columns\.\n((?:\|.*\n?)+)", re.MULTILINE)


@dataclass(frozen=True)
class Profiled:
    """A table as its profile describes it."""

    name: str
    rows: str
    columns: tuple[Column, ...]


def next_for_table(at: Situation) -> Move:
    """Profile the next file, query the next table, or finish with all that came back."""
    tables = [f for f in at.about if f.is_table] or [f for f in at.files if f.is_table]
    if not tables:
        return failed("There is no table among the files.")
    bodies: list[str] = []
    problems: list[str] = []
    for file in tables:
        move = _next_for_file(at, file, bodies, problems)
        if move is not None:
            return move
    if not bodies:
        return failed(" ".join(problems))
    told = f" Not done: {' '.join(problems)}" if problems else ""
    names = ", ".join(f.name for f in tables)
    return completed(f"Computed from {names}.{told}", f"### {at.goal}\n\n" + "\n\n".join([*bodies, *problems]))


def _next_for_file(at: Situation, file: File, bodies: list[str], problems: list[str]) -> Move | None:
    if file.note:
        problems.append(f"{file.name} cannot be read: {file.note}")
        return None
    profile = next((c for c in at.done if c.tool == "profile_table" and c.arguments.get("file") == file.name), None)
    if profile is None:
        return at.call("profile_table", file.name)
    if profile.failed:
        problems.append(f"{file.name}: {profile.output}")
        return None
    found = _profiles(profile.output)
    asked = [(table, q) for table in found if (q := question_for(at.goal, at.brief, table.name, table.columns))]
    if not asked:
        bodies.append(
            f"{file.name}: which column is meant cannot be told, so here is what it holds.\n\n{profile.output}"
        )
        return None
    for table, question in asked:
        answer = _answer(at, question)
        if answer is None:
            return at.call("query_table", question.sql, [file.name])
        if answer.failed:
            problems.append(f"{file.name}: {answer.output}")
        else:
            bodies.append(f"{file.name}, {question.words} ({table.rows} rows read):\n\n{answer.output.strip()}")
    return None


def _answer(at: Situation, question: Question) -> Call | None:
    return next((c for c in at.done if c.tool == "query_table" and c.arguments.get("sql") == question.sql), None)


def _profiles(output: str) -> list[Profiled]:
    """Read tables, and their columns with types, from a profile."""
    found = []
    for name, _, rows, figures in _TABLE.findall(output):
        cells = [[c.strip() for c in line.strip().strip("|").split("|")] for line in figures.splitlines()[2:]]
        columns = tuple(Column(c[0].replace("\\", ""), c[1]) for c in cells if len(c) > 1 and c[0])
        found.append(Profiled(name, rows, columns))
    return found
