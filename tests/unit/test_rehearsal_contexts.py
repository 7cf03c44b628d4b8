"""The rehearsal model explains Staffwork from its own context documents, quoted with their source; and still does its work."""

from __future__ import annotations

import pytest
from rehearsal_fixtures import ROSTER, SITE, Rehearsing, WordEmbedder, brief

from agents.chief_of_staff import ChiefOfStaff
from agents.context_files import shipped_contexts
from agents.llm.rehearsal_words import MARK
from agents.prompting import Prompts
from core.decisions import Answer, Delegate
from graphs.context_choosing import choose, in_force

DOCUMENTS = in_force(shipped_contexts())


async def decide(goal: str, *names: str) -> object:
    chief = ChiefOfStaff(Rehearsing(), Prompts(), ROSTER, WordEmbedder())
    given = brief(goal, *names).model_copy(update={"contexts": choose(DOCUMENTS, goal)})
    return (await chief.plan(given, SITE))[0]


@pytest.mark.parametrize(
    ("goal", "title", "words"),
    [
        ("What can you do?", "What Staffwork is", "> Staffwork is a chief of staff in the browser."),
        ("How do approvals work?", "Approvals", "> An approval is your decision about one call of a tool"),
        ("Which operators are there?", "Operators", "> An operator is a specialist"),
        ("What tools do you have?", "Tools", "> A tool is one thing an operator can do"),
        ("What happens to my files?", "Files", "> Files that you attach belong to the conversation"),
        ("What are your limits?", "Limits", "> Code, not a model, keeps the limits"),
        ("Is my data private?", "Privacy", "> Everything is kept in one data folder"),
        ("Which commands are there?", "Commands and pages", "> In the browser: the chat, the inbox"),
    ],
)
async def test_it_quotes_what_it_is_asked_about(goal: str, title: str, words: str) -> None:
    answer = await decide(goal)
    assert isinstance(answer, Answer)
    assert words in answer.text
    assert f"> [{title}]" in answer.text
    assert answer.text.endswith(MARK)


async def test_work_is_done_all_the_same() -> None:
    planned = await decide("How do approvals work? Total revenue per region", "sales.csv")
    assert isinstance(planned, Delegate)
    assert isinstance(await decide("What is 6*7 and what are your limits?"), Delegate)
    hello = await decide("Hello")
    assert isinstance(hello, Answer)
    assert hello.text.startswith("Hello.")


def test_what_ships_is_short_and_complete() -> None:
    names = {c.name for c in DOCUMENTS}
    assert names == {"staffwork", "operators", "tools", "approvals", "files", "limits", "privacy", "commands"}
    assert all(len(c.text) < 1_600 for c in DOCUMENTS)
