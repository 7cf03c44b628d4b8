"""A goal that says "ask me ..." lets an operator of the rehearsal model ask, in the form that fits."""

from __future__ import annotations

from typing import Any

import pytest
from rehearsal_fixtures import Work

from agents.llm.rehearsal_asking import question_in, without_question
from agents.llm.rehearsal_goals import split_goal
from agents.llm.rehearsal_kinds import Kind, kind_of

CHOICE = {"question": "Which region?", "form": "choice", "choices": ["North", "South", "West"]}


@pytest.mark.parametrize(
    ("goal", "question"),
    [
        ("Ask me which region: North, South or West", CHOICE),
        ("Ask me which year to look at", {"question": "Which year to look at?", "form": "text"}),
        ("ask me whether the south counts", {"question": "The south counts: yes or no?", "form": "yes_no"}),
        ("Ask me how many people come", {"question": "How many people come?", "form": "number"}),
        ("Please ask me for a sales file", {"question": "Please attach a sales file.", "form": "file"}),
        ("Ask me", {"question": "What should I know before I go on?", "form": "text"}),
        ("What is 6*7? Then ask me for the name", {"question": "The name?", "form": "text"}),
        ("Ask the analyst for the totals", None),
        ("What did you ask Melissa?", None),
    ],
)
def test_the_question_of_a_goal(goal: str, question: dict[str, Any] | None) -> None:
    assert question_in(goal) == question


def test_choices_are_not_taken_for_parts_of_a_goal() -> None:
    assert [part.text for part in split_goal("Ask me which region: North, South or West")] == [
        "Ask me which region: North, South or West"
    ]


def test_what_is_asked_besides_leaves_the_rest_of_the_goal() -> None:
    goal = "What is 6*7, but ask me first whether it is urgent"
    assert without_question(goal) == "What is 6*7"
    assert kind_of(goal, []) is Kind.CALCULATE
    assert kind_of("Ask me which year", []) is Kind.ASK


async def test_an_operator_asks_once_and_hands_on_the_answer() -> None:
    work = Work("Ask me which region: North, South or West", operator="researcher")
    assert await work.next() == ("ask_user", CHOICE)
    end = await work.next("The user answered: North")
    assert (end.status, end.summary) == ("completed", "Which region? North")


async def test_an_operator_asks_before_it_does_the_rest() -> None:
    work = Work("What is 6*7, but ask me first whether it is urgent")
    assert (await work.next())[0] == "ask_user"
    assert await work.next("The user answered: yes") == ("calculate", {"expression": "6*7"})
