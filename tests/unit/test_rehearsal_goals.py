"""How the rehearsal model takes goals apart."""

from __future__ import annotations

import pytest

from agents.llm.rehearsal_goals import split_goal
from agents.llm.rehearsal_kinds import fact_in, file_to_write, sum_in


@pytest.mark.parametrize(
    ("goal", "parts"),
    [
        ("Hello", [("Hello", 0)]),
        ("1. Sum it\n2. Quote it\n3. Then save it as a.md", [("Sum it", 0), ("Quote it", 0), ("save it as a.md", 1)]),
        ("Do this: (1) sum of x (2) mean of y", [("sum of x", 0), ("mean of y", 0)]),
        ("From a.csv: totals, means and counts", [("totals", 0), ("means", 0), ("counts", 0)]),
        ("Sum it. After that, quote it.", [("Sum it", 0), ("quote it", 1)]),
        ("Sum x and save it as a.md", [("Sum x", 0), ("save it as a.md", 1)]),
        ("Remember that I like tea, milk, and honey.", [("Remember that I like tea, milk, and honey", 0)]),
        ("For north, south, east give totals", [("For north, south, east give totals", 0)]),
    ],
)
def test_goals_are_split_by_their_structure(goal: str, parts: list[tuple[str, int]]) -> None:
    assert [(p.text, p.stage) for p in split_goal(goal)] == parts


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("What is 12 plus 7", "12 + 7"), ("(2+3)*4 please", "(2+3)*4"), ("1,000 / 8", "1000 / 8"), ("2^10", "2**10"),
        ("from 2024-01-02 on", ""), ("pages 3-4", ""), ("compute 9-4", "9-4"), ("3 risks", ""), ("x1+2", ""),
    ],
)  # fmt: skip
def test_sums_are_found(text: str, expression: str) -> None:
    assert sum_in(text) == expression


def test_small_readings() -> None:
    assert file_to_write("save it as a-b.md") == "a-b.md"
    assert file_to_write("write it to a file") == "summary.md"
    assert file_to_write("write about a.md") == "a.md"
    assert file_to_write("summarise a.md") == ""
    assert fact_in("Please remember: tea is good") == "tea is good"
    assert fact_in("Do I remember tea?") == ""
