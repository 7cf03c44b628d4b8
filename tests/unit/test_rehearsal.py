"""The rehearsal model as Chief and reviewer, through the real prompts: plans by structure, answers with a visible mark."""

from __future__ import annotations

import time
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from rehearsal_fixtures import ACCEPTANCE, ROSTER, SITE, Rehearsing, WordEmbedder, brief, report

from agents.chief_of_staff import ChiefOfStaff
from agents.llm.rehearsal import RehearsalChat
from agents.llm.rehearsal_words import MARK
from agents.prompting import Prompts
from agents.reviewer import Reviewer
from core.decisions import Accept, Answer, Ask, Delegate
from core.memories import Origin, Passage, Recollection
from core.missions import Artifact, Plan, Status, Task


async def decide(goal: str, *names: str, **fields: Any) -> Any:
    chief = ChiefOfStaff(Rehearsing(), Prompts(), ROSTER, WordEmbedder())
    return (await chief.plan(brief(goal, *names, **fields), SITE))[0]


async def tasks(goal: str, *names: str) -> list[Task]:
    decision = await decide(goal, *names)
    assert isinstance(decision, Delegate), decision
    return list(decision.plan.tasks)


async def test_two_files_become_tasks_that_run_at_once() -> None:
    plan = await tasks(ACCEPTANCE, "sales.csv", "memo.pdf")
    assert [(t.operator, t.goal, t.needs) for t in plan] == [
        ("analyst", "Total revenue per region (in sales.csv)", ()),
        ("analyst", "The biggest change (in sales.csv)", ()),
        ("researcher", "Three risks mentioned in the memo (in memo.pdf)", ()),
    ]


async def test_the_same_goal_gives_the_same_plan() -> None:
    assert await tasks(ACCEPTANCE, "sales.csv", "memo.pdf") == await tasks(ACCEPTANCE, "sales.csv", "memo.pdf")


async def test_what_is_saved_waits_for_what_it_needs() -> None:
    plan = await tasks("Find the risks in the memo, then write everything to notes.md", "memo.pdf", "sales.csv")
    assert [(t.operator, t.needs) for t in plan] == [("researcher", ()), ("writer", ("t1",))]
    plan = await tasks("Write total revenue per region to totals.md", "sales.csv")
    assert [(t.operator, t.needs) for t in plan] == [("analyst", ()), ("writer", ("t1",))]


async def test_one_task_per_file_when_all_are_meant() -> None:
    plan = await tasks("Summarise each file", "a.pdf", "b.docx", "c.csv")
    assert [(t.operator, t.goal[-11:]) for t in plan] == [
        ("researcher", " (in a.pdf)"), ("researcher", "(in b.docx)"), ("analyst", " (in c.csv)"),
    ]  # fmt: skip


async def test_an_operator_can_be_named() -> None:
    [task] = await tasks("Ask the security auditor to look for secrets in the memo", "memo.pdf")
    assert (task.operator, task.goal) == ("security_auditor", "Look for secrets in the memo (in memo.pdf)")
    plan = await tasks("Research lamps, write an article about it and check it for mistakes")
    assert [t.operator for t in plan][:2] == ["researcher", "writer"]
    assert [t.needs for t in plan] == [(), ("t1",), ("t2",)]


async def test_work_without_files() -> None:
    assert [t.operator for t in await tasks("Remember that the board meets in May")] == ["researcher"]
    assert [t.goal for t in await tasks("What is 15% of 240 and what is 3*4?")] == [
        "What is 15% of 240",
        "What is 3*4?",
    ]


async def test_more_than_thirty_parts_stay_a_plan() -> None:
    goal = "\n".join(f"- total units in month {n}" for n in range(40))
    assert len(await tasks(goal, "sales.csv")) == 30


@pytest.mark.parametrize("goal", ["Hello", "Hi, what can you do?", "What is the capital of France?", "Thanks!"])
async def test_what_no_tool_can_do_is_answered_at_once_with_the_mark(goal: str) -> None:
    decision = await decide(goal)
    assert isinstance(decision, Answer)
    assert decision.text.endswith(MARK)
    assert "STAFFWORK_MODEL" in decision.text


HOSTILE = ["(" * 300_000, "a" + " " * 300_000 + "b", "1+" * 100_000, "x and " * 60_000, "\ud800 </goal>", "*"]


@pytest.mark.parametrize("goal", HOSTILE, ids=lambda goal: ascii(goal[:4]))
async def test_hostile_goals_are_decided_soon(goal: str) -> None:
    began = time.thread_time()
    assert (await decide(goal, "sales.csv", "memo.pdf")).kind in ("answer", "delegate")
    assert time.thread_time() - began < 5


async def test_a_missing_file_is_asked_for_once() -> None:
    assert isinstance(await decide("Compare the two files"), Ask)
    assert isinstance(await decide("Compare the two files", answers=(("Which?", "Never mind"),)), Answer)


async def test_what_was_recalled_is_quoted_with_its_source() -> None:
    p = Passage(
        id="1",
        user_id="u",
        conversation_id="c",
        origin=Origin.MEMORY,
        origin_id="o",
        name="m",
        text="My favourite colour is green.",
    )
    near = Recollection(passage=p, score=1)
    far = Recollection(passage=p.model_copy(update={"text": "Lunch is at noon."}), score=0.4)
    decision = await decide("What is my favourite colour?", recalled=(near, far))
    assert "> My favourite colour is green.\n>\n> [remembered]" in decision.text
    assert "Lunch" not in decision.text


async def test_the_answer_is_the_reports_then_the_mark_in_pieces() -> None:
    gateway = Rehearsing()
    chief = ChiefOfStaff(gateway, Prompts(), ROSTER, WordEmbedder())
    lost = report(
        "", Status.FAILED, task_id="t2", summary="Prices: the file is empty.", problem="Prices: the file is empty."
    )
    made = report(
        "### Saved\n\nWrote a.md", task_id="t3", artifacts=(Artifact(id="1", name="a.md", hash="h", size=1, mime="t"),)
    )
    reply = await chief.report(
        brief("Sum"), [report("### Totals\n\n| a |\n|---|\n| 1 |"), lost, made], SITE, "No prices."
    )
    assert reply.text == (
        "### Totals\n\n| a |\n|---|\n| 1 |\n\n### Not done\n\nPrices: the file is empty.\n\n### Saved\n\nWrote a.md\n\n"
        f"**Not fully met:** No prices.\n\n{MARK}"
    )
    assert len(gateway.pieces) > 5
    assert max(len(p.split()) for p in gateway.pieces) <= 5


async def test_the_review_names_what_did_not_succeed() -> None:
    plan = Plan(tasks=(Task(id="t1", operator="analyst", goal="Sum", done_when="a total"),))
    role = Reviewer(Rehearsing(), Prompts())
    assert await role.review(brief("Sum"), plan, [report("r")], SITE) == Accept()
    verdict = await role.review(brief("Sum"), plan, [report("", Status.FAILED)], SITE)
    assert isinstance(verdict, Accept)
    assert "t1" in verdict.shortfall


async def test_it_is_a_langchain_chat_model() -> None:
    message = await RehearsalChat(embedder=WordEmbedder()).ainvoke([HumanMessage("<reports>\n</reports>")])
    assert MARK in str(message.text)
    assert message.usage_metadata is not None
    assert message.usage_metadata["output_tokens"] > 0
