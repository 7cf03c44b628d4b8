"""Whatever a model writes into its calls, the mission comes to a definite end, and the words for it are plain."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, HumanMessage
from mission_fixtures import calls, open_desk, plans, says

from agents.llm.assembly import Assembly
from agents.llm.calls import CallSite, ModelRequest
from agents.llm.gateway import GaveUp
from agents.llm.streams import Delta, ToolPiece, source_of
from core.budget import Usage
from core.decisions import Reply
from core.errors import ModelUnavailable
from core.events import Event, MissionEnded, PlanRefused, TaskEnded, TaskStarted
from core.missions import Status
from tools.define import define
from tools.toolbox import GatedToolbox

BIG = 10 * 1024 * 1024


def wire(*wanted: tuple[str, str], text: str = "") -> Reply:
    """Read calls with raw arguments as the gateway does; raises what it raises after its attempts."""
    assembly = Assembly(longest=2 * BIG)
    for number, (name, raw) in enumerate(wanted):
        assembly.add(Delta(tool_calls=[ToolPiece(number, f"c{number}", name, raw)]))
    assembly.add(Delta(text=text, finish="tool_calls" if wanted else "stop"))
    used = Usage(model_calls=1)
    try:
        said, made, finish = assembly.complete()
    except ModelUnavailable as fault:
        raise GaveUp(fault, str(fault), used) from fault
    return Reply(text=said, tool_calls=made, finish=finish, model="scripted:test", usage=used)


def deep(levels: int, kind: str = "list") -> str:
    return ("[" * levels + "]" * levels) if kind == "list" else '{"a":' * levels + "1" + "}" * levels


def plain(words: str) -> bool:
    """Say whether words are fit for a person: no name of an error class, no trace, not endless."""
    return 0 < len(words) < 3000 and not any(w in words for w in ("Error", "Traceback", "Exception", "error id"))


async def play(folder: Path, script: Callable[[ModelRequest, CallSite], Reply]) -> tuple[MissionEnded, list[Event]]:
    """Run the mission over real storage, as a restart would find it, and read everything back from there."""

    async def echo(**given: Any) -> str:
        return f"got {sorted(given)}"

    async with open_desk(folder, script, {"read_file": echo}, durable=True) as desk:
        end, events = await desk.do()
        assert await desk.journal.read(end.mission_id) == events
        assert (await desk.missions.get(end.mission_id)).status is end.status
        talk = await desk.do("And the next one?")
        assert isinstance(talk[0], MissionEnded), "the next mission runs as ever"
    return end, events


PLANS: dict[str, tuple[str, str]] = {
    "thousands of tasks": (
        json.dumps({"tasks": [{"operator": "analyst", "goal": f"Part {n}"} for n in range(5000)]}),
        "5000 tasks, at most 30",
    ),
    "a goal of 10 MB": (json.dumps({"tasks": [{"operator": "analyst", "goal": "x" * BIG}]}), "20,000 characters"),
    "a condition of 10 MB": (
        json.dumps({"tasks": [{"operator": "analyst", "goal": "x", "done_when": "y" * BIG}]}),
        "20,000 characters",
    ),
    "an operator of 10 MB": (json.dumps({"tasks": [{"operator": "x" * BIG, "goal": "y"}]}), "unknown operator"),
    "empty names": (json.dumps({"tasks": [{"operator": "", "goal": "", "": "x", "id": ""}]}), "unknown field ''"),
    "needs without end": (
        json.dumps({"tasks": [{"operator": "analyst", "goal": "x", "needs": [f"t{n}" for n in range(10_000)]}]}),
        "which is not in the plan",
    ),
    "numbers for words": (json.dumps({"tasks": [{"operator": 1, "goal": 2**70, "needs": 3}]}), "must be a list"),
    "tasks within tasks": ('{"tasks":' + deep(90) + "}", "no tasks"),
    "nothing": ("{}", "needs `tasks`"),
}


@pytest.mark.parametrize("name", PLANS)
async def test_a_plan_nobody_can_use_is_refused_twice_and_the_mission_says_why(tmp_path: Path, name: str) -> None:
    raw, words = PLANS[name]
    end, events = await play(tmp_path, lambda r, s: wire(("make_plan", raw)))
    assert end.status is Status.FAILED
    assert len([e for e in events if isinstance(e, PlanRefused)]) == 2
    assert words in end.problem
    assert plain(end.problem)


UNREADABLE = {
    "nested a thousand levels": deep(1000, "object"),
    "nested 101 levels": deep(100, "object"),
    "nested beyond any stack": deep(100_000, "object"),
    "half a surrogate pair": '{"tasks": "\\ud800"}',
    "not a number": '{"tasks": NaN}',
    "endless number": '{"tasks": 1e999}',
    "no object": "[]",
    "cut": '{"tasks": [',
}


@pytest.mark.parametrize("name", UNREADABLE)
async def test_arguments_nobody_can_read_are_the_models_failure_in_plain_words(tmp_path: Path, name: str) -> None:
    end, _ = await play(tmp_path, lambda r, s: wire(("make_plan", UNREADABLE[name])))
    assert end.status is Status.FAILED
    assert "The model's call of make_plan" in end.problem
    assert plain(end.problem)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (lambda: wire(("", "{}")), "without naming it"),
        (lambda: wire(("x" * BIG, "{}")), "by a name of 10,485,760 characters"),
        (lambda: wire(*[("now", "{}")] * 5000), "5,000 tools at once, more than 64"),
    ],
    ids=["no name", "endless name", "thousands of calls"],
)
async def test_calls_nobody_can_make_end_their_task_alone(
    tmp_path: Path, reply: Callable[[], Reply], words: str
) -> None:
    def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans(*({"operator": "analyst", "goal": f"Part {n}"} for n in range(2)))
            case "t1/1":
                return reply()
        return says("Done.")

    end, events = await play(tmp_path, script)
    ended = {e.task_id: e for e in events if isinstance(e, TaskEnded)}
    assert ended["t1"].status is Status.FAILED
    assert words in ended["t1"].problem
    assert plain(ended["t1"].problem)
    assert ended["t2"].status is end.status is Status.COMPLETED


SUBTASKS: dict[str, tuple[dict[str, Any], str]] = {
    "goal of 10 MB": ({"operator": "writer", "goal": "x" * BIG}, "20,000 characters"),
    "condition of 10 MB": ({"operator": "writer", "goal": "x", "done_when": "y" * BIG}, "20,000 characters"),
    "operator of 10 MB": ({"operator": "x" * BIG, "goal": "y"}, "no operator"),
    "empty names": ({"operator": "", "goal": "x", "": ""}, "no operator ''"),
    "no goal": ({"operator": "writer", "goal": " "}, "needs a goal"),
    "nothing for a goal": ({"operator": "writer", "goal": None}, "needs a goal"),
    "a number for a goal": ({"operator": "writer", "goal": 2**70}, "needs a goal"),
    "a list for a goal": ({"operator": "writer", "goal": [[[]]]}, "needs a goal"),
}


@pytest.mark.parametrize("name", SUBTASKS)
async def test_a_subtask_nobody_can_do_is_refused_and_the_operator_goes_on(tmp_path: Path, name: str) -> None:
    arguments, words = SUBTASKS[name]
    heard: list[str] = []

    def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans({"operator": "analyst", "goal": "Do it"})
            case "t1/1":
                return calls(("start_subtask", arguments), ("send_message", {"recipient": "x" * BIG, "content": "y"}))
            case "t1/2":
                heard.extend(str(m.content) for m in request.messages[-2:])
        return says("Done.")

    end, events = await play(tmp_path, script)
    assert end.status is Status.COMPLETED
    assert [e.task_id for e in events if isinstance(e, TaskStarted)][:1] == ["t1"]
    subtask, note = heard[:2]
    assert words in subtask
    assert subtask.startswith("[refused]")
    assert "Nobody called" in note
    assert plain(subtask)
    assert plain(note)


async def test_a_goal_with_half_a_surrogate_pair_within_json_within_json(tmp_path: Path) -> None:
    inner = json.dumps([{"operator": "analyst", "goal": "Look at \ud800 and \x00"}])

    def script(request: ModelRequest, site: CallSite) -> Reply:
        if site.step == "plan":
            return wire(("make_plan", json.dumps({"tasks": inner})))
        return wire(text="Done.")

    end, events = await play(tmp_path, script)
    assert end.status is Status.COMPLETED
    assert [e.goal for e in events if isinstance(e, TaskStarted)] == ["Look at \ufffd and \ufffd"]


ODD_ARGUMENTS = {
    "beyond 64 bits": '{"page": 18446744073709551616}',
    "below 64 bits": '{"page": -9223372036854775809}',
    "between signed and unsigned": '{"page": 9223372036854775808}',
    "empty name": '{"": 1}',
    "ten megabytes": json.dumps({"page": "x" * BIG}),
    "nested as deep as allowed": '{"page": ' + deep(99) + "}",
    "nul": '{"page": "\\u0000"}',
}


@pytest.mark.parametrize("name", ODD_ARGUMENTS)
async def test_odd_arguments_reach_the_gate_which_says_what_is_wrong_with_them(tmp_path: Path, name: str) -> None:
    async def read_file(context: Any, page: int) -> str:
        """Read a page."""
        return f"page {page}"

    heard: list[str] = []

    def script(request: ModelRequest, site: CallSite) -> Reply:
        match site.step:
            case "plan":
                return plans({"operator": "analyst", "goal": "Do it"})
            case "t1/1":
                return wire(("read_file", ODD_ARGUMENTS[name]))
            case "t1/2":
                heard.append(str(request.messages[-1].content))
        return says("Done.")

    gate = GatedToolbox([define(read_file, "Read")], seconds=5, output_bytes=1000, at_once=2, mask=lambda text: text)
    async with open_desk(tmp_path, script, durable=True) as desk:
        desk.tools.call = gate.call  # type: ignore[method-assign]
        end, events = await desk.do()
        assert await desk.journal.read(end.mission_id) == events
    assert end.status is Status.COMPLETED
    assert heard[0].startswith("[failed]")
    assert plain(heard[0])


@pytest.mark.parametrize("value", [2**70, "\ud800", [[[]]] * 3], ids=["big", "surrogate", "fine"])
async def test_a_model_that_gives_whole_messages_is_read_as_strictly(value: Any) -> None:
    call = {"name": "read_file", "args": {"page": value}, "id": "c", "type": "tool_call"}
    model = FakeMessagesListChatModel(responses=[AIMessage("", tool_calls=[call])])
    read = source_of(model).deltas(ModelRequest([HumanMessage("Go")]))
    if value == [[[]]] * 3:
        assert [p.name async for delta in read for p in delta.tool_calls] == ["read_file"]
    else:
        with pytest.raises(ModelUnavailable, match="call of read_file is not JSON") as caught:
            [delta async for delta in read]
        assert caught.value.kind == "bad_reply"
