"""The SQL that the rehearsal model asks of a table: totals, averages, counts, extremes, and changes between periods."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from agents.llm.rehearsal_columns import (
    Column,
    group_in,
    measure_in,
    named_in,
    period_in,
    time_column,
    unmatched,
    without_files,
)

_CHANGE = re.compile(
    r"\b(?:change\w*|growth|grew|grow|increas\w*|decreas\w*|drop\w*|declin\w*|fell|fall|rise|rose)\b", re.I
)
_DOWN = re.compile(r"\b(?:decreas\w*|drop\w*|declin\w*|fell|fall)\b", re.I)
_UP = re.compile(r"\b(?:increas\w*|growth|grew|grow|rise|rose)\b", re.I)
_TREND = re.compile(r"\b(?:trend|over time|development|course)\b", re.I)
_LEAST = re.compile(r"\b(?:lowest|smallest|least|worst|cheapest|min(?:imum)?|weakest)\b", re.I)
_EXTREME = re.compile(
    r"\b(?:highest|largest|biggest|greatest|most|best|top|max(?:imum)?|strongest|most expensive|"
    r"lowest|smallest|least|worst|cheapest|min(?:imum)?|weakest)\b",
    re.I,
)
_COUNT = re.compile(r"\b(?:how many|number of|count)\b", re.I)
_ASKED = re.compile(
    r"\b(?:total|sum|average|mean|median|max\w*|min\w*|highest|lowest|largest|biggest|smallest|trend|per|by)\b", re.I
)
_AVERAGE, _MEDIAN = re.compile(r"\b(?:average|mean|avg)\b", re.I), re.compile(r"\bmedian\b", re.I)
_YEAR = re.compile(r"\b(?:in|of|for|during)\s+((?:19|20)\d\d)\b")
_FORMATS = {"day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}
_MONTHS = "['%B %Y', '%b %Y', '%B', '%b']"


@dataclass(frozen=True)
class Question:
    """A query, and in words what it computes."""

    sql: str
    words: str


@dataclass(frozen=True)
class _Asked:
    """What of a goal was recognised in a table; `measure` is SQL, `shown` and `order` are how periods look and sort."""

    goal: str
    source: str
    measure: str
    group: Column | None
    moment: Column | None
    shown: str = ""
    order: str = ""


def question_for(goal: str, brief: str, table: str, columns: Sequence[Column], period: str = "") -> Question | None:
    """Write the query a goal asks for; None if the columns do not tell. `period` overrides how dates are grouped."""
    goal = without_files(goal)
    moment = time_column(columns)
    shown, order = _bucket(moment, period or period_in(goal) or "month") if moment else ("", "")
    changes = bool(_CHANGE.search(goal))
    vague = changes or not unmatched(goal, columns)
    asked = _Asked(
        goal=goal,
        source=f'FROM "{table}"{_filter(goal, moment)}',
        # What the goal names but no column goes by must not be answered with another column.
        measure=measure_in([goal, brief], columns) if vague else measure_in([goal], columns, guess=False),
        group=group_in(goal, columns) or (group_in(brief, columns) if changes else None),
        moment=moment,
        shown=shown,
        order=order,
    )
    if not changes and _COUNT.search(goal):
        return _count(asked)
    if not asked.measure or (changes and not moment) or _unknown_group(goal, columns):
        return None
    if not changes and not _ASKED.search(goal) and not named_in(goal, columns):
        return None
    if changes:
        return _change(asked)
    if moment and (_TREND.search(goal) or _per_period(goal)):
        return _per_time(asked)
    return _extreme(asked) if _EXTREME.search(goal) and asked.group is None else _aggregated(asked)


def _unknown_group(goal: str, columns: Sequence[Column]) -> bool:
    """Say whether the goal wants its result told apart by something that no column holds."""
    per = re.search(r"\b(?:per|by|for each|each)\s+(\w+)", goal, re.I)
    return bool(per and unmatched(per[1], columns))


def _extreme(asked: _Asked) -> Question:
    order = "ASC" if _LEAST.search(asked.goal) else "DESC"
    sql = f"SELECT * {asked.source} ORDER BY {asked.measure} {order} NULLS LAST LIMIT 5"
    return Question(sql, f"rows by {asked.measure}")


def _aggregated(asked: _Asked) -> Question:
    function = "MEDIAN" if _MEDIAN.search(asked.goal) else "AVG" if _AVERAGE.search(asked.goal) else "SUM"
    value, name = f"ROUND({function}({asked.measure}), 2)", _name(function, asked.measure)
    if asked.group is None:
        sql = f"SELECT {value} AS {name}, COUNT(*) AS rows {asked.source}"
        return Question(sql, f"{function}({asked.measure})")
    order = "ASC" if _LEAST.search(asked.goal) else "DESC"
    sql = f"SELECT {asked.group.sql}, {value} AS {name} {asked.source} GROUP BY 1 ORDER BY 2 {order} NULLS LAST, 1"
    return Question(sql, f"{function}({asked.measure}) per {asked.group.name}")


def _count(asked: _Asked) -> Question:
    group, source = asked.group, asked.source
    if group and re.search(r"\b(?:per|by|each|every)\b", asked.goal, re.I):
        sql = f"SELECT {group.sql}, COUNT(*) AS rows {source} GROUP BY 1 ORDER BY 2 DESC, 1"
        return Question(sql, f"rows per {group.name}")
    if group:
        sql = f"SELECT COUNT(DISTINCT {group.sql}) AS different, COUNT(*) AS rows {source}"
        return Question(sql, f"different values of {group.name}")
    return Question(f"SELECT COUNT(*) AS rows {source}", "number of rows")


def _per_time(asked: _Asked) -> Question:
    total = f"ROUND(SUM({asked.measure}), 2) AS {_name('SUM', asked.measure)}"
    sql = f"SELECT {asked.shown} AS period, {total} {asked.source} GROUP BY 1 ORDER BY MIN({asked.order})"
    return Question(sql, f"SUM({asked.measure}) per period")


def _change(asked: _Asked) -> Question:
    """Compare each period with the one before it, within each group; the largest change first."""
    group, moment = asked.group, asked.moment
    key, named = (group.sql, f"part AS {group.sql}, ") if group else ("'all'", "")
    over = "OVER (PARTITION BY part ORDER BY place)"
    sql = (
        f"WITH sums AS (SELECT {key} AS part, {asked.shown} AS period, MIN({asked.order}) AS place, "  # noqa: S608
        f"SUM({asked.measure}) AS after {asked.source} GROUP BY 1, 2), "
        f"steps AS (SELECT *, LAG(after) {over} AS before, LAG(period) {over} AS earlier FROM sums) "
        f"SELECT {named}earlier AS from_period, period AS to_period, ROUND(before, 2) AS before, "
        f"ROUND(after, 2) AS after, ROUND(after - before, 2) AS change, "
        f"ROUND(100.0 * (after - before) / NULLIF(ABS(before), 0), 1) AS percent "
        f"FROM steps WHERE before IS NOT NULL ORDER BY {_direction(asked.goal)}, place, part LIMIT 5"
    )
    per = f" per {group.name}" if group else ""
    return Question(
        sql, f"change of SUM({asked.measure}) between consecutive periods of {moment.name if moment else ''}{per}"
    )


def _direction(goal: str) -> str:
    if _DOWN.search(goal):
        return "after - before ASC"
    return "after - before DESC" if _UP.search(goal) else "ABS(after - before) DESC"


def _bucket(moment: Column, period: str) -> tuple[str, str]:
    """Write how a period is shown, and what puts periods in order (as text, month names would sort by alphabet)."""
    if moment.is_date:
        if period in ("week", "quarter"):
            shown = {"week": f"strftime({moment.sql}, '%G-W%V')", "quarter": _quarter(moment)}[period]
        else:
            shown = f"strftime({moment.sql}, '{_FORMATS[period]}')"
        return shown, moment.sql
    text = f"CAST({moment.sql} AS VARCHAR)"
    named = f"CAST(try_strptime({text}, {_MONTHS}) AS VARCHAR)"
    quarter = f"regexp_replace({text}, '^Q([1-4])[ -/]*((19|20)[0-9][0-9])$', '\\2-Q\\1')"
    return moment.sql, f"COALESCE({named}, {quarter})"


def _quarter(moment: Column) -> str:
    return f"(year({moment.sql}) || '-Q' || quarter({moment.sql}))"


def _per_period(goal: str) -> bool:
    return bool(
        re.search(
            r"\b(?:per|by|each|every)\s+(?:day|week|month|quarter|year)\b|\b(?:monthly|quarterly|yearly)\b", goal, re.I
        )
    )


def _filter(goal: str, moment: Column | None) -> str:
    year = _YEAR.search(goal)
    if not year or not moment:
        return ""
    inside = (
        f"year({moment.sql}) = {year[1]}" if moment.is_date else f"CAST({moment.sql} AS VARCHAR) LIKE '%{year[1]}%'"
    )
    return f" WHERE {inside}"


def _name(function: str, measure: str) -> str:
    word = {"SUM": "total", "AVG": "average", "MEDIAN": "median"}[function]
    plain = re.sub(r"\W+", "_", measure).strip("_").lower() if "*" not in measure else "revenue"
    return f'"{word}_{plain}"'
