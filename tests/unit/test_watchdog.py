"""The patterns of being stuck: found as soon as they are clear and not before, and never where the work gets on."""

from __future__ import annotations

from random import Random

import pytest
from watchdog_fixtures import M, Story

from agents.llm.advice import full_words
from agents.llm.router import Candidate
from agents.llm.scripted import ScriptedChat
from core.errors import ModelUnavailable
from core.events import LimitReached, MessageSent, ModelFailed, PlanMade
from core.missions import Envelope, Status, Task

CANDIDATE = Candidate("compatible:some-model", "compatible", ScriptedChat(), "test")


def told(pattern: str, task: str = "t1") -> tuple[str, str, str]:
    return pattern, "nudge", task


def ended(pattern: str, task: str = "t1") -> tuple[str, str, str]:
    return pattern, "cancel_task", task


def test_the_same_call_with_the_same_result_four_times() -> None:
    story = Story()
    story.start()
    for _ in range(3):
        story.do("read_file", "the same page", file="a.txt", page=1)
    assert story.seen() == []
    story.do("read_file", "the same page", page=1, file="a.txt")
    assert story.seen() == [told("same_result")]
    assert story.found[0].about == "read_file"


def test_after_a_nudge_one_more_is_forgiven_and_the_second_ends_the_task() -> None:
    story = Story()
    story.start()
    for _ in range(5):
        story.do("read_file", "the same page")
    assert story.seen() == [told("same_result")]
    story.do("read_file", "the same page")
    assert story.seen() == [told("same_result"), ended("same_result")]
    assert story.found[1].again
    story.do("read_file", "the same page")
    assert len(story.found) == 2, "a task is ended once"


def test_what_is_done_before_a_nudge_was_handed_out_is_no_relapse() -> None:
    story = Story()
    story.start()
    story.attentive = False
    for _ in range(9):
        story.do("read_file", "the same page")
    story.do("read_file", "another page")
    story.attentive = True
    assert [(f.pattern, f.action) for f in story.look()] == [("same_result", "nudge")]
    story.do("read_file", "the same page")
    assert len(story.found) == 1
    story.do("read_file", "the same page")
    assert story.seen()[1:] == [ended("same_result")]


def test_other_calls_after_a_nudge_are_no_relapse_unless_they_too_repeat_themselves() -> None:
    story = Story()
    story.start()
    for _ in range(4):
        story.do("read_file", "the same page")
    for _ in range(3):
        story.do("list_files", "a.txt")
    story.do("read_file", "the same page")
    assert story.seen() == [told("same_result")]
    for _ in range(3):
        story.do("list_files", "a.txt")
    story.do("list_files", "a.txt")
    assert story.seen() == [told("same_result"), ended("same_result")]


def test_the_same_call_that_fails_three_times_whatever_the_error_says() -> None:
    story = Story()
    story.start()
    story.do("query_table", "no such column (error 1)", status="failed", sql="x")
    story.do("query_table", "no such column (error 2)", status="timeout", sql="x")
    assert story.seen() == []
    story.do("query_table", "no such column (error 3)", status="refused", sql="x")
    assert story.seen() == [told("same_error")]


def test_two_steps_in_turns_three_times() -> None:
    story = Story()
    story.start()
    for number in range(5):
        story.do("read_file" if number % 2 else "write_file", "as before")
    assert story.seen() == []
    story.do("read_file", "as before")
    assert story.seen() == [told("alternating")]
    assert story.found[0].about == "write_file and read_file"
    story.do("write_file", "as before")
    story.do("read_file", "as before")
    assert story.seen()[1:] == [ended("alternating")]


def test_calls_side_by_side_are_one_round_in_whatever_order_they_end() -> None:
    story = Story()
    story.start()
    for number in range(4):
        assert story.seen() == []
        files = ("a", "b") if number < 2 else ("b", "a")
        step = story.reply("t1", *(("read_file", {"file": file}) for file in files))
        for index in (0, 1) if number % 2 else (1, 0):
            story.returns(step, "read_file", f"text of {files[index]}", number=index)
    assert story.seen() == [told("same_result")]


