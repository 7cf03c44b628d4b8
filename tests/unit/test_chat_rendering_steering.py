"""What the chat shows of steering: orders, questions of operators, held steps, interrupted calls, the watchdog, changed plans."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from test_chat_rendering import BEGUN, CALL, FILE, PLANNED, TASK, TASKS, at, drawn, end, happened, line

from chat.helm import Helm
from chat.picture import Picture
from chat.rendering import render
from chat.wire import AT_WORK, as_step, elements_of, steps_of
from core import events as e
from core import steering as s
from core.missions import Mission, Status, Task
from graphs.requeueing import MOVED, OVERTAKEN, TAKEN_BACK, USED

WORKING = [*PLANNED, TASK, CALL]
ASKED = happened(e.QuestionAsked, 4, task_id="t1", step="t1/2.0", question="Which region?", form="choice",
                 choices=("North", "South"), operator="Researcher", expires_at=at(0) + timedelta(days=1))  # fmt: skip
ANSWERED = happened(e.QuestionAnswered, 60, task_id="t1", step="t1/2.0", answer="South", attachments=(FILE,))
HELD = happened(s.StepHeld, 4, task_id="t1", step="t1/2.0", what="act", operator="researcher", tool="search_files",
                arguments={"query": "risk"}, words="Searches for risk")  # fmt: skip
NEEDED = happened(s.AttentionNeeded, 4, task_id="t1", step="t1/1.0", tool="send_order", words="It may have gone out.",
                  choices=("check", "happened", "retry", "skip"))  # fmt: skip


def order(kind: s.OrderKind, **more: Any) -> Any:
    given = s.Order(id="o", mission_id="m", kind=kind, by="ada", **more)
    return happened(s.OrderGiven, 4, task_id=given.task_id, order=given)


def settled(words: str = "", outcome: str = "applied") -> Any:
    return happened(s.OrderSettled, 5, order_id="o", outcome=outcome, words=words)


def helm_of(*events: Any, **terms: Any) -> Helm:
    mission = Mission(id="m", conversation_id="c", user_id="ada", goal="Compare a:b", created_at=at(0), **terms)
    helm = Helm(mission)
    for event in events:
        helm.note(event)
    return helm


def view_of(*events: Any, **terms: Any) -> dict[str, Any]:
    return helm_of(*events, **terms).view(drawn(*events))


def names(picture: Picture) -> list[str]:
    return [item.name for item in picture.lines.values()]


def test_only_what_is_worked_on_is_marked_as_at_work() -> None:
    marked = {step["name"] for step in steps_of(drawn(*WORKING), "c") if step["name"].endswith(AT_WORK)}
    assert {name.removesuffix(AT_WORK) for name in marked} == {
        "Chief of Staff · planned 2 tasks", "Researcher: Find risks · Reads memo.pdf", "Reads memo.pdf",
    }  # fmt: skip
    rests = drawn(*WORKING, end(Status.PAUSED))
    assert not [step for step in steps_of(rests, "c") if step["name"].endswith(AT_WORK)]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (Status.PAUSED, "paused"),
        (Status.WAITING_ANSWER, "waits for your answer"),
        (Status.NEEDS_ATTENTION, "needs your attention"),
    ],
)
def test_a_mission_at_rest_says_so_and_goes_on_where_it_was(status: Status, words: str) -> None:
    rests = drawn(*WORKING, ASKED, end(status))
    assert line(rests, "chief", "0").name == f"Chief of Staff · {words}"
    assert rests.line("answer") is None
    assert line(rests, "t1").end is None
    rests.apply(render(rests, happened(e.MissionStarted, 60, attempt=2)))
    assert line(rests, "chief", "0").name == "Chief of Staff · goes on"
    assert not any("interrupted" in name for name in names(rests))  # it was not


def test_an_instruction_is_queued_then_seen() -> None:
    given = drawn(*WORKING, order(s.OrderKind.INSTRUCT, text="Leave the south out"))
    said = line(given, "instruction", "o")
    assert (said.kind, said.text) == ("user_message", "Leave the south out")
    assert line(given, "instruction", "o", "state").name == "Instruction · queued: read at the next step"
    given.apply(render(given, settled("Seen by Data analyst at step 2.")))
    assert line(given, "instruction", "o", "state").name == "Instruction · Seen by Data analyst at step 2."


def test_an_instruction_that_came_too_late_says_why() -> None:
    picture = drawn(*WORKING, order(s.OrderKind.INSTRUCT, text="x"), settled("The work was finished.", "refused"))
    state = line(picture, "instruction", "o", "state")
    assert (state.name, state.failed) == ("Instruction · not applied: The work was finished.", True)


@pytest.mark.parametrize("choice", [USED, TAKEN_BACK])
def test_a_message_that_was_withdrawn_while_it_waited_is_gone(choice: str) -> None:
    picture = drawn(*BEGUN, order(s.OrderKind.STOP, choice=choice), settled("Stopped."), end(Status.CANCELLED))
    assert steps_of(picture, "c") == elements_of(picture, "c") == []


def test_a_message_that_went_elsewhere_leads_there() -> None:
    picture = drawn(*BEGUN, order(s.OrderKind.STOP, choice=MOVED, text="there"), settled(), end(Status.CANCELLED))
    steps = steps_of(picture, "c")
    assert [step["type"] for step in steps] == ["user_message", "run", "tool"]
    assert steps[2]["output"] == "[Open it](/thread/there)"
    assert [element["name"] for element in elements_of(picture, "c")] == ["memo.pdf"]


def test_a_mission_that_is_stopped_is_no_withdrawn_message() -> None:
    answer = line(drawn(*WORKING, order(s.OrderKind.STOP), settled("Stopped."), end(Status.CANCELLED)), "answer")
    assert answer.text.startswith("**Stopped.**")


def test_a_question_that_was_overtaken_ends_without_a_word() -> None:
    asked = [*BEGUN, happened(e.QuestionAsked, 2, step="ask.1", question="Which file?"), end(Status.WAITING_ANSWER)]
    before = drawn(*asked)
    again = happened(e.MissionStarted, 5, attempt=2)
    stop = order(s.OrderKind.STOP, choice=OVERTAKEN)
    after = drawn(*asked, again, stop, settled("Stopped."), end(Status.CANCELLED))
    assert names(after) == names(before)
    assert after.line("answer") is None


def test_an_order_is_told_with_what_became_of_it() -> None:
    paused = drawn(*WORKING, order(s.OrderKind.PAUSE), settled("Paused. Calls under way finish first."))
    assert "Paused. Calls under way finish first." in names(paused)
    late = drawn(*WORKING, order(s.OrderKind.CANCEL_TASK, task_id="t1"), settled("It is done.", "refused"))
    assert "Not done: It is done." in names(late)


def test_a_question_of_an_operator_waits_beside_its_work() -> None:
    picture = drawn(*WORKING, ASKED)
    place = line(picture, "asks", "t1/2.0")
    assert (place.name, place.parent, place.end) == ("Asks you: Which region?", picture.id("t1"), None)
    waits = happened(s.StatusChanged, 4, task_id="t1", status=Status.WAITING_ANSWER)
    picture.apply(render(picture, waits))
    assert line(picture, "t1").name == "Researcher: Find risks · waits for your answer"


def test_an_answered_question_stands_in_the_conversation() -> None:
    picture = drawn(*WORKING, ASKED, ANSWERED)
    messages = [item.text for item in picture.lines.values() if "message" in item.kind]
    assert messages == ["Compare a:b", "**Researcher asked:** Which region?", "South"]
    assert line(picture, "asks", "t1/2.0").name == "Asks you: Which region? · answered"
    [element] = [x for x in elements_of(picture, "c") if x["forId"] == picture.id("reply", "t1/2.0")]
    assert element["name"] == "memo.pdf"


def test_a_question_nobody_answered_says_so() -> None:
    silent = happened(e.QuestionAnswered, 60, task_id="t1", step="t1/2.0", answer="", unanswered=True)
    picture = drawn(*WORKING, ASKED, silent)
    assert line(picture, "asks", "t1/2.0").name.endswith("nobody answered in time")
    assert picture.line("reply", "t1/2.0") is None


def test_a_held_step_shows_what_it_would_do() -> None:
    picture = drawn(*WORKING, HELD)
    step = as_step(line(picture, "held", "t1/2.0"), "c")
    assert (step["name"], step["showInput"]) == ("Held for you: Searches for risk", "json")
    picture.apply(render(picture, happened(s.StatusChanged, 4, task_id="t1", status=Status.PAUSED)))
    assert line(picture, "t1").name == "Researcher: Find risks · waits for you"


def test_a_step_that_goes_on_leaves_no_trace_and_a_changed_one_does() -> None:
    released = {"task_id": "t1", "step": "t1/2.0"}
    assert (
        drawn(*WORKING, HELD, happened(s.StepReleased, 5, choice="continue", **released)).line("held", "t1/2.0") is None
    )
    edited = happened(s.StepReleased, 5, choice="edit", arguments={"query": "danger"}, **released)
    changed = line(drawn(*WORKING, HELD, edited), "held", "t1/2.0")
    assert changed.name.endswith("you changed it")
    assert "danger" in changed.given


def test_an_interrupted_call_waits_until_it_is_decided() -> None:
    told = happened(s.AttentionSettled, 5, step="t1/1.0", choice="check", words="The supplier does not answer.")
    picture = drawn(*WORKING, NEEDED, told)
    place = line(picture, "attention", "t1/1.0")
    assert place.end is None
    assert "Checked: The supplier does not answer." in place.text
    picture.apply(render(picture, happened(s.AttentionSettled, 6, step="t1/1.0", choice="retry")))
    assert line(picture, "attention", "t1/1.0").name.endswith("you had it done again")


def test_the_watchdog_says_what_it_did() -> None:
    nudge = happened(s.Intervened, 5, task_id="t1", pattern="same_result", action="nudge", words="The same again.")
    assert "Watchdog: The same again." in names(drawn(*WORKING, nudge))


def test_a_changed_plan_says_what_is_new_and_why() -> None:
    more = Task(id="t3", operator="writer", goal="Write it by hand", instead_of="t1", why="no supplier answered")
    picture = drawn(*WORKING, happened(e.PlanMade, 6, version=2, tasks=(*TASKS, more)))
    made = line(picture, "planned", "2")
    assert made.name == "Changed the plan (version 2): 1 task more"
    assert (
        made.text == "1. **writer** — Write it by hand *(in place of “Researcher: Find risks”; no supplier answered)*"
    )
    assert list(picture.entries) == ["t3", "t2"]  # one row for each piece of work, with its latest try
    again = happened(e.PlanMade, 7, version=3, tasks=(*TASKS, more, Task(id="t4", operator="coder", goal="x")))
    picture.apply(render(picture, again))
    assert list(picture.entries) == ["t3", "t2", "t4"]
    assert line(picture, "planned", "3").name == "Changed the plan (version 3): 1 task more"


# --- what can be done about it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("events", "state", "words"),
    [
        (BEGUN, "running", "Working on a plan"),
        (WORKING, "running", "Researcher is at work"),
        ([*WORKING, order(s.OrderKind.PAUSE), settled("Paused.")], "pausing", "Pausing: calls under way finish first"),
        ([*WORKING, order(s.OrderKind.PAUSE), settled("Paused."), end(Status.PAUSED)], "paused", "Paused"),
        ([*WORKING, ASKED], "waiting", "Waiting for you"),
        ([*WORKING, HELD, end(Status.PAUSED)], "waiting", "Waiting for you"),
        ([*WORKING, NEEDED, end(Status.NEEDS_ATTENTION)], "attention", "Needs your attention"),
    ],
)
def test_the_state_in_words(events: list[Any], state: str, words: str) -> None:
    view = view_of(*events)
    assert (view["state"], view["words"]) == (state, words)


def test_a_mission_that_waits_its_turn_or_has_ended_offers_nothing_else() -> None:
    assert view_of(BEGUN[0])["state"] == "queued"
    assert view_of(*WORKING, end())["state"] == "ended"
    assert "cards" not in view_of(*WORKING, end())


def test_cards_close_when_they_are_settled() -> None:
    released = happened(s.StepReleased, 6, task_id="t1", step="t1/2.0", choice="skip")
    decided = happened(s.AttentionSettled, 6, step="t1/1.0", choice="happened")
    for opened, closing, kind in (
        (ASKED, ANSWERED, "question"),
        (HELD, released, "held"),
        (NEEDED, decided, "attention"),
    ):
        assert [card["kind"] for card in view_of(*WORKING, opened)["cards"]] == [kind]
        assert view_of(*WORKING, opened, closing)["cards"] == []


def test_a_question_says_who_asks_until_when_and_what_else_happens() -> None:
    [card] = view_of(*WORKING, ASKED)["cards"]
    assert (card["who"], card["words"], card["choices"]) == ("Researcher", "Which region?", ["North", "South"])
    assert card["until"] == (at(0) + timedelta(days=1)).isoformat()
    assert "goes on without it" in card["otherwise"]


def test_a_check_that_could_not_tell_can_be_made_again() -> None:
    told = happened(s.AttentionSettled, 5, step="t1/1.0", choice="check", words="No answer.")
    [card] = view_of(*WORKING, NEEDED, told)["cards"]
    assert (card["checked"], card["turn"]) == ("No answer.", 1)


def test_switches_are_counted_so_that_a_second_click_is_the_same_order() -> None:
    assert view_of(*WORKING)["turns"] == {"pause": 0, "stepMode": 0}
    on = order(s.OrderKind.STEP_MODE, choice="on")
    view = view_of(*WORKING, on, settled("Step mode is on."))
    assert (view["turns"], view["stepMode"]) == ({"pause": 0, "stepMode": 1}, True)
    assert view_of(*WORKING, step_mode=True)["stepMode"]


def test_a_task_can_be_cancelled_while_it_runs_and_tried_again_when_it_failed() -> None:
    lost = happened(e.TaskEnded, 6, task_id="t1", operator="researcher", status=Status.FAILED, summary="")
    retry = order(s.OrderKind.RETRY_TASK, task_id="t1")
    more = happened(e.PlanMade, 7, version=2, tasks=(Task(id="t3", operator="writer", goal="x", instead_of="t1"),))

    def can(*events: Any) -> list[tuple[str, str]]:
        return [(task["task"], task["can"]) for task in view_of(*WORKING, *events)["tasks"]]

    assert can() == [("t1", "cancel_task")]
    assert can(lost) == [("t1", "retry_task")]
    assert can(lost, retry, settled("Soon.")) == []
    assert can(lost, more) == []
    assert can(order(s.OrderKind.CANCEL_TASK, task_id="t1"), settled("It is cancelled.")) == []
