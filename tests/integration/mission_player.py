"""A model's part in the mission that compares a table and a memo, for a loopback server: Chief, reviewer, three operators."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from wire_replies import WireReply

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
