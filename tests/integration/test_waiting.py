"""Where work waits for a person: step mode, an operator's questions, and calls that may or may not have happened."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mission_fixtures import calls, plans, says
from steering_fixtures import House, eventually, open_house

from core import steering as s
from core.errors import BadInput, Conflict
from core.events import QuestionAnswered, QuestionAsked, TaskEnded
from core.missions import Attachment, Mission, Status
from core.ports import ToolOutcome
from core.steering import OrderKind


class Play:
    """One operator that makes one call in its first step and finishes in its second; `t2`, if wanted, makes none."""

    def __init__(self, tool: str = "calculate", *, tasks: int = 1, **arguments: Any) -> None:
        self.call, self.tasks = (tool, arguments or {"expression": "6*7"}), tasks
        self.seen: dict[str, str] = {}

    def __call__(self, request: Any, site: Any) -> Any:
        self.seen[site.step] = "\n".join(str(m.content) for m in request.messages)
        match site.step.split("/"):
            case ["plan"]:
                operators = ("analyst", "researcher")[: self.tasks]
                return plans(*({"operator": o, "goal": f"Goal of {o}."} for o in operators))
            case ["t1", "1"]:
                return calls(self.call)
            case [task, _] if task.startswith("t"):
                return calls(("finish", {"status": "completed", "summary": f"{task} done", "result": "42"}))
        return says("All done.")


async def held(house: House, mission: Mission) -> s.StepHeld:
    await house.until(mission, Status.PAUSED)
    [step] = (await house.standing(mission)).open_steps
    return step


async def test_step_mode_holds_each_task_and_each_tool_call(tmp_path: Path) -> None:
    play = Play()
    async with open_house(tmp_path, play) as house:
        mission = await house.submit(step_mode=True)
        first = await held(house, mission)
        assert (first.what, first.step, first.words) == ("think", "t1/1", "analyst begins t1: Goal of analyst.")
        assert house.desk.gateway.asked["t1/1"] == 0
        await house.give(mission, OrderKind.RELEASE, choice="continue")
        await eventually(lambda: house.desk.gateway.asked["t1/1"])
        second = await held(house, mission)
        assert (second.what, second.tool, second.arguments) == ("act", "calculate", {"expression": "6*7"})
        assert house.desk.tools.ran["t1/1.0"] == 0
        await house.give(mission, OrderKind.RELEASE, choice="continue", step=second.step)
        await house.until(mission, Status.COMPLETED)
        with pytest.raises(Conflict):
            await house.give(mission, OrderKind.RELEASE, choice="continue", step=second.step)
    assert set(house.desk.gateway.asked.values()) == {1}
    assert house.desk.tools.ran == {"t1/1.0": 1}


async def test_a_held_step_survives_a_restart(tmp_path: Path) -> None:
    play = Play()
    async with open_house(tmp_path, play) as house:
        mission = await house.submit(step_mode=True)
        await held(house, mission)
    async with open_house(tmp_path, play) as house:
        step = await held(house, mission)
        await house.give(mission, OrderKind.STEP_MODE, choice="off")
        await house.until(mission, Status.COMPLETED)
        assert step.step in (await house.standing(mission)).released, "who turns step mode off lets go of what it held"


async def test_a_held_call_can_be_skipped_changed_or_end_the_mission(tmp_path: Path) -> None:
    play = Play()
    async with open_house(tmp_path, play) as house:
        ends = {}
        for choice in ("skip", "edit", "abort"):
            mission = await house.submit(step_mode=True)
            await held(house, mission)
            await house.give(mission, OrderKind.RELEASE, choice="continue")
            await eventually(lambda m=mission: is_act(house, m))  # type: ignore[misc]
            step = await held(house, mission)
            if choice == "edit":
                with pytest.raises(BadInput, match="changed arguments"):
                    await house.give(mission, OrderKind.RELEASE, choice="edit", step=step.step)
                for bad in ({"n": 2**70}, {"text": "x" * 100_001}, {"text": "\ud800"}):
                    with pytest.raises(BadInput, match="arguments"):
                        await house.give(mission, OrderKind.RELEASE, choice="edit", step=step.step, arguments=bad)
            arguments = {"expression": "1+1"} if choice == "edit" else None
            await house.give(mission, OrderKind.RELEASE, choice=choice, step=step.step, arguments=arguments)
            ends[choice] = await house.until(mission, Status.CANCELLED if choice == "abort" else Status.COMPLETED)
            seen = play.seen.pop("t1/2", "")
            if choice == "skip":
                assert "The user skipped this call" in seen
            if choice == "edit":
                assert "The user changed the arguments" in seen
        assert [c.step for c in house.desk.tools.contexts] == ["t1/1.0"], "only the changed call ran"


async def is_act(house: House, mission: Mission) -> bool:
    steps = (await house.standing(mission)).open_steps
    return bool(steps) and steps[0].what == "act"


async def test_a_held_task_can_be_skipped_or_told_something_first(tmp_path: Path) -> None:
    play = Play(tasks=2)
    async with open_house(tmp_path, play) as house:
        mission = await house.submit(step_mode=True)
        await house.until(mission, Status.PAUSED)
        assert len((await house.standing(mission)).open_steps) == 2, "both tasks are held at the same time"
        await house.give(mission, OrderKind.RELEASE, choice="skip", step="t1/1")
        with pytest.raises(BadInput, match="differently"):
            await house.give(mission, OrderKind.RELEASE, choice="edit", step="t2/1")
        await house.give(mission, OrderKind.RELEASE, choice="edit", step="t2/1", text="Be brief.")
        await house.until(mission, Status.COMPLETED)
        ends = {e.task_id: e.status for e in await house.events(mission, TaskEnded)}
    assert ends == {"t1": Status.CANCELLED, "t2": Status.COMPLETED}
    assert "Instruction from the user: Be brief." in play.seen["t2/1"]
    assert "t1/1" not in play.seen


FORMS = [
    ({}, "Blue, please", "Blue, please"),
    ({"form": "number"}, " 3,5 ", "3.5"),
    ({"form": "yes_no"}, "Ja!", "yes"),
    ({"form": "choice", "choices": ["Red", "Blue"]}, "2", "Blue"),
]
WRONG = {"number": "many", "yes_no": "perhaps", "choice": "green", "text": " "}


@pytest.mark.parametrize(("form", "given", "read"), FORMS)
async def test_an_operator_asks_and_waits_without_a_place(tmp_path: Path, form: Any, given: str, read: str) -> None:
    play = Play("ask_user", question="Which one?", **form)
    async with open_house(tmp_path, play, at_once=1) as house:
        mission = await house.submit()
        await house.until(mission, Status.WAITING_ANSWER)
        assert house.dispatcher.running(mission.conversation_id) is None
        [asked] = (await house.standing(mission)).open_questions
        assert (asked.question, asked.operator, asked.form) == ("Which one?", "Data analyst", form.get("form", "text"))
        assert asked.expires_at is not None
        with pytest.raises(BadInput):
            await house.give(mission, OrderKind.ANSWER, text=WRONG[asked.form])
    async with open_house(tmp_path, play, at_once=1) as house:
        assert await house.status(mission) is Status.WAITING_ANSWER, "it survives a restart"
        await house.give(mission, OrderKind.ANSWER, text=given, step=asked.step)
        await house.until(mission, Status.COMPLETED)
        assert not house.desk.gateway.asked["t1/1"]
        with pytest.raises(Conflict):
            await house.give(mission, OrderKind.ANSWER, text=given, step=asked.step)
    assert f"The user answered: {read}" in play.seen["t1/2"]


async def test_others_work_on_while_one_waits(tmp_path: Path) -> None:
    play = Play("ask_user", question="Which one?", tasks=2)
    async with open_house(tmp_path, play) as house:
        mission = await house.submit()
        await house.until(mission, Status.WAITING_ANSWER)
        standing = await house.standing(mission)
        assert standing.tasks == {"t1": Status.WAITING_ANSWER, "t2": Status.COMPLETED}
        await house.give(mission, OrderKind.ANSWER, text="Blue")
        await house.until(mission, Status.COMPLETED)
        assert (await house.standing(mission)).tasks["t1"] is Status.COMPLETED


async def test_a_file_is_an_answer(tmp_path: Path) -> None:
    play = Play("ask_user", question="May I see it?", form="file")
    async with open_house(tmp_path, play) as house:
        mission = await house.submit()
        await house.until(mission, Status.WAITING_ANSWER)
        with pytest.raises(BadInput, match="Attach one"):
            await house.give(mission, OrderKind.ANSWER, text="no")
        file = Attachment(id="f", name="sales.csv", hash="0" * 64, size=3, mime="text/csv")
        await house.give(mission, OrderKind.ANSWER, attachments=(file,))
        await house.until(mission, Status.COMPLETED)
    assert "The user answered: Here: sales.csv" in play.seen["t1/2"]


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_question_nobody_answers_ends_as_unanswered(tmp_path: Path, restarted: bool) -> None:
    play = Play("ask_user", question="Which one?")
    async with open_house(tmp_path, play, question_seconds=0.4) as house:
        mission = await house.submit()
        if not restarted:
            await house.until(mission, Status.WAITING_ANSWER)
            await house.until(mission, Status.COMPLETED)
        else:
            await house.until(mission, Status.WAITING_ANSWER)
    if restarted:
        await asyncio.sleep(0.4)
        async with open_house(tmp_path, play) as house:
            await house.until(mission, Status.COMPLETED)
            [answer] = await house.events(mission, QuestionAnswered)
            assert answer.unanswered
            assert answer.answer == ""
    assert "Nobody answered in time" in play.seen["t1/2"]


async def test_a_mission_that_nobody_attends_is_not_held_up(tmp_path: Path) -> None:
    play = Play("ask_user", question="Which one?")
    async with open_house(tmp_path, play) as house:
        mission = await house.submit(unattended="deny", step_mode=True)
        await house.until(mission, Status.COMPLETED)
        [answer] = await house.events(mission, QuestionAnswered)
        assert answer.unanswered


@pytest.mark.parametrize(
    "wrong",
    [
        {"question": ""},
        {"question": "x" * 2000},
        {"question": "?", "form": "poem"},
        {"question": "?", "form": "choice", "choices": ["one"]},
        {"question": "?", "choices": "abc"},
    ],
)
async def test_a_question_that_makes_no_sense_goes_back_to_the_operator(tmp_path: Path, wrong: Any) -> None:
    play = Play("ask_user", **wrong)
    async with open_house(tmp_path, play) as house:
        mission = await house.submit()
        await house.until(mission, Status.COMPLETED)
        assert not await house.events(mission, QuestionAsked)
    assert "[refused]" in play.seen["t1/2"]


def unsettled(*choices: str) -> ToolOutcome:
    words = "The letter may or may not have been sent."
    return ToolOutcome(status="unsettled", output=words, size=len(words), seconds=0.0, choices=choices)


class Post:
    """A tool of which it is unknown whether it happened, until somebody decides."""

    def __init__(self, house_contexts: list[Any]) -> None:
        self.contexts = house_contexts

    def __call__(self, **_: Any) -> Any:
        context = self.contexts[-1]
        if context.decided in ("", "check"):
            return unsettled("check", "happened", "retry", "skip")
        return f"decided: {context.decided} by {context.decision}"


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_call_that_may_have_happened_waits_for_a_decision(tmp_path: Path, restarted: bool) -> None:
    play = Play("post", to="Ada")
    post = Post([])
    async with open_house(tmp_path, play, {"post": post}) as house:
        post.contexts = house.desk.tools.contexts
        mission = await house.submit()
        await house.until(mission, Status.NEEDS_ATTENTION)
        [needed] = (await house.standing(mission)).open_attention
        assert (needed.tool, needed.words) == ("post", "The letter may or may not have been sent.")
        with pytest.raises(BadInput, match="check, happened"):
            await house.give(mission, OrderKind.SETTLE, choice="burn")
        if not restarted:
            await house.give(mission, OrderKind.SETTLE, choice="check")
            await eventually(lambda: house.desk.tools.ran["t1/1.0"] > 1)
            await house.until(mission, Status.NEEDS_ATTENTION)
            assert (await house.standing(mission)).open_attention, "the check could not tell: it is still open"
            given = await house.give(mission, OrderKind.SETTLE, choice="retry")
            await house.until(mission, Status.COMPLETED)
    if restarted:
        async with open_house(tmp_path, play, {"post": post}) as house:
            post.contexts = house.desk.tools.contexts
            given = await house.give(mission, OrderKind.SETTLE, choice="retry")
            await house.until(mission, Status.COMPLETED)
    assert f"decided: retry by {given}" in play.seen["t1/2"]
