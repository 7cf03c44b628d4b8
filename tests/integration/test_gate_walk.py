"""A walk through everything a graph, node or role can reach in a real office: no tool is there but inside of the gate."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import (
    BuiltinFunctionType,
    CodeType,
    FrameType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

from core.ports import ToolContext
from core.settings import Settings
from graphs.office import Office
from tools.catalogue import Catalogue
from tools.define import Tool, define
from tools.toolbox import GatedToolbox

_NOTHING_INSIDE = (str, bytes, int, float, complex, bool, type(None), type, ModuleType, CodeType, FrameType,
                   BuiltinFunctionType, GetSetDescriptorType)  # fmt: skip
_GLOBALS = {"__globals__", "__builtins__"}
_MOST = 2_000_000


def within(thing: Any) -> Iterator[Any]:
    """List what an object leads to: attributes, slots, items, closures, defaults, and whom a method belongs to.

    Not the globals of a module: what is there is in everybody's reach, and rules of the architecture look after it.
    """
    kind = type(thing)
    if issubclass(kind, MethodType):
        yield from (thing.__self__, thing.__func__)
    if issubclass(kind, FunctionType):
        yield from (cell.cell_contents for cell in thing.__closure__ or () if _filled(cell))
        yield from thing.__defaults__ or ()
        yield from (thing.__kwdefaults__ or {}).values()
    if issubclass(kind, dict):
        yield from [*thing.keys(), *thing.values()]
    elif issubclass(kind, list | tuple | set | frozenset | deque):
        yield from list(thing)
    yield from list(_attributes(thing).values())
    parts = (part for above in kind.__mro__ for part in vars(above).values())
    slots = [p for p in parts if isinstance(p, MemberDescriptorType) and p.__name__ not in _GLOBALS]
    yield from (found for slot in slots if (found := _in_slot(slot, thing)) is not None)


def _attributes(thing: Any) -> dict[str, Any]:
    """Take an object's own attributes, without running anybody's code."""
    try:
        found: dict[str, Any] = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return {}
    return found


def _in_slot(slot: MemberDescriptorType, thing: Any) -> Any:
    """Look into a slot, without running anybody's code; None if nothing is in it."""
    try:
        return slot.__get__(thing, type(thing))
    except AttributeError:
        return None


def _filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def tools_beyond_the_gate(start: list[Any]) -> list[str]:
    """Walk from these objects, not into the gate; name each tool (and each function of one) that is met."""
    seen: dict[int, Any] = {}
    pending = deque((thing, "start") for thing in start)
    met: list[str] = []
    while pending and len(seen) < _MOST:
        thing, path = pending.popleft()
        if id(thing) in seen or issubclass(
            type(thing), (*_NOTHING_INSIDE, GatedToolbox)
        ):  # a proxy would say otherwise
            continue
        seen[id(thing)] = thing
        if issubclass(type(thing), Tool):
            met.append(f"{thing.name} by {path}")
            continue
        pending.extend((inner, f"{path} > {type(thing).__name__}"[-300:]) for inner in within(thing))
    assert len(seen) < _MOST, "the walk did not come to its end"
    return met


async def test_no_tool_is_within_reach_but_through_the_gate(tmp_path: Path) -> None:
    async with Office.open(Settings(data_dir=tmp_path / "data", port=0), at_work=False) as office:
        staff = office.runner._staff
        assert isinstance(staff.toolbox, GatedToolbox)
        assert len(staff.toolbox._tools) > 20, "there are tools to be met"
        names = set(staff.toolbox._tools)
        assert {e.name for e in office.toolkit.catalogue.entries()} == names, "each is described once"
        graph = office.runner._graph
        reachable = [
            office,
            office.runner,
            staff,
            graph,
            graph.nodes,
            office.dispatcher,
            office.scheduler,
            office.roster,
        ]
        assert tools_beyond_the_gate(reachable) == []


async def test_the_walk_finds_a_tool_wherever_it_is_hidden() -> None:
    async def deed(context: ToolContext) -> str:
        """Do it."""
        return "done"

    tool = define(deed, "Do it")

    class Holder:
        __slots__ = ("inside",)

        def method(self) -> None: ...

    holder = Holder()
    holder.inside = {"a": [(tool,)]}
    hidden: list[Any] = [
        {"x": {tool.name: tool}},
        lambda: tool,
        lambda given=tool: given,
        holder,
        holder.method,
        deque([tool]),
    ]
    for place in hidden:
        assert len(tools_beyond_the_gate([place])) == 1, place
    assert tools_beyond_the_gate([Catalogue([tool])]) == [], "the catalogue describes tools, and holds none"
    gate = GatedToolbox([tool], seconds=1, output_bytes=10, at_once=1, mask=str)
    assert tools_beyond_the_gate([gate, gate.call, [gate]]) == []
