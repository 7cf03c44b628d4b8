"""Every shipped tool: what it says of itself, and that not one of them runs unless the gate lets it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tools_fixtures import Desk

from core.decisions import ToolCall
from core.ports import ToolContext
from tools.define import Tool, ToolResult
from tools.policy import Policy, Rule
from tools.toolbox import GatedToolbox

SAYS = {
    "list_files": ({"read"}, True),
    "read_file": ({"read"}, True),
    "search_files": ({"read"}, True),
    "write_file": ({"write"}, False),
    "patch_file": ({"write"}, False),
    "move_file": ({"write"}, False),
    "delete_file": ({"write"}, False),
    "pack_files": ({"write"}, False),
    "unpack_file": ({"write"}, True),
    "list_changes": ({"read"}, False),
    "undo_change": ({"write"}, False),
    "calculate": ({"read"}, False),
    "evaluate_python": ({"read"}, False),
    "profile_table": ({"read"}, True),
    "query_table": ({"read"}, True),
    "recall": ({"read"}, True),
    "remember": ({"write"}, False),
    "now": ({"read"}, False),
}
RIGHT: dict[str, dict[str, Any]] = {
    "list_files": {},
    "read_file": {"file": "a"},
    "search_files": {"query": "a"},
    "write_file": {"name": "a", "content": "a"},
    "patch_file": {"file": "a", "find": "a", "replace": "b"},
    "move_file": {"file": "a", "name": "b"},
    "delete_file": {"file": "a"},
    "pack_files": {"files": ["a"], "name": "a.zip"},
    "unpack_file": {"file": "a.zip"},
    "list_changes": {},
    "undo_change": {"change": 1},
    "calculate": {"expression": "1"},
    "evaluate_python": {"code": "1"},
    "profile_table": {"file": "a"},
    "query_table": {"sql": "SELECT 1", "files": ["a"]},
    "recall": {"query": "a"},
    "remember": {"text": "a"},
    "now": {},
}


def test_each_says_what_it_risks_and_whether_it_brings_in_strangers(tmp_path: Path) -> None:
    found = {tool.name: (set(tool.risks), tool.taints) for tool in Desk(tmp_path).tools}
    assert found == SAYS


@pytest.mark.parametrize("how", ["not granted", "denied", "to be asked, and nobody is there", "wrong arguments"])
async def test_none_runs_past_the_gate(tmp_path: Path, how: str) -> None:
    desk, ran = Desk(tmp_path), list[str]()

    def watched(tool: Tool) -> Tool:
        async def run(_: ToolContext, __: Mapping[str, Any]) -> ToolResult:
            ran.append(tool.name)
            return ToolResult("ran")

        return replace(tool, run=run)

    tools = [watched(tool) for tool in desk.tools]
    answer = {"denied": "deny", "to be asked, and nobody is there": "ask"}.get(how, "allow")
    box = GatedToolbox(
        tools, seconds=5, output_bytes=1000, at_once=8, mask=lambda text: text, policy=Policy((Rule(answer),))
    )
    context = desk.context.model_copy(update={"granted": ()}) if how == "not granted" else desk.context
    for tool in tools:
        arguments = {"no such argument": 1} if how == "wrong arguments" else RIGHT[tool.name]
        outcome = await box.call(ToolCall(id="1", name=tool.name, arguments=arguments), context)
        assert outcome.status in ("refused", "failed"), tool.name
    assert ran == []


async def test_the_same_calls_run_where_they_may(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for tool in desk.tools:
        outcome = await desk.use(tool.name, **RIGHT[tool.name])
        assert outcome.status in ("ok", "failed"), (tool.name, outcome.output)
        assert outcome.tainted is tool.taints
