"""Operators and the reviewer make one judgement per call: one scripted reply in, one value out."""

from __future__ import annotations

from typing import Any

import pytest
from role_fixtures import CSV, SITE, OneReply, brief, report

from agents.master_operator import MasterOperator
from agents.prompting import Prompts
from agents.reviewer import Reviewer
from agents.roster import FOLDER, Roster
from core.budget import Budget
from core.decisions import Accept, Act, Finish, SendBack
from core.missions import Delegation, Plan, Task
from core.ports import ToolSpec


def delegation(depth: int = 1, **fields: Any) -> Delegation:
    whole = {
        "mission_id": "m",
        "task": Task(id="t1", operator="analyst", goal="Sum the revenue", done_when="a table"),
        "profile_version": "v",
        "brief": "The user compares regions.",
        "tools": ("query_table",),
        "budget": Budget(),
        "attachments": (CSV,),
        "found": (report("t0", operator="researcher"),),
    }
    return Delegation(**(whole | fields), depth=depth)


def operator(gateway: OneReply | None = None) -> MasterOperator:
    return MasterOperator(gateway or OneReply(), Prompts(), Roster.load([FOLDER]))


def test_opening_holds_the_delegation_and_nothing_else() -> None:
    system, given = operator().opening(delegation())
    assert "Data analyst" in str(system.text)
    assert "You let the data speak." in str(system.text)
    text = str(given.text)
    order = ["The user compares regions.", "sales.csv", "North leads.", "Sum the revenue", "a table"]
    assert sorted(order, key=text.index) == order


async def test_operator_is_offered_its_grants_and_the_core_tools() -> None:
    gateway = OneReply("Done.")
    granted = (ToolSpec(name="query_table", description="d", parameters={}),)
    role = operator(gateway)
    for depth, expected in ((1, True), (3, True), (4, False), (9, False)):
        given = delegation(depth)
        await role.think(given, role.opening(given), granted, SITE)
        assert gateway.tools[:2] == ["query_table", "finish"]
        assert ("start_subtask" in gateway.tools) is expected
        assert "send_message" in gateway.tools
    assert gateway.request.tier == "standard"


def decide(text: str = "", *calls: tuple[str, dict[str, Any]], finish: Any = "stop") -> Any:
    return operator().decide(OneReply(text, *calls, finish=finish).reply)


def test_text_alone_ends_the_task() -> None:
    assert decide("North leads.") == Finish(status="completed", summary="North leads.", result="North leads.")
    cut = decide("North le", finish="length")
    assert cut.summary.startswith("(Cut off")
    assert decide("  ").status == "failed"


def test_calls_come_before_finish() -> None:
    act = decide("Hm", ("finish", {"summary": "s"}), ("query_table", {"sql": "x"}), ("start_subtask", {"goal": "g"}))
    assert isinstance(act, Act)
    assert [c.name for c in act.calls] == ["query_table", "start_subtask"]
    assert act.text == "Hm"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"status": "completed", "summary": "s", "result": "r"}, Finish(status="completed", summary="s", result="r")),
        ({"status": "failed", "summary": "s"}, Finish(status="failed", summary="s")),
        ({"status": "blocked", "summary": "s"}, Finish(status="failed", summary="s")),
        ({"status": "done", "result": "r"}, Finish(status="completed", summary="r", result="r")),
        ({"summary": "s", "result": 3}, Finish(status="completed", summary="s")),
    ],
)
def test_finish_is_read_kindly(arguments: dict[str, Any], expected: Finish) -> None:
    assert decide("", ("finish", arguments)) == expected


def test_finish_with_nothing_in_it_is_no_success() -> None:
    assert decide("", ("finish", {"status": "completed"})).status == "failed"
    assert decide("The total is 5.", ("finish", {})) == Finish(summary="The total is 5.", result="The total is 5.")


TASKS = Plan(
    tasks=(
        Task(id="t1", operator="analyst", goal="Sum", done_when="has a total"),
        Task(id="t2", operator="writer", goal="w"),
    )
)


@pytest.mark.parametrize(
    ("gateway", "expected"),
    [
        (OneReply("All good."), Accept()),
        (OneReply("", ("review", {"verdict": "accept", "shortfall": "No 2023."})), Accept(shortfall="No 2023.")),
        (
            OneReply("", ("review", {"verdict": "send_back", "reasons": {"t1": " no total ", "t9": "?"}})),
            SendBack(reasons={"t1": "no total"}),
        ),
        (OneReply("", ("review", {"verdict": "send_back", "reasons": {"t9": "?"}})), Accept()),
        (OneReply("", ("review", {"verdict": "send_back", "reasons": "t1"})), Accept()),
        (OneReply("", ("review", {"verdict": "accept", "reasons": {"t1": "fine"}})), Accept()),
        (OneReply("", ("other", {})), Accept()),
    ],
)
async def test_review(gateway: OneReply, expected: object) -> None:
    assert await Reviewer(gateway, Prompts()).review(brief(), TASKS, [report()], SITE) == expected
    assert "has a total" in gateway.texts[-1]
    assert gateway.tools == ["review"]
    assert gateway.site is SITE
