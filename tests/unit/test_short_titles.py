"""Titles that conversations get by themselves."""

from __future__ import annotations

import pytest

from core.memories import LONGEST_TITLE, short_title


@pytest.mark.parametrize(
    ("goal", "answer", "title"),
    [
        ("Hello, could you please compare A and B?", "", "Compare A and B?"),
        ("compare sales_2025.csv with *sales_2026.csv*\nand more", "", "Compare sales_2025.csv with sales_2026.csv"),
        ("\n\n## Plan the move", "", "Plan the move"),
        ("Why?", "Because.\n\n## The reason\nIt is so.", "The reason"),
        ("Why?", "Because.", "Why?"),
        ("please", "", "Please"),
        ("", "", "New conversation"),
        ("Ärger mit dem Drucker", "", "Ärger mit dem Drucker"),
    ],
)
def test_a_goal_becomes_a_short_title(goal: str, answer: str, title: str) -> None:
    assert short_title(goal, answer) == title


def test_a_long_goal_is_cut_at_a_word() -> None:
    title = short_title("word " * 100)
    assert title.endswith("word ...")
    assert len(title) <= LONGEST_TITLE + 4
