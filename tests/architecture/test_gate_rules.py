"""There is one way to a tool: operator -> approval -> record -> gate. Nothing in the house can go around it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from house import Source, expect_none, house, imports

WAY = {
    "call_settled": {"graphs/operator_loop.py"},
    "call_approved": {"graphs/waiting.py"},
    "call_tool": {"graphs/approving.py"},
    "toolbox.call": {"graphs/recording.py"},
    "tool.run": {"tools/toolbox.py"},
    "tool.verify": {"tools/toolbox.py"},
}
"""Each stage on the way to a tool, and who alone may go there."""

MAKERS_FOR = {"graphs/office.py", "graphs/toolkit.py"}
"""Who may take tools from where they are made: it hands them to the gate."""

OTHER_WAYS = {"bind_tools", "ToolNode", "create_agent", "create_react_agent", "StructuredTool"}
NOT_OF_THE_WORLD = {"start_subtask", "send_message", "ask_user", "flag_for_review"}
"""What an operator may do without the gate: it reaches nobody but roles of the same mission, and the user."""


def _calls(source: Source) -> Iterator[ast.Call]:
    return (node for node in ast.walk(source.tree) if isinstance(node, ast.Call))


def _stage(call: ast.Call) -> str:
    """Name the stage a call goes to; "" if it goes elsewhere."""
    words = ast.unparse(call.func).split(".")
    last = words[-1]
    if last in WAY:
        return last
    holder = words[-2].strip("_") if len(words) > 1 else ""
    return f"{holder}.{last}" if f"{holder}.{last}" in WAY else ""


def detours(source: Source) -> list[str]:
    """Find calls to a stage from where nobody may go there."""
    found = [(call.lineno, stage) for call in _calls(source) if (stage := _stage(call))]
    return [f"{source.path}:{line} calls {stage}" for line, stage in found if source.path not in WAY[stage]]


def makes_tools(source: Source) -> bool:
    return any(ast.unparse(call.func) == "define" for call in _calls(source))


def taken_tools(source: Source, makers: set[str]) -> list[str]:
    """Find who takes tools from where they are made, other than to hand them to the gate."""
    if source.path in MAKERS_FOR or source.path.startswith("tools/"):
        return []
    return [f"{source.path}:{i.line} imports {i.module}" for i in imports(source) if i.module in makers]


def other_ways(source: Source) -> list[str]:
    names = [
        (n.lineno, n.attr if isinstance(n, ast.Attribute) else n.id)
        for n in ast.walk(source.tree)
        if isinstance(n, ast.Attribute | ast.Name)
    ]
    return [f"{source.path}:{line} uses {name}" for line, name in names if name in OTHER_WAYS]


def handled_without_the_gate(source: Source) -> set[str]:
    """List what an operator's wish may be called that does not go to the gate."""
    start = next(n for n in ast.walk(source.tree) if isinstance(n, ast.FunctionDef) and n.name == "_start")
    cases = [c.pattern for n in ast.walk(start) if isinstance(n, ast.Match) for c in n.cases]
    values = [n.value for p in cases for n in ast.walk(p) if isinstance(n, ast.MatchValue)]
    return {ast.literal_eval(value) for value in values}


def test_nobody_goes_around_the_gate() -> None:
    expect_none(problem for source in house() for problem in detours(source))


def test_every_stage_is_still_on_the_way() -> None:
    used = {(stage, source.path) for source in house() for call in _calls(source) if (stage := _stage(call))}
    assert used == {(stage, path) for stage, paths in WAY.items() for path in paths}


def test_nobody_takes_a_tool_past_the_gate() -> None:
    makers = {source.path.removesuffix(".py").replace("/", ".") for source in house() if makes_tools(source)}
    assert {"tools.files", "tools.standard"} <= makers
    expect_none(problem for source in house() for problem in taken_tools(source, makers))


def test_no_library_calls_tools_for_us() -> None:
    expect_none(
        problem for source in house() for problem in other_ways(source) if source.package in ("graphs", "chat", "api")
    )


def test_what_an_operator_does_without_the_gate_stays_in_the_mission() -> None:
    [loop] = [source for source in house() if source.path == "graphs/operator_loop.py"]
    assert handled_without_the_gate(loop) == NOT_OF_THE_WORLD


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("graphs/mission_nodes.py", "await run.staff.toolbox.call(call, context)"),
        ("graphs/recovering.py", "await call_tool(run, call, context)"),
        ("chat/steering.py", "await recording.call_tool(run, call, context)"),
        ("graphs/operator_loop.py", "await call_approved(run, call, context)"),
        ("tools/recall.py", "await doing.tool.run(context, {})"),
        ("agents/master_operator.py", "await self._toolbox.call(call, context)"),
        ("tools/effects.py", "await self.tool.verify(context, {})"),
    ],
)
def test_a_detour_is_found(path: str, line: str) -> None:
    assert detours(Source(path, f"async def f():\n    {line}\n"))


def test_other_detours_are_found() -> None:
    assert taken_tools(Source("api/files.py", "from tools.files import FileTools\n"), {"tools.files"})
    assert other_ways(Source("graphs/x.py", "from langgraph.prebuilt import ToolNode\nnode = ToolNode([])\n"))
    text = 'def _start(call):\n    match call.name:\n        case "shell" | "x":\n            pass\n'
    assert handled_without_the_gate(Source("graphs/x.py", text)) == {"shell", "x"}
