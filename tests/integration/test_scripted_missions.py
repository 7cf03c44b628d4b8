"""A whole mission through the office with a scripted model behind each provider's wire: what it costs, and where it rests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sample_files import make_memo, make_sales
from wire_replies import WireReply
from wire_servers import WireServer

from core.events import (
    Event,
    MissionEnded,
    ModelReplied,
    ModelRetried,
    TaskEnded,
    TaskStarted,
    TextStreamed,
    ToolReturned,
)
from core.missions import Mission, Status, new_id, now
from core.ports import LedgerRow
from core.settings import Settings
from graphs.office import Office

GOAL = "Compare the two files: total revenue per region, the biggest change, and three risks mentioned in the memo"
TOTALS = {"North": "2700", "South": "1600", "East": "820", "West": "1290"}
SQL = "SELECT region, CAST(SUM(revenue) AS INTEGER) AS total FROM sales GROUP BY region ORDER BY region"
PLAN = {
    "note": "The figures, the risks and the memo's beginning at the same time.",
    "tasks": [
        {"id": "t1", "operator": "analyst", "goal": "Total revenue per region", "done_when": "four totals"},
        {"id": "t2", "operator": "researcher", "goal": "Three risks in memo.pdf"},
        {"id": "t3", "operator": "writer", "goal": "What the memo begins with"},
    ],
}
FIRST_CALLS = {
    "Total revenue": [("a", "query_table", {"sql": SQL, "files": ["sales.csv"]}), ("b", "list_files", {})],
    "Three risks": [("a", "search_files", {"query": "risk"})],
    "begins with": [("a", "read_file", {"file": "memo.pdf"})],
}
E = TypeVar("E")
MODELS = {"openai": "gpt-5-mini", "anthropic": "claude-opus-4-8", "compatible": "some-model"}


class Player:
    """Plays the Chief, the reviewer and three operators; what an operator finds is only ever what its tools returned."""

    def __init__(self, **faults: WireReply) -> None:
        self._faults = faults  # what goes wrong the first time: plan, operator, report

    def __call__(self, body: dict[str, Any]) -> WireReply:
        tools = {t.get("name") or t["function"]["name"] for t in body.get("tools", [])}
        if "make_plan" in tools:
            return self._first("plan", WireReply("Let me see.", [("p", "make_plan", PLAN)], 900, 60, 300))
        if "review" in tools:
            return WireReply(calls=[("r", "review", {"verdict": "accept"})], tokens_in=500)
        if "finish" in tools:
            return self._operator(body["messages"])
        return self._first("report", WireReply(self._report(json.dumps(body["messages"])), tokens_in=700))

    def _first(self, place: str, otherwise: WireReply) -> WireReply:
        return self._faults.pop(place, otherwise)

    def _operator(self, messages: Sequence[dict[str, Any]]) -> WireReply:
        found = list(results(messages))
        if not found:
            goal = json.dumps(messages)
            calls = next(calls for words, calls in FIRST_CALLS.items() if words in goal)
            return self._first("operator", WireReply(calls=calls, first_token=0.15))
        finish = {"status": "completed", "summary": "Done.", "result": "\n".join(found)}
        return WireReply(calls=[("f", "finish", finish)], tokens_in=400, tokens_cached=100)

    def _report(self, reports: str) -> str:
        """Write the answer from what the operators reported, and from nothing else."""
        totals = [f"- {region}: {amount}" for region, amount in re.findall(r"(North|South|East|West)\W+(\d+)", reports)]
        risks = [f'"{risk}" [memo.pdf, page 2]' for risk in dict.fromkeys(re.findall(r"Risk \w+: [^.\\]+\.", reports))]
        return "\n".join(["Totals", *dict.fromkeys(totals), "", *risks])


def results(messages: Iterable[dict[str, Any]]) -> Iterable[str]:
    """Read what tools returned, in either provider's form."""
    for message in messages:
        if message["role"] == "tool":
            yield message["content"]
        for block in message["content"] if isinstance(message["content"], list) else ():
            if block["type"] == "tool_result":
                yield "".join(part["text"] for part in block["content"])


async def play(folder: Path, server: WireServer, provider: str, **more: Any) -> tuple[list[Event], list[LedgerRow]]:
    """Run the mission with both files; returns its events and its rows in the ledger."""
    given = {
        "data_dir": folder / "data",
        "model": f"{provider}:{MODELS[provider]}",
        f"{provider}_api_key": "sk-test-0123456789abcdef",
        f"{provider}_base_url": server.base_url,
    }
    files = {"text/csv": make_sales(folder / "sales.csv"), "application/pdf": make_memo(folder / "memo.pdf")}
    async with Office.open(Settings.model_validate(given | more)) as office:
        user, talk = await office.people.ensure_local_owner(), new_id()
        attachments = [await office.receive(user.id, talk, p.name, mime, p) for mime, p in files.items()]
        mission = Mission(
            id=new_id(),
            conversation_id=talk,
            user_id=user.id,
            goal=GOAL,
            attachments=tuple(attachments),
            created_at=now(),
        )
        await office.submit(mission)
        events = [event async for event in office.follow(mission.id)]
        return events, await office.ledger.of_mission(mission.id)


def of(events: Iterable[Event], kind: type[E]) -> list[E]:
    return [event for event in events if isinstance(event, kind)]


def end_of(events: Sequence[Event]) -> MissionEnded:
    end = events[-1]
    assert isinstance(end, MissionEnded), end
    return end


