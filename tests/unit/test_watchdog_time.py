"""What time alone makes clear: no progress, nudges without effect, budgets; and whose waiting does not count."""

from __future__ import annotations

import pytest
from watchdog_fixtures import PATIENCE, M, Story, at_work

from core.events import (
    Event,
    LimitReached,
    MessageSent,
    MissionEnded,
    MissionStarted,
    ModelAsked,
    ModelFailed,
    ModelRetried,
    PlanMade,
    QuestionAnswered,
    QuestionAsked,
    ToolCalled,
)
from core.missions import Envelope, Status, Task
from core.steering import AttentionNeeded, AttentionSettled, StatusChanged, StepHeld, StepReleased
from graphs.intervening import words_of

NUDGE, CANCEL = ("no_progress", "nudge", "t1"), ("no_progress", "cancel_task", "t1")
END = ("no_progress", "end_mission", None)


def test_a_task_that_hangs_is_told_then_ended_and_then_the_mission() -> None:
    story = at_work()
    story.wait(PATIENCE - 1)
    assert story.seen() == []
    began = story.now + 1
    story.wait(1)
    assert story.seen() == [NUDGE]
    story.wait(44)
    assert story.seen() == [NUDGE]
    story.wait(1)
    assert story.seen() == [NUDGE, CANCEL]
    story.wait(9)
    assert len(story.found) == 2
    story.wait(1)
    assert story.seen() == [NUDGE, CANCEL, END]
    assert story.now - began <= 60
    assert story.wait(10_000) == []
    assert story.dog.due() is None


def test_what_ends_as_it_should_leaves_the_mission_alone() -> None:
    story = at_work()
    story.wait(PATIENCE + 45)
    story.end("t1", Status.FAILED)
    story.wait(PATIENCE - 1)
    assert story.seen() == [NUDGE, CANCEL]
    story.wait(1)
    assert story.seen()[2:] == [END], "now it is the Chief's turn, who hangs as well"


def test_a_mission_in_which_another_task_gets_on_is_not_ended() -> None:
    story = at_work()
    story.start("t2")
    for number in range(6):
        story.wait(PATIENCE / 3)
        story.do("read_file", f"page {number}", task="t2")
    assert story.seen() == [NUDGE, CANCEL]


@pytest.mark.parametrize(
    "event",
    [
        ModelAsked(mission_id=M, task_id="t1", step="t1/9", role="operator", model="x"),
        ModelRetried(mission_id=M, task_id="t1", step="t1/1", reason="busy", wait=1),
        ModelFailed(mission_id=M, task_id="t1", step="t1/1", reason="busy"),
        ToolCalled(mission_id=M, task_id="t1", step="t1/1.0", tool="now"),
        LimitReached(mission_id=M, task_id="t1", limit="x", allowed="1", words="x"),
        MessageSent(
            mission_id=M,
            message=Envelope(message_id="1", sender="watchdog", recipient="task:t1", message_type="note", content="x"),
        ),
    ],
    ids=lambda e: e.kind,
)
def test_what_is_merely_begun_or_said_is_no_progress(event: Event) -> None:
    story = at_work()
    story.wait(PATIENCE - 1)
    story.tell(event)
    story.wait(1)
    assert story.seen() == [NUDGE]


def test_progress_takes_a_nudge_back_and_the_next_time_there_is_none() -> None:
    story = at_work()
    story.wait(PATIENCE)
    story.do("read_file", "page 1")
    story.wait(PATIENCE - 1)
    assert story.seen() == [NUDGE]
    story.wait(1)
    assert story.seen() == [NUDGE, CANCEL]


def test_a_nudge_without_effect_runs_out_and_one_that_was_heeded_does_not() -> None:
    for heeded in (False, True):
        story = Story(patience=10_000)
        story.start()
        for _ in range(4):
            story.do("read_file", "the same page")
        if heeded:
            story.do("read_file", "another page", page=2)
        story.ask()
        story.wait(50)
        assert [f.action for f in story.found] == (["nudge"] if heeded else ["nudge", "cancel_task"])


