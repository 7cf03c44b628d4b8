"""When nothing came of the work, the user is asked what is to become of it; nobody holds a place meanwhile."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from recovery_fixtures import FAILED, TWO, Play, ended, ends_of, needs, tasks_of
from steering_fixtures import House, eventually, open_house

from core.errors import BadInput
from core.events import ModelReplied, QuestionAnswered
from core.missions import Mission, Status
from core.steering import OrderKind
from graphs.recovering import BY_USER


async def asked(house: House, mission: Mission) -> str:
    await house.until(mission, Status.WAITING_ANSWER)
    [question] = (await house.standing(mission)).open_questions
    assert question.choices == ("Try again", "Go on without it", "Stop")
    assert question.form == "choice"
    assert question.task_id is None
    assert "found nothing" in question.question
    assert house.dispatcher.running(mission.conversation_id) is None, "it holds no place"
    return str(question.step)


@pytest.mark.parametrize("restarted", [False, True])
async def test_the_user_has_it_tried_once_more(tmp_path: Path, restarted: bool) -> None:
    play = Play({"t1": {}, "t2": needs("t1")}, dict.fromkeys(("t1", "t1-retry1", "t1-retry2"), FAILED))
    async with open_house(tmp_path, play, recovery_tries=2) as house:
        mission = await house.submit()
        assert await asked(house, mission) == "recover.1"
        with pytest.raises(BadInput, match="Choose one of: Try again"):
            await house.give(mission, OrderKind.ANSWER, text="Perhaps", step="recover.1")
        if not restarted:
            await house.give(mission, OrderKind.ANSWER, text="try again", step="recover.1")
            await house.until(mission, Status.COMPLETED)
    async with open_house(tmp_path, play, recovery_tries=2) as house:
        if restarted:
            assert await asked(house, mission) == "recover.1", "it survives a restart"
            await house.give(mission, OrderKind.ANSWER, text="1")
        events = await house.until(mission, Status.COMPLETED)
    assert tasks_of(events)["t1-retry3"].why == BY_USER
    assert ends_of(events)["t2-retry3"] is Status.COMPLETED
    assert set(Counter(e.step for e in events if isinstance(e, ModelReplied)).values()) == {1}


async def test_who_tries_again_in_vain_is_asked_again_until_they_go_on_without(tmp_path: Path) -> None:
    class Never(Play):
        def how(self, task_id: str) -> str:
            return FAILED

    async with open_house(tmp_path, Never({"t1": {}}), recovery_tries=1) as house:
        mission = await house.submit()
        for number in (1, 2):
            assert await asked(house, mission) == f"recover.{number}"
            await house.give(mission, OrderKind.ANSWER, text="Try again")
            await eventually(lambda n=number: house.events(mission, QuestionAnswered))
            await ended(house, mission, f"t1-retry{number + 1}")
        assert await asked(house, mission) == "recover.3"
        await house.give(mission, OrderKind.ANSWER, text="Go on without it")
        events = await house.until(mission, Status.FAILED)
    assert list(tasks_of(events)) == ["t1", "t1-retry1", "t1-retry2", "t1-retry3"]
    assert events[-1].answer == "This is the answer."
    assert "found nothing" in events[-1].problem
    assert "Task t1 failed, and so did 3 more tries." in house.desk.gateway.requests["report"].messages[-1].content


async def test_the_user_stops_it(tmp_path: Path) -> None:
    async with open_house(tmp_path, Play({"t1": {}}, {"t1": FAILED, "t1-retry1": FAILED}), recovery_tries=1) as house:
        mission = await house.submit()
        await asked(house, mission)
        await house.give(mission, OrderKind.ANSWER, text="stop")
        events = await house.until(mission, Status.CANCELLED)
        assert not house.desk.gateway.asked["report"]
    assert events[-1].problem == "You stopped this mission."


async def test_who_does_not_answer_goes_on_without(tmp_path: Path) -> None:
    play = Play({"t1": {}}, {"t1": FAILED, "t1-retry1": FAILED})
    async with open_house(tmp_path, play, recovery_tries=1, question_seconds=0.3) as house:
        mission = await house.submit()
        events = await house.until(mission, Status.FAILED)
        [answer] = await house.events(mission, QuestionAnswered)
    assert answer.unanswered
    assert events[-1].answer == "This is the answer."


async def test_nobody_is_asked_while_anything_came_of_it(tmp_path: Path) -> None:
    async with open_house(tmp_path, Play(TWO, {"t1": FAILED, "t1-retry1": FAILED}), recovery_tries=1) as house:
        mission = await house.submit()
        events = await house.until(mission, Status.COMPLETED)
    assert events[-1].problem == "Task t1 failed, and so did 1 more try."


async def test_an_order_to_try_one_task_again_answers_the_question(tmp_path: Path) -> None:
    play = Play(TWO, dict.fromkeys(("t1", "t2", "t1-retry1", "t2-retry1"), FAILED))
    async with open_house(tmp_path, play, recovery_tries=1) as house:
        mission = await house.submit()
        await asked(house, mission)
        await house.give(mission, OrderKind.RETRY_TASK, task_id="t2-retry1")
        events = await house.until(mission, Status.COMPLETED)
        assert not (await house.standing(mission)).open_questions
    assert list(tasks_of(events))[-1] == "t2-retry2"
    assert "t1-retry2" not in tasks_of(events)