def test_three_replies_without_doing_anything() -> None:
    story = Story()
    story.start()
    story.reply(text="Let me think.")
    story.reply(text="Let me think about that.")
    assert story.seen() == []
    story.reply(text="Let me think about that again.")
    assert story.seen() == [told("monologue")]
    story.reply(text="Well.")
    assert len(story.found) == 1
    story.reply(text="Well, well.")
    assert story.seen()[1:] == [ended("monologue")]


def test_the_very_same_words_twice_and_a_call_in_between_that_takes_it_back() -> None:
    story = Story()
    story.start()
    story.reply(text="Let me think.")
    story.do("now", "12:00")
    story.reply(text="Let me think.")
    assert story.seen() == []
    story.reply(text="Let me think.")
    assert story.seen() == [told("monologue")]


def test_a_reply_that_only_ends_the_task_is_no_monologue() -> None:
    story = Story()
    story.start()
    for _ in range(3):
        story.reply("t1", ("finish", {"summary": "Done."}))
    assert story.seen() == []


def test_text_that_repeats_itself_within_one_reply() -> None:
    story = Story()
    story.start()
    story.ask()
    text = "I will now look at the file and then I will see. " * 82
    for offset in range(0, 3900, 100):
        story.stream(text[offset : offset + 100], offset)
    assert story.seen() == []
    story.stream(text[3900:4010], 3900)
    assert story.seen() == [told("monologue")]
    assert story.wait(44) == []
    [finding] = story.wait(1)
    assert (finding.pattern, finding.action) == ("monologue", "cancel_task")


def test_long_text_that_does_not_repeat_itself_is_none() -> None:
    story = Story()
    story.start()
    story.ask()
    offset = 0
    for number in range(400):
        row = f"| Region {number} | {number * 37 % 101} | 0 | 0 | 0 |\n"
        story.stream(row, offset)
        offset += len(row)
    block = "".join(Random(1).choices("abcdefgh ", k=1300))
    for _ in range(10):  # within 4000 characters it is said three times; the length of a reply is limited elsewhere
        story.stream(block, offset)
        offset += len(block)
    assert story.seen() == []


def test_no_room_twice_in_a_row() -> None:
    story = Story()
    story.start()
    story.reply(text="a", finish="length")
    story.do("now", "1")
    story.reply(text="b", finish="length")
    assert story.seen() == []
    story.reply(text="c", finish="length")
    assert story.seen() == [told("too_long")]
    story.do("now", "1")
    story.reply(text="d", finish="length")
    assert story.seen()[1:] == [ended("too_long")]


@pytest.mark.parametrize("kind", ["too_long", "server"])
def test_a_task_tried_again_after_two_tries_without_room_is_told_at_its_start(kind: str) -> None:
    story = Story()
    tries = [
        Task(id=f"t1{x}", operator="analyst", goal="Sum up", instead_of=i)
        for x, i in (("", ""), ("b", "t1"), ("c", "t1b"))
    ]
    words = full_words(ModelUnavailable(kind, "It did not fit."), CANDIDATE)
    for task in tries:
        story.tell(PlanMade(mission_id=M, tasks=tuple(tries)))
        story.start(task.id, goal=f"Sum up {task.id}")
        assert story.seen() == ([told("too_long", "t1c")] if task.id == "t1c" and kind == "too_long" else [])
        story.tell(ModelFailed(mission_id=M, task_id=task.id, step=f"{task.id}/1", reason=words))
        story.end(task.id, Status.FAILED)


def chain(story: Story, *tasks: tuple[str, str, str]) -> None:
    for task, operator, goal in tasks:
        story.start(task, operator, goal)


