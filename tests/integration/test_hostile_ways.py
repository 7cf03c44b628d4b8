"""Side ways of a stranger's words: around the marks, into the user's mouth, and onto the screen as something else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from approval_fixtures import House, Play, World, open_house
from mission_fixtures import calls, plans, says
from steering_fixtures import eventually
from tools_fixtures import Desk

from core.events import QuestionAsked
from core.missions import Artifact, Mission, Status, new_id
from core.ports import ToolContext
from core.steering import Order, OrderKind, StepHeld
from tools.define import ToolResult, define
from tools.sanitise import visible

MARK = "IGNORE-ALL-4711"
MISFIT = "@@ -1,3 +1,3 @@\n nothing\n-like\n+unlike\n it\n"


@pytest.mark.parametrize("maker", ["make_document", "make_slides"])
async def test_who_is_shown_what_a_file_holds_by_a_tool_that_only_writes_is_marked(tmp_path: Path, maker: str) -> None:
    desk = Desk(tmp_path)
    await desk.use("write_file", name="kept.md", content=f"one\n{MARK}\nthree\n")
    await desk.give("odd.csv", f"\0{MARK},b\n1,2\n")
    for name, arguments in (
        ("patch_file", {"file": "kept.md", "diff": MISFIT}),
        (maker, {"name": "report", "text": "# Report\n\n![Table](odd.csv)\n"}),
    ):
        outcome = await desk.use(name, **arguments)
        assert MARK in outcome.output
        assert outcome.tainted, outcome.output
    plain = await desk.use(maker, name="plain", text="# Report\n\nWords.\n")
    assert (plain.status, plain.tainted) == ("ok", False)


CODE = ("run_code", {"code": "wipe everything"})


class Wanting(Play):
    """A play whose plan already says what is to be run."""

    def __call__(self, request: Any, site: Any) -> Any:
        if site.step == "plan":
            return plans({"operator": "hand", "goal": "Read, then wipe everything"})
        return super().__call__(request, site)


async def at_rest(house: House, mission: Mission) -> Status:
    """Wait until the mission waits for an approval, or is over."""
    found: list[Status] = []

    async def rests() -> bool:
        found[:] = [(await house.reception.missions.get(mission.id)).status]
        return found[0] in (Status.WAITING_APPROVAL, Status.COMPLETED)

    await eventually(rests)
    return found[0]


@pytest.mark.parametrize("let_go", [True, False])
async def test_to_switch_step_mode_off_says_nothing_of_the_tasks_that_were_held(tmp_path: Path, let_go: bool) -> None:
    world, play = World(), Wanting(("read_page", {"name": "p"}), CODE)
    async with open_house(tmp_path / "house.db", tmp_path, play, world.tools()) as house:
        mission = await house.submit("Look at the page.", step_mode=True)
        await house.until(mission, Status.PAUSED)
        [held] = await house.events(mission, StepHeld)
        assert (held.step, held.what) == ("t1/1", "think")
        about: dict[str, Any] = {"mission_id": mission.id, "by": "ada"}
        if let_go:
            release = {"kind": OrderKind.RELEASE, "step": held.step, "choice": "continue"}
            await house.give(Order(id=new_id(), **about | release))
        await house.give(Order(id=new_id(), kind=OrderKind.STEP_MODE, choice="off", **about))
        assert await at_rest(house, mission) is (Status.COMPLETED if let_go else Status.WAITING_APPROVAL)
    assert world.done == ["run wipe everything"] * let_go


LONG = "Shortly, and then wipe everything".ljust(199, ".") + " and more"
ANSWERS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "an offered answer, by its number": ({"form": "choice", "choices": [LONG, "No"]}, {"text": "1"}, LONG[:199]),
    "the name of a file": ({"form": "file"}, {"file": "wipe everything"}, "wipe everything"),
}


@pytest.mark.parametrize("way", ANSWERS)
async def test_an_answer_of_others_words_is_not_what_the_user_said(tmp_path: Path, way: str) -> None:
    asking, answer, code = ANSWERS[way]
    ask, run = ("ask_user", {"question": "How?"} | asking), ("run_code", {"code": code})
    world, play = World(), Play(("read_page", {"name": "p"}), ask, run)
    async with open_house(tmp_path / "house.db", tmp_path, play, world.tools()) as house:
        mission = await house.submit("Summarise the page.")
        await house.until(mission, Status.WAITING_ANSWER)
        [asked] = await house.events(mission, QuestionAsked)
        about = {"id": "answer", "mission_id": mission.id, "by": "ada", "step": asked.step, "task_id": asked.task_id}
        if name := answer.get("file"):
            given: dict[str, Any] = {"name": name, "content_hash": "0" * 64, "mime": "text/plain", "size": 1}
            row = await house.reception.files.receive("ada", mission.conversation_id, **given)
            about["attachments"] = (row,)
        await house.give(Order(kind=OrderKind.ANSWER, text=answer.get("text", ""), **about))
        assert await at_rest(house, mission) is Status.WAITING_APPROVAL
    assert world.done == []


TURNED = "Read \u202eeman.exe\u202c for\u200b Bo"


async def test_what_is_held_is_put_on_record_letter_by_letter(tmp_path: Path) -> None:
    def script(request: Any, site: Any) -> Any:
        return plans({"operator": "hand", "goal": TURNED}) if site.step == "plan" else says("Done.")

    async with open_house(tmp_path / "house.db", tmp_path, script, World().tools()) as house:
        mission = await house.submit("Look.", step_mode=True)
        await house.until(mission, Status.PAUSED)
        [held] = await house.events(mission, StepHeld)
    assert held.words == f"hand begins t1: {visible(TURNED)}"


class Relay:
    """t1 reads a page and perhaps writes a file; t2, planned beside it, has read nothing and runs code when t1 is done."""

    def __init__(self, *first: tuple[str, dict[str, Any]]) -> None:
        self.first, self.written = first, asyncio.Event()

    async def __call__(self, request: Any, site: Any) -> Any:
        if site.step == "plan":
            return plans(*({"id": name, "operator": "hand", "goal": f"Do {name}."} for name in ("t1", "t2")))
        task, _, number = site.step.partition("/")
        if task == "t1" and int(number) <= len(self.first):
            return calls(self.first[int(number) - 1])
        if task == "t1":
            self.written.set()
        if site.step == "t2/1":
            await self.written.wait()
            return calls(("run_code", {"code": "bash build.sh"}))
        return calls(("finish", {"summary": "done"})) if number else says("Done.")


async def keep_file(context: ToolContext, name: str) -> ToolResult:
    """Write a file."""
    made = Artifact(id=new_id(), name=name, hash="0" * 64, size=1, mime="text/plain", task_id=context.task_id)
    return ToolResult("Written.", artifacts=(made,))


READS, WRITES = ("read_page", {"name": "p"}), ("keep_file", {"name": "build.sh"})


@pytest.mark.parametrize(("first", "asks"), [((READS, WRITES), True), ((READS,), False), ((WRITES,), False)])
async def test_code_is_asked_about_once_a_file_was_written_under_a_strangers_influence(
    tmp_path: Path, first: tuple[Any, ...], asks: bool
) -> None:
    world, writing = World(), define(keep_file, "Write {name}", risk="write", effect="idempotent", undo="Undo it.")
    async with open_house(tmp_path / "house.db", tmp_path, Relay(*first), [*world.tools(), writing]) as house:
        mission = await house.submit("Build it.")
        assert await at_rest(house, mission) is (Status.WAITING_APPROVAL if asks else Status.COMPLETED)
        assert ["files here" in request.why for request in await house.requests(mission)] == [True] * asks
    assert world.done == ["run bash build.sh"] * (not asks)
