"""How the rehearsal model draws a chart: it answers the question to the table first, then draws exactly those rows."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from agents.llm.rehearsal_columns import period_in
from agents.llm.rehearsal_kinds import without_chart
from agents.llm.rehearsal_situation import Situation, completed, failed
from agents.llm.rehearsal_tables import next_for_table
from agents.llm.rehearsal_words import Move, sentence_case
from agents.role_tools import FINISH

_KINDS = ("pie", "histogram", "scatter", "stacked", "line", "bar")


def next_for_chart(at: Situation) -> Move:
    """Make the next call for a chart, or finish with its rows."""
    if not {"profile_table", "query_table", "make_chart"} <= set(at.tools):
        return failed("This operator cannot draw charts.")
    about = replace(at, goal=sentence_case(without_chart(re.sub(r"\s*\(in [^()]*\)\s*$", "", at.goal))))
    move = next_for_table(about)
    drawn, asked = at.last("make_chart"), at.last("query_table")
    if asked is None or not _is_done(move):
        return move
    if drawn is None:
        return Move(calls=[("make_chart", _wanted(about, at.goal, str(asked.arguments["sql"])))])
    if drawn.failed:
        return failed(drawn.output)
    finish: dict[str, Any] = move.calls[0][1]
    return completed(f"{drawn.output.splitlines()[0]} {finish['summary']}", finish["result"])


def _is_done(move: Move) -> bool:
    return bool(move.calls) and move.calls[0][0] == FINISH and move.calls[0][1]["status"] == "completed"


def _wanted(at: Situation, goal: str, sql: str) -> dict[str, Any]:
    title = at.goal.strip().rstrip(".") or "Chart"
    kind = next((k for k in _KINDS if re.search(rf"\b{k}", goal, re.IGNORECASE)), "bar")
    kind = "line" if kind == "bar" and period_in(at.goal) == "day" else kind
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "chart"
    file = next(f for f in at.about if f.is_table)
    about = {"title": title, "formats": ["png", "interactive"]}
    return {"name": name, "kind": kind, "files": [file.name], "sql": sql} | about