def check_answer(events: Sequence[Event]) -> None:
    """Hold the answer and its sources against the files, and what was streamed against the answer."""
    end = end_of(events)
    assert end.status is Status.COMPLETED, end
    assert all(f"- {region}: {total}" in end.answer for region, total in TOTALS.items()), end.answer
    quoted = [source for source in end.sources if source.quote and source.quote in end.answer]
    assert {(source.file, source.page) for source in quoted} == {("memo.pdf", 2)}
    assert len(quoted) == 3
    shown = ""
    for piece in of(events, TextStreamed):
        if piece.step == "report":
            shown = shown[: piece.offset] + piece.text
    assert shown == end.answer


def check_side_by_side(events: Sequence[Event]) -> None:
    started, ended = of(events, TaskStarted), of(events, TaskEnded)
    assert {task.operator for task in started} == {"analyst", "researcher", "writer"}
    assert events.index(started[-1]) < events.index(ended[0]), "all three are at work before the first is done"
    assert {task.status for task in ended} == {Status.COMPLETED}
    returned = of(events, ToolReturned)
    assert {tool.tool for tool in returned} == {"query_table", "list_files", "search_files", "read_file"}
    assert {tool.status for tool in returned} == {"ok"}


def check_bill(events: Sequence[Event], rows: Sequence[LedgerRow]) -> None:
    """Compare what the ledger says with what the mission says it used."""
    usage = end_of(events).usage
    assert usage.model_calls == len(rows)
    assert usage.tokens_in == sum(row.tokens_in for row in rows)
    assert usage.tokens_out == sum(row.tokens_out for row in rows)
    assert usage.tokens_cached == sum(row.tokens_cached for row in rows)
    assert usage.cost == sum((row.cost for row in rows if row.cost is not None), Decimal(0))
    assert usage.unpriced_calls == sum(row.cost is None for row in rows)
    replied = {event.step for event in of(events, ModelReplied)}
    assert {row.step for row in rows if row.outcome == "ok"} == replied


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_a_mission_over_a_providers_own_wire(tmp_path: Path, wire: Any) -> None:
    with WireServer(Player(), wire) as server:
        events, rows = await play(tmp_path, server, wire)
    assert server.violations == []
    check_answer(events)
    check_side_by_side(events)
    check_bill(events, rows)
    assert {row.role for row in rows} == {"chief", "operator", "reviewer"}
    assert {row.operator for row in rows if row.role == "operator"} == {"analyst", "researcher", "writer"}
    assert {row.outcome for row in rows} == {"ok"}
    assert {row.priced_by for row in rows} == {"genai-prices"}
    assert len(rows) == 1 + 3 * 2 + 1 + 1


@pytest.mark.parametrize("wire", ["openai", "anthropic"])
async def test_a_mission_survives_what_goes_wrong_once(tmp_path: Path, wire: Any) -> None:
    busy = WireReply(fault="status", status=429, retry_after="0.05")
    half = WireReply("A million! " * 12, tokens_in=650, fault="cut", tokens_per_second=60)
    broken = WireReply(calls=[("a", "list_files", {"x": "so that it can be cut"})], fault="half_arguments")
    with WireServer(Player(plan=busy, operator=broken, report=half), wire) as server:
        events, rows = await play(tmp_path, server, wire)
    check_answer(events)
    check_bill(events, rows)
    assert sorted(row.outcome for row in rows if row.outcome != "ok") == ["bad_reply", "cut_stream", "rate_limit"]
    assert len(of(events, ModelRetried)) == 3
    assert "million" not in end_of(events).answer
    assert any("million" in piece.text for piece in of(events, TextStreamed)), "it was shown, and taken back"


async def test_a_model_without_a_known_price_is_unpriced_and_not_free(tmp_path: Path) -> None:
    with WireServer(Player()) as server:
        events, rows = await play(tmp_path, server, "compatible")
    check_answer(events)
    check_bill(events, rows)
    assert {(row.cost, row.priced_by) for row in rows} == {(None, "unpriced")}
    assert end_of(events).usage.unpriced_calls == len(rows)


async def test_a_provider_that_refuses_the_key_ends_the_mission_in_plain_words(tmp_path: Path) -> None:
    refused = WireReply(fault="status", status=401, message="Incorrect API key provided: sk-test-********cdef.")
    with WireServer([refused]) as server:
        events, rows = await play(tmp_path, server, "openai")
    end = end_of(events)
    assert end.status is Status.FAILED
    assert "STAFFWORK_OPENAI_API_KEY" in end.problem
    assert "cdef" not in "".join(event.model_dump_json() for event in events)
    assert [row.outcome for row in rows] == ["auth"]
    check_bill(events, rows)


async def test_an_operator_whose_model_fails_leaves_the_others_their_work(tmp_path: Path) -> None:
    player = Player()

    def script(body: dict[str, Any]) -> WireReply:
        if "finish" in json.dumps(body.get("tools", [])) and "begins with" in json.dumps(body["messages"]):
            return WireReply("This part is lost. " * 9, fault="cut")
        return player(body)

    with WireServer(script) as server:
        events, rows = await play(tmp_path, server, "openai", model_attempts=2)
    check_answer(events)
    check_bill(events, rows)
    assert {task.task_id: task.status for task in of(events, TaskEnded)} == {
        "t1": Status.COMPLETED,
        "t2": Status.COMPLETED,
        "t3": Status.FAILED,
    }
    assert [row.outcome for row in rows if row.task_id == "t3"] == ["cut_stream"] * 2
