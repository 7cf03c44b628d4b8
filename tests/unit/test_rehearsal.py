"""The rehearsal model plays every role through the real prompts, and claims only what a tool returned."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Sequence
from typing import Any

import duckdb
import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage

from agents.chief_of_staff import ChiefOfStaff
from agents.llm.calls import CallSite, ModelRequest
from agents.llm.rehearsal import RehearsalChat
from agents.llm.rehearsal_goals import split_goal
from agents.llm.rehearsal_kinds import fact_in, file_to_write, sum_in
from agents.llm.rehearsal_words import MARK
from agents.master_operator import MasterOperator
from agents.prompting import Prompts
from agents.reviewer import Reviewer
from agents.roster import FOLDER, Roster
from core.budget import Budget
from core.decisions import Accept, Act, Answer, Ask, Delegate, Finish, Reply, ToolCall
from core.memories import Brief, Origin, Passage, Recollection
from core.missions import Artifact, Attachment, Delegation, Plan, Report, Source, Status, Task
from core.ports import ToolSpec

ACCEPTANCE = (
    "Compare the two files: total revenue per region, the biggest change, and three risks mentioned in the memo"
)
SITE = CallSite(role="test")
ROSTER = Roster.load([FOLDER])
ARGUMENTS = {
    "list_files": (), "read_file": ("file", "page", "first_line"), "search_files": ("query",), "now": ("timezone",),
    "write_file": ("name", "content"), "calculate": ("expression",), "profile_table": ("file",),
    "query_table": ("sql", "files"), "recall": ("query", "scope"), "remember": ("text",),
}  # fmt: skip


class WordEmbedder:
    """Embeds by counting letters pairs: no meaning, but the same every time."""

    name, dimensions = "pairs", 676

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return [self._vector(re.findall(r"[a-z]+", t.lower())) for t in texts]

    def _vector(self, words: list[str]) -> list[float]:
        counts = [0.0] * self.dimensions
        for a, b in (pair for w in words for pair in itertools.pairwise(w)):
            counts[(ord(a) - 97) * 26 + ord(b) - 97] += 1
        length = sum(c * c for c in counts) ** 0.5 or 1.0
        return [c / length for c in counts]


class Rehearsing:
    """A gateway in front of the rehearsal model alone."""

    def __init__(self) -> None:
        self.pieces: list[str] = []

    async def ask(self, request: ModelRequest, site: CallSite) -> Reply:
        self.pieces, calls, finish = [], [], ""
        async for delta in RehearsalChat(embedder=WordEmbedder()).deltas(request):
            self.pieces += [delta.text] if delta.text else []
            calls += [ToolCall(id=p.id, name=p.name, arguments=json.loads(p.arguments)) for p in delta.tool_calls]
            finish = delta.finish or finish
        assert finish == ("tool_calls" if calls else "stop")
        return Reply(text="".join(self.pieces), tool_calls=tuple(calls), finish=finish)


def files(*names: str) -> tuple[Attachment, ...]:
    return tuple(Attachment(id=n, name=n, hash="h", size=2000, mime="application/octet-stream") for n in names)


def brief(goal: str, *names: str, **fields: Any) -> Brief:
    return Brief(mission_id="m", conversation_id="c", user_id="u", goal=goal, attachments=files(*names), **fields)


async def decide(goal: str, *names: str, **fields: Any) -> Any:
    chief = ChiefOfStaff(Rehearsing(), Prompts(), ROSTER, WordEmbedder())
    return (await chief.plan(brief(goal, *names, **fields), SITE))[0]


async def tasks(goal: str, *names: str) -> list[Task]:
    decision = await decide(goal, *names)
    assert isinstance(decision, Delegate), decision
    return list(decision.plan.tasks)


# --- the Chief ---


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


# --- operators ---


class Work:
    """One operator of the rehearsal model, with the test as its tools."""

    def __init__(
        self, goal: str, *names: str, operator: str = "analyst", found: tuple[Report, ...] = (), part_of: str = ""
    ) -> None:
        profile = ROSTER.get(operator)
        self.delegation = Delegation(
            mission_id="m", task=Task(id="t1", operator=operator, goal=goal), profile_version="v",
            brief=f"This is part of the mission: {part_of or goal}", tools=profile.tools, budget=Budget(),
            attachments=files(*names), found=found,
        )  # fmt: skip
        self.role = MasterOperator(Rehearsing(), Prompts(), ROSTER)
        self.transcript: list[BaseMessage] = self.role.opening(self.delegation)

    async def next(self, *outputs: str) -> Any:
        """Answer the calls of the last step and return the next decision: a tool call, or the end."""
        if outputs:
            last = self.transcript[-1]
            assert isinstance(last, AIMessage)
            pairs = zip(last.tool_calls, outputs, strict=True)
            self.transcript += [ToolMessage(o, tool_call_id=c["id"], name=c["name"]) for c, o in pairs]
        specs = tuple(
            ToolSpec(name=n, description=n, parameters={"type": "object", "properties": {a: {} for a in ARGUMENTS[n]}})
            for n in self.delegation.tools
        )
        decision = self.role.decide(await self.role.think(self.delegation, self.transcript, specs, SITE))
        if not isinstance(decision, Act):
            return decision
        calls = [{"name": c.name, "args": c.arguments, "id": c.id, "type": "tool_call"} for c in decision.calls]
        self.transcript.append(AIMessage("", tool_calls=calls))
        [call] = decision.calls
        return call.name, call.arguments


class Sales:
    """A table in memory, described and queried in the form of the table tools."""

    def __init__(self, columns: str, *rows: tuple[Any, ...]) -> None:
        self.database = duckdb.connect(":memory:")
        self.database.execute(f"CREATE TABLE sales ({columns})")
        self.database.executemany(f"INSERT INTO sales VALUES ({', '.join('?' * len(rows[0]))})", rows)
        self.rows = len(rows)

    def profile(self) -> str:
        described = self.database.execute("DESCRIBE sales").fetchall()
        lines = [f"| {name} | {kind} | 0 | 2 | a | b |  |" for name, kind, *_ in described]
        head = f"Table sales (sales.csv): {self.rows} rows, {len(lines)} columns."
        first = "First rows:\n| x | y |\n|---|---|\n| 1 | DOUBLE |"
        return "\n".join(
            [head, "| column | type | empty | distinct | min | max | mean |", "|" + "---|" * 7, *lines, first]
        )

    def query(self, sql: str) -> str:
        cursor = self.database.execute(sql)
        names, rows = [c[0] for c in cursor.description], cursor.fetchall()
        if not rows:
            return f"No rows. Columns: {', '.join(names)}."
        head, *lines = ["| " + " | ".join(map(str, line)) + " |" for line in [names, *rows]]
        return "\n".join([head, "|" + "---|" * len(names), *lines, f"({len(rows)} rows)"])

    async def ask(self, goal: str, part_of: str = ACCEPTANCE) -> Finish:
        work = Work(goal, "sales.csv", part_of=part_of)
        decision = await work.next()
        assert decision == ("profile_table", {"file": "sales.csv"})
        decision = await work.next(self.profile())
        while not isinstance(decision, Finish):
            name, arguments = decision
            assert (name, arguments["files"]) == ("query_table", ["sales.csv"])
            decision = await work.next(self.query(arguments["sql"]))
        return decision


BY_DAY = Sales(
    "order_date DATE, region VARCHAR, product VARCHAR, units INTEGER, revenue DECIMAL(10,2)",
    ("2024-01-05", "North", "Lamp", 10, 100), ("2024-01-20", "North", "Chair", 10, 50.5), ("2024-02-05", "North", "Lamp", 1, 120),
    ("2024-01-15", "South", "Lamp", 10, 20), ("2024-02-15", "South", "Chair", 10, 220), ("2024-03-15", "South", "Chair", 5, 190),
)  # fmt: skip
BY_MONTH_NAME = Sales(
    "month VARCHAR, area VARCHAR, units INTEGER, price DOUBLE",
    ("January", "East", 2, 10), ("February", "East", 9, 10), ("March", "East", 1, 10), ("April", "East", 2, 10),
)  # fmt: skip


@pytest.mark.parametrize(
    ("table", "goal", "rows"),
    [
        (BY_DAY, "Total revenue per region (in sales.csv)", ["| South | 430.00 |", "| North | 270.50 |"]),
        (BY_DAY, "Average revenue by product", ["| Chair | 153.5 |", "| Lamp | 80.0 |"]),
        (BY_DAY, "The biggest change (in sales.csv)", ["| South | 2024-01 | 2024-02 | 20.00 | 220.00 | 200.00 | 1000.0 |"]),
        (BY_DAY, "The biggest drop in revenue per region", ["| North | 2024-01 | 2024-02 | 150.50 | 120.00 | -30.50 | -20.3 |"]),
        (BY_DAY, "Revenue per month", ["| 2024-01 | 170.50 |", "| 2024-02 | 340.00 |", "| 2024-03 | 190.00 |"]),
        (BY_DAY, "How many products are there?", ["| 2 | 6 |"]),
        (BY_DAY, "Number of orders", ["| 6 |"]),
        (BY_DAY, "Which region has the lowest revenue?", ["| North | 270.50 |", "| South | 430.00 |"]),
        (BY_DAY, "Total units", ["| 46 | 6 |"]),
        (BY_MONTH_NAME, "Total revenue per region", ["| East | 140.0 |"]),
        (BY_MONTH_NAME, "The biggest change", ["| East | February | March | 90.0 | 10.0 | -80.0 | -88.9 |"]),
    ],
)  # fmt: skip
async def test_tables_are_computed_by_sql(table: Sales, goal: str, rows: list[str]) -> None:
    end = await table.ask(goal)
    assert end.status == "completed", end
    found = [line for line in end.result.splitlines() if line.startswith("| ")][1:]
    assert found[: len(rows)] == rows
    assert "[sales.csv]" in end.result


async def test_months_too_coarse_to_compare_are_taken_by_day() -> None:
    table = Sales("day DATE, revenue DOUBLE", ("2024-01-01", 1), ("2024-01-02", 5), ("2024-01-03", 6))
    assert "| 2024-01-01 | 2024-01-02 | 1.0 | 5.0 | 4.0 | 400.0 |" in (await table.ask("The biggest change")).result


@pytest.mark.parametrize("goal", ["Total profit", "Total revenue per shop", "The weather"])
async def test_what_the_columns_do_not_hold_is_not_computed(goal: str) -> None:
    end = await BY_DAY.ask(goal)
    assert end.status == "failed"
    assert "order_date, region, product, units, revenue" in end.summary


async def test_words_that_no_column_goes_by_are_named() -> None:
    end = await BY_DAY.ask("Total revenue per region for Atlantis")
    assert "Not taken into account, as no column goes by it: atlantis." in end.result


async def test_an_overview_of_a_table_is_its_profile() -> None:
    end = await BY_DAY.ask("Summarise each file (in sales.csv)")
    assert "| revenue | DECIMAL(10,2) |" in end.result
    assert "6 rows" in end.result


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


def report(result: str, status: Status = Status.COMPLETED, **fields: Any) -> Report:
    whole = {
        "task_id": "t1",
        "operator": "analyst",
        "summary": "In short.",
        "sources": (Source(file="a.csv", quote="x"),),
    }
    return Report(**(whole | {"status": status, "result": result} | fields))


async def test_a_file_holds_the_reports_and_nothing_else() -> None:
    found = (report("### Totals\n\n| a |\n|---|\n| 1 |"), report("### Quotes\n\n> q"))
    work = Work("Save everything as notes.md", operator="writer", found=found)
    content = "### Totals\n\n| a |\n|---|\n| 1 |\n\n### Quotes\n\n> q\n"
    assert await work.next() == ("write_file", {"name": "notes.md", "content": content})
    assert "Wrote notes.md" in (await work.next("Wrote notes.md (5 bytes).")).result
    assert (await Work("Save everything as notes.md", operator="writer").next()).status == "failed"


async def test_what_needs_a_mind_is_not_claimed() -> None:
    work = Work("Design a logo", operator="security_auditor")
    assert (await work.next())[0] == "recall"
    end = await work.next("1. a.pdf, page 3 (file): Logo.")
    assert end.status == "failed"
    assert "no language model is connected" in end.summary


# --- report, review, the interface ---


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


# --- taking goals apart ---


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
