"""Titles of conversations: short, without greetings and marks, and nothing that means something is lost."""

from __future__ import annotations

import pytest

from core.memories import LONGEST_TITLE, short_title


@pytest.mark.parametrize(
    ("goal", "title"),
    [
        ("What is 12 * 12?", "What is 12 * 12?"),
        ("Is 3 > 2 | 1, and 4*4*2 = 32?", "Is 3 > 2 | 1, and 4*4*2 = 32?"),
        ("## **Compare** the `two` *files*", "Compare the two files"),
        ("> quoted\n\nand more", "Quoted"),
        ("| a table | of two |", "A table | of two"),
        ("```\nprint(1)\n```", "Print(1)"),
        ("---\n***\n- buy milk", "Buy milk"),
        ("Hello, could you please sum up the table?", "Sum up the table?"),
        ("Please", "Please"),
        ("", "New conversation"),
        ("***", "New conversation"),
        (" " * 100_000 + "late", "Late"),
        ("*a " * 100_000, "*a " * 20 + "..."),
    ],
)
def test_a_goal_becomes_a_title(goal: str, title: str) -> None:
    assert short_title(goal) == title


def test_a_goal_that_says_little_takes_the_heading_of_its_answer() -> None:
    assert short_title("Why?", "Well.\n\n## The **north** leads\n\n# Later") == "The north leads"
    assert short_title("Why is the north first?", "## The north leads") == "Why is the north first?"
    assert short_title("Why?", "Because.") == "Why?"


def test_a_long_goal_is_cut_at_a_word() -> None:
    title = short_title("compare " + "every single region " * 10)
    assert title.startswith("Compare every single")
    assert title.endswith(" ...")
    assert len(title) <= LONGEST_TITLE + 4
