"""What the chat shows of each event: one translator for the live view and for the history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from chat.picture import Line, Picture
from chat.rendering import picture_of, render
from chat.wire import as_step, elements_of, steps_of, task_list
from core import events as e
from core.budget import Usage
from core.decisions import ToolCall
from core.missions import Artifact, Attachment, Source, Status, Task

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
USED = Usage(model_calls=3, tokens_in=2000, tokens_out=310, cost=Decimal("0.0123"), seconds=2)
FILE = Attachment(id="att", name="memo.pdf", hash="0" * 64, size=9, mime="application/pdf")
MADE = Artifact(id="art", name="risks.md", hash="1" * 64, size=1200, mime="text/markdown")
TASKS = (Task(id="t1", operator="researcher", goal="Find risks"), Task(id="t2", operator="analyst", goal="Add up"))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def drawn(*events: Any) -> Picture:
    numbered = [event.model_copy(update={"seq": n}) for n, event in enumerate(events, 1)]
    return picture_of("m", "msg", numbered)


def happened(kind: Any, after: float = 0, /, **fields: Any) -> Any:
    return kind(mission_id="m", at=at(after), **fields)


def accepted(**more: Any) -> Any:
    return happened(e.MissionAccepted, conversation_id="c", goal="Compare a:b", **more)


BEGUN = [accepted(attachments=(FILE,)), happened(e.MissionStarted, 1)]
PLANNED = [
    *BEGUN,
    happened(e.ModelAsked, 1, step="plan", role="chief", model="openai:gpt"),
    happened(e.TextStreamed, 1.5, step="plan", offset=0, text="Let me plan."),
    happened(e.ModelReplied, 2, step="plan", role="chief", model="openai:gpt", text="Let me plan.", usage=USED,
             tool_calls=(ToolCall(id="1", name="delegate"),)),
    happened(e.PlanMade, 2, tasks=TASKS, note="Two parts."),
]  # fmt: skip
TASK = happened(e.TaskStarted, 2, task_id="t1", operator="researcher", title="Researcher", profile_version="1",
                goal="Find risks", done_when="three named")  # fmt: skip
CALL = happened(e.ToolCalled, 3, task_id="t1", step="t1/1.0", tool="read_file", arguments={"name": "memo.pdf"},
                intent="Reads memo.pdf")  # fmt: skip
BACK = happened(e.ToolReturned, 3.2, task_id="t1", step="t1/1.0", tool="read_file", status="ok", output="text", size=4,
                seconds=0.2)  # fmt: skip
TASK_DONE = happened(e.TaskEnded, 5, task_id="t1", operator="researcher", status=Status.COMPLETED, summary="Three risks.",
                     usage=USED)  # fmt: skip


def end(status: Status = Status.COMPLETED, **more: Any) -> Any:
    return happened(e.MissionEnded, 9, status=status, usage=USED, **more)


def line(picture: Picture, *place: str) -> Line:
    found = picture.line(*place)
    assert found is not None
    return found


def test_the_message_and_its_files_come_first() -> None:
    steps = steps_of(drawn(*BEGUN), "c")
    assert [s["type"] for s in steps] == ["user_message", "run", "tool"]
    assert steps[0]["id"] == "msg"
    assert steps[0]["output"] == "Compare a:b"  # as typed: people's words are not Markdown
    assert steps[1]["name"] == "on_message"
    [element] = elements_of(drawn(*BEGUN), "c")
    assert (element["forId"], element["url"], element["type"]) == ("msg", "/files/attachment/att", "file")


def test_parents_come_before_their_children() -> None:
    seen: set[str] = set()
    for step in steps_of(drawn(*PLANNED, TASK, CALL, BACK, TASK_DONE, end(answer="Done.")), "c"):
        assert step["parentId"] is None or step["parentId"] in seen
        seen.add(step["id"])


def test_chief_operator_and_tool_are_nested() -> None:
    picture = drawn(*PLANNED, TASK, CALL)
    tool, task = line(picture, "t1/1.0"), line(picture, "t1")
    assert tool.parent == task.id
    assert task.parent == picture.chief
    assert line(picture, "chief", "0").parent == picture.run
    assert tool.name == "Reads memo.pdf"
    assert tool.end is None
    assert task.name == "Researcher: Find risks · Reads memo.pdf"  # what it is doing right now


def test_an_operator_that_thinks_again_says_so() -> None:
    asked = happened(e.ModelAsked, 4, task_id="t1", step="t1/2", role="operator", model="openai:gpt")
    assert line(drawn(*PLANNED, TASK, CALL, BACK, asked), "t1").name.endswith(" · thinking")


def test_a_finished_tool_says_how_long_it_took() -> None:
    tool = line(drawn(*PLANNED, TASK, CALL, BACK), "t1/1.0")
    assert tool.name == "Reads memo.pdf · 0.2 s"
    assert tool.text == "```text\ntext\n```\n\n*In: 24 bytes, out: 4 bytes*"
    assert not tool.failed


@pytest.mark.parametrize("status", ["failed", "refused", "timeout"])
def test_a_failed_tool_is_marked(status: str) -> None:
    tool = line(drawn(*PLANNED, TASK, CALL, BACK.model_copy(update={"status": status})), "t1/1.0")
    assert tool.failed
    assert status in tool.name


def test_a_finished_task_says_time_tokens_and_cost() -> None:
    task = line(drawn(*PLANNED, TASK, CALL, BACK, TASK_DONE), "t1")
    assert task.name == "Researcher: Find risks · 3.0 s · 2,310 tokens · $0.0123"
    assert "Three risks." in task.text


def test_a_task_that_never_began_is_shown_too() -> None:
    lost = happened(
        e.TaskEnded, 5, task_id="t2", operator="analyst", status=Status.FAILED, summary="", problem="No input."
    )
    picture = drawn(*PLANNED, lost)
    assert line(picture, "t2").failed
    assert "No input." in line(picture, "t2").text
    assert picture.entries["t2"].status == "failed"


def test_a_subtask_hangs_under_its_task() -> None:
    sub = TASK.model_copy(update={"task_id": "t1.1", "parent_task_id": "t1"})
    picture = drawn(*PLANNED, TASK, sub)
    assert line(picture, "t1.1").parent == line(picture, "t1").id


def test_words_before_a_plan_are_not_the_answer() -> None:
    picture = drawn(*PLANNED)
    assert picture.line("answer") is None
    assert line(picture, "plan").text == "Let me plan."


def test_the_task_list_follows_the_tasks() -> None:
    before, during = drawn(*PLANNED), drawn(*PLANNED, TASK)
    assert [entry["status"] for entry in task_list(before)["tasks"]] == ["ready", "ready"]
    assert [entry["status"] for entry in task_list(during)["tasks"]] == ["running", "ready"]
    after = drawn(*PLANNED, TASK, TASK_DONE)
    assert task_list(after) == {
        "status": "1 of 2 done",
        "tasks": [
            {"title": "Researcher: Find risks", "status": "done", "forId": after.id("t1")},
            {"title": "Analyst: Add up", "status": "ready", "forId": after.id("t2")},
        ],
    }
    assert len({p.changes for p in (before, during, after)}) == 3  # each version has its own address


def test_text_is_taken_by_offset() -> None:
    pieces = [(0, "Hello wor"), (6, "there"), (0, "Anew")]
    picture = drawn(*BEGUN)
    shown = []
    for offset, text in pieces:
        picture.apply(render(picture, happened(e.TextStreamed, 2, step="report", offset=offset, text=text)))
        shown.append(line(picture, "answer").text)
    assert shown == ["Hello wor", "Hello there", "Anew"]
    assert as_step(line(picture, "answer"), "c")["streaming"] is True


def test_the_answer_ends_with_files_sources_and_price() -> None:
    source = Source(file="memo.pdf", quote="prices rise", page=2)
    text = line(drawn(*PLANNED, end(answer="It is up.", sources=(source,), artifacts=(MADE,))), "answer").text
    parts = text.split("\n\n")
    assert parts[0] == "It is up."
    assert "/files/artifact/art" in text
    assert "memo\\.pdf, page 2 — “prices rise”" in text
    assert parts[-1] == "*3 model calls · 2,310 tokens · $0.0123 · 8.0 s*"


def test_everything_is_closed_at_the_end() -> None:
    for status in (Status.COMPLETED, Status.CANCELLED, Status.FAILED):
        picture = drawn(*PLANNED, TASK, CALL, end(status))
        assert [item.name for item in picture.lines.values() if item.end is None] == []


def test_a_stopped_mission_keeps_what_was_said() -> None:
    said = happened(e.TextStreamed, 3, step="report", offset=0, text="Half an ans")
    picture = drawn(*PLANNED, TASK, said, end(Status.CANCELLED))
    assert line(picture, "answer").text.startswith("Half an ans\n\n**Stopped.**")
    assert line(picture, "t1").name.endswith("stopped")


def test_a_failure_is_told_in_words_with_its_id() -> None:
    answer = line(drawn(*BEGUN, end(Status.FAILED, problem="The key was refused.", error_id="e77")), "answer")
    assert answer.failed
    assert "The key was refused." in answer.text
    assert "`e77`" in answer.text


def test_a_limit_is_called_a_limit() -> None:
    text = line(
        drawn(*BEGUN, end(Status.FAILED, problem="It reached 5 model calls.", limit="model calls")), "answer"
    ).text
    assert text.startswith("**A limit was reached.** It reached 5 model calls.")


QUESTION = [
    *BEGUN,
    happened(e.QuestionAsked, 2, step="plan", question="Which year?"),
    end(Status.WAITING_ANSWER),
]


def test_a_question_ends_the_turn_without_an_answer() -> None:
    picture = drawn(*QUESTION)
    assert line(picture, "question", "plan").text == "Which year?"
    assert picture.line("answer") is None
    assert [item.name for item in picture.lines.values() if item.end is None] == []


def test_an_answered_question_goes_on_below_the_reply() -> None:
    answered = happened(e.QuestionAnswered, 60, step="plan", answer="2026")
    picture = drawn(*QUESTION, answered, happened(e.MissionStarted, 61, attempt=2))
    assert picture.lines[picture.run].end is None
    names = [item.text or item.label for item in picture.lines.values()]
    assert names.index("2026") > names.index("Which year?")
    assert line(picture, "chief", "1").end is None
    assert line(picture, "chief", "0").end is not None


def test_an_interruption_is_not_hidden() -> None:
    picture = drawn(*PLANNED, happened(e.MissionStarted, 4, attempt=2))
    assert "interrupted" in line(picture, "attempt", "2").name


def test_a_retry_shows_its_reason_until_the_reply() -> None:
    retried = happened(e.ModelRetried, 2, step="plan", reason="The provider is busy", wait=2)
    picture = drawn(*PLANNED[:3], retried)
    assert "trying again in 2.0 s: The provider is busy" in line(picture, "plan").name
    picture.apply(render(picture, PLANNED[4]))
    assert "trying" not in line(picture, "plan").name


def test_a_call_that_is_given_up_says_why() -> None:
    lost = happened(e.ModelFailed, 2, step="plan", reason="The key was refused. Check it.", usage=Usage(model_calls=3))
    shown = line(drawn(*PLANNED[:3], lost), "plan")
    assert shown.failed
    assert shown.text == "The key was refused. Check it."
    assert "no reply" in shown.name


def test_a_call_that_was_given_up_says_why() -> None:
    failed = happened(e.ModelFailed, 3, step="plan", reason="The key was refused", usage=USED)
    call = line(drawn(*PLANNED[:3], failed), "plan")
    assert call.failed
    assert call.end is not None
    assert "The key was refused" in call.name + call.text


def test_rendering_changes_nothing_by_itself() -> None:
    picture = drawn(*PLANNED)
    before = dict(picture.lines)
    render(picture, TASK)
    assert picture.lines == before


def test_ids_are_the_same_everywhere() -> None:
    assert [s["id"] for s in steps_of(drawn(*PLANNED, TASK), "c")] == [
        s["id"] for s in steps_of(drawn(*PLANNED, TASK), "c")
    ]
    other = picture_of("other", "msg", PLANNED)
    assert not set(other.lines) & set(drawn(*PLANNED).lines) - {"msg"}