def test_the_chief_going_round_in_words_is_not_at_work_for_long() -> None:
    story = Story()
    for offset in range(0, 100_000, 500):
        story.stream("And so on, and so on. And on"[:25] * 20, offset, task=None, step="report")
        if story.wait(2):
            break
    assert story.seen() == [END]
    assert story.now <= 1000 + PATIENCE + 20


def test_what_others_still_finish_puts_the_end_of_the_mission_off_but_not_for_ever() -> None:
    story = at_work()
    story.start("t2")
    story.wait(PATIENCE - 10)
    story.do("read_file", "page 1", task="t2")
    story.wait(10 + 45 + 5)
    story.end("t2")
    assert story.seen() == [NUDGE, CANCEL]
    story.wait(9)
    assert len(story.found) == 2
    story.wait(1)
    assert story.seen() == [NUDGE, CANCEL, END]


def test_new_text_shows_that_a_model_is_at_work_but_not_for_ever() -> None:
    story = at_work()
    for offset in range(0, 1000):
        story.stream(f"{offset:05}", offset * 5)
        if story.found:
            break
        story.wait(1)
    assert story.now == 1000 + 2 * PATIENCE
    assert story.seen() == [NUDGE]


def test_text_that_stopped_coming_does_not_buy_more_time_than_any_other_silence() -> None:
    story = at_work()
    story.wait(100)
    story.stream("Here it comes", 0)
    story.wait(PATIENCE - 1)
    assert story.seen() == []
    story.wait(1)
    assert story.seen() == [NUDGE]


WAITS: dict[str, tuple[Event, Event]] = {
    "question": (
        QuestionAsked(mission_id=M, task_id="t1", step="t1/1.0", question="Which?"),
        QuestionAnswered(mission_id=M, task_id="t1", step="t1/1.0", answer="This"),
    ),
    "held": (
        StepHeld(mission_id=M, task_id="t1", step="t1/1.0", what="act", words="x"),
        StepReleased(mission_id=M, task_id="t1", step="t1/1.0", choice="continue"),
    ),
    "attention": (
        AttentionNeeded(mission_id=M, task_id="t1", step="t1/1.0", tool="x", words="x", choices=("skip",)),
        AttentionSettled(mission_id=M, task_id="t1", step="t1/1.0", choice="skip"),
    ),
    "attention without the task's name": (
        AttentionNeeded(mission_id=M, step="t1/1.0", tool="x", words="x", choices=("skip",)),
        AttentionSettled(mission_id=M, step="t1/1.0", choice="skip"),
    ),
    **{
        status.value: (
            StatusChanged(mission_id=M, task_id="t1", status=status),
            StatusChanged(mission_id=M, task_id="t1", status=Status.IN_PROGRESS),
        )
        for status in (Status.PAUSED, Status.WAITING_ANSWER, Status.WAITING_APPROVAL, Status.NEEDS_ATTENTION)
    },
}


@pytest.mark.parametrize("name", WAITS)
def test_waiting_for_a_person_does_not_count_and_afterwards_the_task_has_its_whole_time(name: str) -> None:
    waits, goes_on = WAITS[name]
    story = at_work()
    story.wait(PATIENCE - 1)
    story.tell(waits)
    assert story.wait(1_000_000) == []
    story.tell(goes_on)
    story.wait(PATIENCE - 1)
    assert story.seen() == []
    story.wait(1)
    assert story.seen() == [NUDGE]


def test_a_nudge_does_not_run_out_while_a_person_is_asked() -> None:
    story = at_work()
    story.wait(PATIENCE + 44)
    story.tell(WAITS["held"][0])
    assert story.wait(1_000_000) == []
    story.tell(StepReleased(mission_id=M, task_id="t1", step="other/1", choice="continue"))
    assert story.wait(1_000_000) == []


