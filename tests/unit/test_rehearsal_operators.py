"""The rehearsal model as an operator claims only what a tool returned."""

from __future__ import annotations

import re

import pytest
from rehearsal_fixtures import ARGUMENTS, ROSTER, Work, report

MEMO = """4 places in memo.pdf, sales.csv
1. sales.csv, line 7: "2024-01-05,risk,1"
2. memo.pdf, page 1: "There are risks in every plan."
3. memo.pdf, page 2: "Risks
1. The first risk is a single
supplier for lamps.
2. A "weak" dollar could raise costs."
4. memo.pdf, page 3: "Another risk is that managers leave."
12 more places: use more particular words."""


async def test_quotes_are_word_for_word_with_their_pages() -> None:
    work = Work("Three risks mentioned in the memo (in memo.pdf)", "sales.csv", "memo.pdf", operator="researcher")
    assert await work.next() == ("search_files", {"query": "risk"})
    end = await work.next(MEMO)
    assert end.status == "completed"
    quotes = re.findall(r"^> (.+)\n> \[(.+)\]$", end.result, re.MULTILINE)
    assert quotes == [
        ("The first risk is a single supplier for lamps.", "memo.pdf, page 2"),
        ('A "weak" dollar could raise costs.', "memo.pdf, page 2"),
        ("Another risk is that managers leave.", "memo.pdf, page 3"),
    ]


async def test_a_file_the_search_does_not_show_is_read_part_by_part() -> None:
    work = Work("What does memo.pdf say about the West?", "memo.pdf", "sales.csv", operator="researcher")
    await work.next()
    elsewhere = (
        '40 places in memo.pdf, sales.csv\n1. sales.csv, line 3: "West,5"\n39 more places: use more particular words.'
    )
    assert await work.next(elsewhere) == ("read_file", {"file": "memo.pdf"})
    first = (
        "memo.pdf, pages 1-2 of 3\n[page 1]\nNothing here.\n[page 2]\nNor here.\n[There is more: read on with page=3.]"
    )
    assert await work.next(first) == ("read_file", {"file": "memo.pdf", "page": 3})
    end = await work.next("memo.pdf, page 3 of 3\nThe West grows. The East does not.")
    assert "> The West grows.\n> [memo.pdf, page 3]" in end.result
    assert "East" not in end.result


async def test_words_that_stand_nowhere_are_no_success() -> None:
    work = Work("What does the memo say about penguins?", "memo.pdf", operator="researcher")
    await work.next()
    assert await work.next("None of these words stand in memo.pdf.") == ("read_file", {"file": "memo.pdf"})
    end = await work.next("memo.pdf, pages 1-1 of 1\n[page 1]\nAll is well.")
    assert end.status == "failed"
    assert "penguin" in end.summary


@pytest.mark.parametrize(
    ("goal", "operator", "call"),
    [
        ("What is 15% of 2,400?", "analyst", ("calculate", {"expression": "15/100*2400"})),
        ("Remember that the board meets in May", "researcher", ("remember", {"text": "the board meets in May"})),
        ("What time is it?", "researcher", ("now", {})),
        ("What do you remember about the board?", "researcher", ("recall", {"query": "board", "scope": "everything"})),
    ],
)
async def test_one_call_and_its_result(goal: str, operator: str, call: tuple[str, dict[str, str]]) -> None:
    work = Work(goal, operator=operator)
    assert await work.next() == call
    outputs = {"recall": "1. memory (memory): The board meets in May.\n\n2. a.pdf, page 3 (file): Unrelated."}
    end = await work.next(outputs.get(call[0], "the output"))
    assert end.status == "completed"
    assert ("The board meets in May." if call[0] == "recall" else "the output") in end.result
    assert "Unrelated" not in end.result


@pytest.mark.parametrize(
    ("goal", "operator"),
    [("What is 3*4?", "analyst"), ("Remember that x is y", "researcher"), ("Total of x", "analyst")],
)
async def test_a_tool_that_fails_fails_the_task(goal: str, operator: str) -> None:
    work = Work(goal, *(["x.csv"] if goal.startswith("Total") else []), operator=operator)
    await work.next()
    end = await work.next("[failed] The disk is full.")
    assert end.status == "failed"
    assert "The disk is full." in end.summary


async def test_a_file_holds_the_reports_and_nothing_else() -> None:
    found = (report("### Totals\n\n| a |\n|---|\n| 1 |"), report("### Quotes\n\n> q"))
    work = Work("Save everything as notes.md", operator="writer", found=found)
    content = "### Totals\n\n| a |\n|---|\n| 1 |\n\n### Quotes\n\n> q\n"
    assert await work.next() == ("write_file", {"name": "notes.md", "content": content})
    assert "Wrote notes.md" in (await work.next("Wrote notes.md (5 bytes).")).result
    assert (await Work("Save everything as notes.md", operator="writer").next()).status == "failed"


def test_the_tools_of_every_operator_are_known_here() -> None:
    assert {tool for profile in ROSTER.enabled() for tool in profile.tools} <= set(ARGUMENTS)


async def test_what_needs_a_mind_is_not_claimed() -> None:
    work = Work("Design a logo", operator="security_auditor")
    assert (await work.next())[0] == "recall"
    end = await work.next("1. a.pdf, page 3 (file): Logo.")
    assert end.status == "failed"
    assert "no language model is connected" in end.summary