def test_work_that_comes_back_in_nearly_the_same_words() -> None:
    story = Story()
    chain(story, ("t1", "analyst", "Find the total revenue of all regions"))
    chain(story, ("t1.1", "researcher", "Find out what the regions sold"))
    assert story.seen() == []
    chain(story, ("t1.1.1", "analyst", "Please find the total revenue of all regions"))
    assert story.seen() == [told("circle", "t1.1.1")]
    assert story.wait(100) == [], "it may do the work itself for as long as it takes"
    chain(story, ("t1.1.1.1", "researcher", "Find out what all the regions sold"))
    assert story.seen()[1:] == [ended("circle", "t1.1.1")]


def test_who_hands_work_back_once_more_is_ended_itself() -> None:
    story = Story()
    chain(story, ("t1", "analyst", "Find the total revenue of all regions"), ("t1.1", "writer", "Something else"))
    chain(story, ("t1.1.1", "analyst", "Find total revenue of all regions"))
    story.end("t1.1.1")
    chain(story, ("t1.1.2", "analyst", "Now find the total revenue of all regions"))
    assert story.seen() == [told("circle", "t1.1.1"), ended("circle", "t1.1")]
    story.end("t1.1", Status.FAILED)
    chain(
        story, ("t1.2", "writer", "Something else"), ("t1.2.1", "analyst", "Find the total revenue of all regions now")
    )
    assert story.seen()[2:] == [ended("circle", "t1")]


@pytest.mark.parametrize(
    ("above", "below", "operator"),
    [
        ("Sum up chapter 3 of the long book for me", "Sum up chapter 4 of the long book for me", "analyst"),
        ("Find the total revenue of all regions", "Find the total revenue of all regions", "writer"),
        ("Find the total revenue of all regions", "Find the revenue of North", "analyst"),
        ("one two three four five six seven", "one two three four five six other", "analyst"),  # 6 of 8 words
    ],
)
def test_the_next_part_and_a_smaller_part_are_no_circle(above: str, below: str, operator: str) -> None:
    story = Story()
    chain(story, ("t1", "analyst", above), ("t1.1", "researcher", "Look"), ("t1.1.1", operator, below))
    assert story.seen() == []


def test_a_circle_begins_at_four_fifths_of_the_words() -> None:
    story = Story()
    chain(story, ("t1", "analyst", "one two three four five six seven eight nine"))
    chain(story, ("t1.1", "analyst", "one two three four five six seven eight other"))  # 8 of 10 words
    assert story.seen() == [told("circle", "t1.1")]


def test_the_same_subtask_again_and_again_with_the_same_report() -> None:
    story = Story()
    story.start()
    for number in range(1, 5):
        assert story.seen() == []
        story.reply("t1", ("start_subtask", {"operator": "writer", "goal": "Write it"}))
        story.start(f"t1.{number}", "writer", "Write it")
        story.end(f"t1.{number}")
    assert story.seen() == [told("same_result")]


def test_a_subtask_refused_three_times() -> None:
    story = Story()
    story.start()
    for _ in range(3):
        assert story.seen() == []
        story.reply("t1", ("start_subtask", {"operator": "wizard", "goal": "Do magic"}))
        story.tell(LimitReached(mission_id=M, task_id="t1", limit="delegation", allowed="", words="No such operator."))
    assert story.seen() == [told("same_error")]


def test_the_same_note_sent_again_and_again_and_one_that_is_refused_every_time() -> None:
    for sent in (True, False):
        story = Story()
        story.start()
        for number in range(4):
            assert story.seen() == []
            story.reply("t1", ("send_message", {"recipient": "*", "content": "Hello"}))
            if sent:
                note = Envelope(
                    message_id=f"n{number}", sender="task:t1", recipient="*", message_type="note", content="Hello"
                )
                story.tell(MessageSent(mission_id=M, task_id="t1", message=note))
        story.ask()  # of a refused note nothing is heard but that the operator is asked again
        assert story.seen() == [told("same_result")]
