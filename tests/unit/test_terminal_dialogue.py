"""What is asked at a terminal: one thing after another, again where nothing came of it, not where somebody else was first."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chat.terminal_dialogue import Dialogue, Keyboard
from chat.terminal_lines import hints, line_of, tell_end
from chat.terminal_place import Place
from core.errors import BadInput, Conflict
from core.events import MissionEnded, QuestionAsked
from core.missions import Artifact, Status, Task
from core.settings import Settings
from core.steering import (
    AttentionNeeded,
    AttentionSettled,
    Order,
    OrderGiven,
    OrderKind,
    OrderSettled,
    PlanProposed,
    StepHeld,
)
from graphs.standing import Standing

HELD = StepHeld(
    mission_id="m", task_id="t1", step="t1/1.0", what="act", tool="send", arguments={"n": 2**70}, words="sends a letter"
)
NEEDED = AttentionNeeded(
    mission_id="m",
    task_id="t2",
    step="t2/1.0",
    tool="send",
    words="It may have been sent.",
    choices=("check", "retry", "skip"),
)
ASKED = QuestionAsked(
    mission_id="m", task_id="t3", step="t3/1.0", question="Which?", form="choice", choices=("red", "blue")
)


@dataclass
class Desk:
    """Takes orders; refuses what the test says."""

    refusals: list[Exception] = field(default_factory=list)
    given: list[Order] = field(default_factory=list)

    async def give(self, order: Order) -> None:
        await asyncio.sleep(0)
        if self.refusals:
            raise self.refusals.pop(0)
        self.given.append(order)


class Person(Keyboard):
    """Types the lines of a test; waits for ever when there are none left. None closes the terminal."""

    def __init__(self, *lines: str | None) -> None:
        super().__init__(-1)
        self.lines, self.asked = list(lines), []

    async def line(self, prompt: str) -> str | None:
        self.asked.append(prompt)
        if not self.lines:
            await asyncio.Event().wait()
        return self.lines.pop(0)


def seated(desk: Desk, *lines: str | None) -> tuple[Dialogue, Person]:
    person = Person(*lines)
    settings: Any = Settings(data_dir=Path("data"))
    at: Any = Place(settings, desk, "ada", served=True, here=False)  # type: ignore[arg-type]
    return Dialogue(at, "m", person), person


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_the_gravest_comes_first_and_each_is_asked_once() -> None:
    desk = Desk()
    dialogue, _person = seated(desk, "c", "blue", "s")
    standing = Standing([HELD, ASKED, NEEDED])
    dialogue.look(standing)
    await settle()
    dialogue.look(standing)  # nothing of it is on record yet
    await settle()
    assert [(o.kind, o.step, o.choice or o.text) for o in desk.given] == [
        (OrderKind.SETTLE, NEEDED.step, "check"),
        (OrderKind.ANSWER, ASKED.step, "blue"),
        (OrderKind.RELEASE, HELD.step, "skip"),
    ]
    assert not dialogue.busy
    assert all(o.by == "ada" for o in desk.given)


async def test_a_check_that_could_not_tell_and_an_order_that_was_refused_are_asked_again() -> None:
    desk = Desk()
    dialogue, _person = seated(desk, "check", "retry", "skip")
    standing = Standing([NEEDED])
    dialogue.look(standing)
    await settle()
    decided = {"mission_id": "m", "step": NEEDED.step, "choice": "check"}
    standing.note(AttentionSettled(**decided, order_id=desk.given[0].id))
    dialogue.look(standing)
    standing.note(AttentionSettled(**decided, words="Nobody knows."))
    dialogue.look(standing)
    await settle()
    assert [o.choice for o in desk.given] == ["check", "retry"]
    standing.note(OrderGiven(mission_id="m", order=desk.given[1]))
    standing.note(OrderSettled(mission_id="m", order_id=desk.given[1].id, outcome="refused", words="Not now."))
    dialogue.look(standing)
    await settle()
    assert [o.choice for o in desk.given] == ["check", "retry", "skip"]


async def test_what_cannot_be_used_is_asked_again_and_what_somebody_else_settled_is_not(capsys: Any) -> None:
    desk = Desk([BadInput("Choose one of: red, blue."), Conflict("This question was answered already.")])
    dialogue, person = seated(desk, "green", "red")
    dialogue.look(Standing([ASKED]))
    await settle()
    assert (len(person.asked), desk.given, dialogue.busy) == (2, [], False)
    assert "Choose one of: red, blue." in capsys.readouterr().err


async def test_a_question_that_is_settled_elsewhere_makes_room_for_the_next(capsys: Any) -> None:
    desk = Desk()
    dialogue, person = seated(desk)
    standing = Standing([NEEDED, HELD])
    dialogue.look(standing)
    await settle()
    standing.note(AttentionSettled(mission_id="m", step=NEEDED.step, choice="skip"))
    dialogue.look(standing)
    await settle()
    assert [len(person.asked), dialogue.busy] == [2, True]
    assert "settled elsewhere" in capsys.readouterr().err
    await dialogue.close()
    assert not dialogue.busy


async def test_what_is_settled_here_is_not_said_to_be_settled_elsewhere(capsys: Any) -> None:
    class Quick(Desk):
        async def give(self, order: Order) -> None:
            standing.note(AttentionSettled(mission_id="m", step=NEEDED.step, choice="skip"))
            dialogue.look(standing)  # the journal is faster than whoever gave the order
            await super().give(order)

    desk, standing = Quick(), Standing([NEEDED])
    dialogue, _ = seated(desk, "skip")
    dialogue.look(standing)
    await settle()
    assert [o.choice for o in desk.given] == ["skip"]
    assert "elsewhere" not in capsys.readouterr().err


async def test_a_closed_terminal_asks_nothing_more_and_a_bug_is_not_hidden() -> None:
    dialogue, person = seated(Desk(), None)
    dialogue.look(Standing([HELD, ASKED]))
    await settle()
    dialogue.look(Standing([HELD, ASKED]))
    assert (len(person.asked), dialogue.closed, dialogue.busy) == (1, True, False)
    broken, _ = seated(Desk([RuntimeError("a bug")]), "red")
    broken.look(Standing([ASKED]))
    await settle()
    with pytest.raises(RuntimeError, match="a bug"):
        await broken.close()


def test_every_open_thing_has_its_command() -> None:
    lines = hints("m1", Standing([HELD, ASKED, NEEDED]))
    commands = [line.strip() for line in lines if "staffwork " in line]
    assert [c.split("staffwork ")[1].split(" --")[0] for c in commands] == [
        'answer m1 "..."', "missions release m1 continue", "missions settle m1 check|retry|skip",
    ]  # fmt: skip
    assert any(str(2**70) in line for line in lines)
    assert "Which? (red, blue)" in " ".join(lines)
    assert line_of(NEEDED) == "Needs you at t2/1.0: It may have been sent."


EVIL = "safe\x1b[2J\x9b1A\r\u202ecod.exe"


def test_a_terminal_obeys_nothing_that_a_model_or_a_stranger_wrote(capsys: pytest.CaptureFixture[str]) -> None:
    """Escape sequences clear the screen and write another question; turned text shows another name."""
    about = {"mission_id": "m", "task_id": "t1", "step": "t1/1"}
    plan = PlanProposed(
        mission_id="m",
        step="approve.1",
        tasks=(Task(id="t1", operator="o", goal=EVIL),),
        note=EVIL,
        choices=("accept",),
        operators=("o",),
        most=1,
    )
    events = [
        QuestionAsked(**about, question=EVIL, form="choice", choices=(EVIL, "b")),
        StepHeld(**about | {"step": "t1/1.0"}, what="act", operator="o", words=EVIL, tool="x", arguments={"a": EVIL}),
        AttentionNeeded(**about, tool="x", words=EVIL, choices=("skip",)),
        plan,
    ]
    made = Artifact(id="a", name=EVIL, hash="0" * 64, size=1, mime="text/plain")
    ended = MissionEnded(
        mission_id="m", status=Status.COMPLETED, answer=f"{EVIL}\nnext\tline", problem=EVIL, artifacts=(made,)
    )
    tell_end(ended, {}, hints("m", Standing(events)))
    said = capsys.readouterr()
    lines = "\n".join([said.out, said.err, *map(line_of, events), *hints("m", Standing(events))])
    assert not set("\x1b\x9b\r\u202e") & set(lines)
    assert lines.count("safe\\x1b[2J\\x9b1A\\r\\u202ecod.exe") >= 10
    assert "next\tline" in said.out
