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
    "list_changes": ({"read"}, True),
    "undo_change": ({"write"}, True),
    "outline_code": ({"read"}, True),
    "code_dependencies": ({"read"}, True),
    "check_code": ({"read"}, True),
    "calculate": ({"read"}, False),
    "evaluate_python": ({"read"}, False),
    "profile_table": ({"read"}, True),
    "query_table": ({"read"}, True),
    "make_chart": ({"write"}, True),
    "make_spreadsheet": ({"write"}, True),
    "make_document": ({"write"}, False),
    "make_pdf": ({"write"}, False),
    "make_slides": ({"write"}, False),
    "recall": ({"read"}, True),
    "remember": ({"write"}, False),
    "now": ({"read"}, False),
}


def fitting(tool: Tool) -> dict[str, Any]:
    """Make arguments that fit a tool's schema, of the required ones."""
    properties = tool.spec.parameters["properties"]
    return {name: _sample(properties[name]) for name in tool.spec.parameters["required"]}


def _sample(schema: Mapping[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "array":
            return [_sample(schema["items"])]
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
    return "1"


def test_each_says_what_it_risks_and_whether_it_brings_in_strangers(tmp_path: Path) -> None:
    found = {tool.name: (set(tool.risks), tool.taints) for tool in Desk(tmp_path).tools}
    assert {name: said for name, said in found.items() if name in SAYS} == SAYS
    tainting = {
        "read_file",
        "search_files",
        "recall",
        "unpack_file",
        "fetch_page",
        "web_search",
        "run_python",
        "run_shell",
        "run_tests",
        "git_read",
        "git_change",
    }
    assert all(found[name][1] for name in tainting & set(found))


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
        arguments = {"no such argument": 1} if how == "wrong arguments" else fitting(tool)
        outcome = await box.call(ToolCall(id="1", name=tool.name, arguments=arguments), context)
        assert outcome.status in ("refused", "failed"), tool.name
    assert ran == []


async def test_the_same_calls_run_where_they_may(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    for tool in desk.tools:
        outcome = await desk.use(tool.name, **fitting(tool))
        assert outcome.status in ("ok", "failed"), (tool.name, outcome.output)
        assert outcome.tainted or not tool.taints, tool.name