def test_a_check_that_could_not_tell_waits_again() -> None:
    story = at_work()
    story.tell(WAITS["attention"][0])
    story.tell(AttentionSettled(mission_id=M, task_id="t1", step="t1/1.0", choice="check"))
    story.tell(AttentionSettled(mission_id=M, task_id="t1", step="t1/1.0", choice="check", words="Nobody can tell."))
    assert story.wait(1_000_000) == []


def test_two_waits_at_once_end_with_the_second() -> None:
    story = at_work()
    story.tell(WAITS["held"][0], WAITS["paused"][0], WAITS["held"][1])
    assert story.wait(1_000_000) == []
    story.tell(WAITS["paused"][1])
    assert [f.action for f in story.wait(PATIENCE)] == ["nudge"]


def test_whoever_asks_its_model_waits_for_nobody_unless_that_is_old_news() -> None:
    story = at_work()
    asked = ModelAsked(mission_id=M, task_id="t1", step="t1/2", role="operator", model="x")
    story.tell(StatusChanged(mission_id=M, task_id="t1", status=Status.PAUSED), asked)
    assert story.wait(PATIENCE) == [], "the question was put before the pause, and was only told after it"
    story.tell(asked.model_copy(update={"at": Story().past[-1].at}))
    assert [f.action for f in story.wait(PATIENCE)] == ["nudge"]


def test_a_parent_waits_for_its_subtasks_and_the_subtask_is_watched() -> None:
    story = at_work()
    story.start("t1.1")
    story.wait(PATIENCE + 45)
    assert story.seen() == [("no_progress", "nudge", "t1.1"), ("no_progress", "cancel_task", "t1.1")]
    story.end("t1.1", Status.FAILED)
    story.wait(PATIENCE - 1)
    assert len(story.found) == 2
    story.wait(1)
    assert story.seen()[2:] == [NUDGE]


def test_a_parent_that_ends_takes_its_subtasks_along() -> None:
    story = at_work()
    story.start("t1.1")
    story.start("t1.1.1")
    story.end("t1")
    assert story.wait(PATIENCE)[0].action == "end_mission", "only the Chief is left"


def test_a_task_waits_for_those_it_needs_until_it_begins() -> None:
    story = Story()
    plan = (Task(id="t1", operator="a", goal="x"), Task(id="t2", operator="a", goal="y", needs=("t1",)))
    story.tell(PlanMade(mission_id=M, tasks=plan))
    story.start("t1")
    story.start("t2", needs=("t1", "t0"))
    for number in range(5):
        story.wait(PATIENCE - 10)
        story.do("read_file", f"page {number}")
    assert story.seen() == []
    story.end("t1")
    story.wait(PATIENCE)
    assert story.seen() == [("no_progress", "nudge", "t2")]


def test_a_task_that_has_begun_is_watched_whatever_it_needed() -> None:
    story = at_work()
    story.start("t2", needs=("t1",))
    story.ask("t2")
    story.wait(PATIENCE)
    assert story.seen() == [NUDGE, ("no_progress", "nudge", "t2")]


def test_planned_tasks_that_never_start_are_the_missions_trouble() -> None:
    story = Story()
    story.tell(PlanMade(mission_id=M, tasks=(Task(id="t1", operator="a", goal="x"),)))
    story.wait(PATIENCE)
    assert story.seen() == [END]
    assert "Chief of Staff made no progress for 300 seconds" in words_of(story.found[0])


def test_a_mission_that_waits_for_its_user_is_never_ended() -> None:
    story = at_work()
    story.start("t2")
    story.tell(QuestionAsked(mission_id=M, task_id="t2", step="t2/1.0", question="Which?"))
    story.wait(1_000_000)
    assert story.seen() == [NUDGE, CANCEL]


def test_after_its_end_nothing_is_found_and_another_attempt_is_watched_anew() -> None:
    story = at_work()
    story.tell(MissionEnded(mission_id=M, status=Status.WAITING_ANSWER))
    assert story.dog.due() is None
    assert story.wait(1_000_000) == []
    story.tell(MissionStarted(mission_id=M))
    assert story.dog.due() is not None
