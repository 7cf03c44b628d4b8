"""Steering from the terminal beside a running server: the real commands, each in a process of its own."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from terminal_fixtures import Seat, played_desk, served, until
from test_terminal import Terminal

RUNNING = "A running Staffwork does the work"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    with played_desk(tmp_path_factory.mktemp("desk")) as desk, served(desk):
        yield desk


def held(desk: Terminal, goal: str = "Work it out") -> str:
    """Give a mission in step mode and return its id once it is held."""
    code, events = desk.events("ask", "--step-mode", goal)
    assert (code, events[-1]["status"]) == (3, "paused")
    return str(events[-1]["mission_id"])


def shown(desk: Terminal, mission: str) -> dict[str, Any]:
    found: dict[str, Any] = desk.events("missions", "show", mission)[1][0]
    return found


def at(desk: Terminal, mission: str, *statuses: str) -> dict[str, Any]:
    """Look at a mission until it stands there."""
    found: list[dict[str, Any]] = [{}]

    def stands() -> bool:
        found[0] = shown(desk, mission)
        return found[0]["status"] in statuses

    until(stands, lambda: f"it is {found[0]['status']}")
    return found[0]


def test_ask_hands_the_mission_to_the_server_and_follows_it(desk: Terminal) -> None:
    code, out, err = desk.run("ask", "Work it out", "--priority", "high")
    assert (code, out) == (0, "The answer is 42.\n"), err
    assert RUNNING in err
    assert "t1 completed: It is 42." in err
    code, events = desk.events("ask", "Work it out")
    assert (code, events[-1]["status"]) == (0, "completed")
    assert [e["seq"] for e in events] == list(range(1, len(events) + 1))
    assert [e["attempt"] for e in events if e["kind"] == "mission_started"] == [1], "it was worked on once, there"


def test_a_held_mission_says_what_to_type_and_is_released_step_by_step(desk: Terminal) -> None:
    code, out, err = desk.run("ask", "--step-mode", "Work it out")
    assert (code, out) == (3, "")
    hint = next(line for line in err.splitlines() if "Go on with: staffwork missions release" in line)
    mission = hint.split("release ")[1].split(" ")[0]
    listed = desk.events("missions", "list", "--waiting")[1]
    assert mission in [row["id"] for row in listed]
    assert {row["status"] for row in listed} == {"paused"}
    assert desk.run("missions", "release", mission, "continue", "--step", "t1/1")[:2] == (0, "Released: continue.\n")
    until(lambda: any(s["what"] == "act" for s in shown(desk, mission)["open"]["steps"]))
    code, out, err = desk.run("missions", "release", mission, "edit", "--arguments", '{"expression": "2*21"}', "--json")
    assert (code, json.loads(out)["outcome"], json.loads(out)["kind"]) == (0, "applied", "release"), err
    end = at(desk, mission, "completed")
    [called] = [e for e in end["events"] if e["kind"] == "tool_called"]
    assert called["arguments"] == {"expression": "2*21"}
    code, followed = desk.events("missions", "follow", mission[:23])
    assert (code, followed[:-1]) == (
        0,
        end["events"][:1] + [e for e in end["events"][1:] if e["kind"] != "mission_ended"],
    )


def test_a_plan_is_shown_refused_as_it_cannot_be_and_accepted(desk: Terminal) -> None:
    code, events = desk.events("ask", "--show-plan", "Work it out")
    assert (code, events[-1]["status"]) == (3, "waiting_approval")
    mission = str(events[-1]["mission_id"])
    assert f"staffwork missions plan {mission}" in "".join(desk.run("missions", "show", mission)[1:])
    wrong = desk.run(
        "missions", "plan", mission, "edit", "--tasks", '{"tasks": [{"operator": "magician", "goal": "x"}]}'
    )
    assert wrong[0] != 0
    assert "magician" in wrong[2]
    assert desk.run("missions", "plan", mission, "accept")[0] == 0
    assert at(desk, mission, "completed")["status"] == "completed"


def test_pause_steer_step_mode_resume_and_stop(desk: Terminal) -> None:
    mission = held(desk)
    assert desk.run("missions", "pause", mission)[:2] == (0, "Paused. Calls under way finish first.\n")
    code, out, err = desk.run("missions", "pause", mission)
    assert (code, out, err) == (2, "", "This mission is paused already.\n")
    code, out, _ = desk.run("missions", "steer", mission, "In French.", "--task", "t1")
    assert (code, out) == (0, "Kept. The next operator to begin a step reads it.\n")
    assert desk.run("missions", "step-mode", mission, "off")[:2] == (0, "Step mode is off.\n")
    assert desk.run("missions", "resume", mission)[:2] == (0, "Work goes on.\n")
    told = at(desk, mission, "completed")["events"]
    assert "Seen by Data analyst at step 1." in [e["words"] for e in told if e["kind"] == "order_settled"]
    other = held(desk)
    assert desk.run("missions", "stop", other)[:2] == (0, "Stopped.\n")
    assert at(desk, other, "cancelled")["problem"] == "You stopped this mission."
    assert "has ended" in desk.run("missions", "stop", other)[2]


def test_a_task_is_cancelled(desk: Terminal) -> None:
    mission = held(desk)
    assert desk.run("missions", "cancel-task", mission, "t1")[:2] == (0, "Task t1 is cancelled.\n")
    assert desk.run("missions", "stop", mission)[0] in (0, 2)


def test_a_question_is_answered_from_another_terminal(desk: Terminal, tmp_path: Path) -> None:
    code, out, err = desk.run("ask", "ask: choice first")
    assert (code, out) == (3, "")
    assert "Data analyst asks: Which one? (red, blue)" in err
    mission = err.split("staffwork answer ")[1].split(" ")[0]
    code, out, err = desk.run("missions", "answer", mission, "green")
    assert (code, err) == (2, "Choose one of: red, blue.\n")
    assert desk.run("missions", "answer", mission, "BLUE")[:2] == (0, "Answered.\n")
    assert at(desk, mission, "completed")["answer"] == "The answer is 42."
    code, events = desk.events("ask", "ask: file first")
    path = tmp_path / "list.txt"
    path.write_text("one\n")
    code, out, err = desk.run("answer", events[-1]["mission_id"], "--file", str(path))
    assert (code, out) == (0, "The answer is 42.\n"), err


def test_follow_tells_live_and_leaves_the_mission_alone(desk: Terminal) -> None:
    process = desk.start("ask", "Wait for ever", "--json")
    assert process.stdout is not None
    mission = json.loads(process.stdout.readline())["mission_id"]
    follower = desk.start("missions", "follow", mission)
    assert desk.run("missions", "pause", mission)[0] == 0
    assert follower.stdout is not None
    assert "Order: pause" in follower.stdout.readline()
    follower.send_signal(signal.SIGINT)
    _, err = follower.communicate(timeout=20)
    assert (follower.returncode, err) == (130, "")
    assert shown(desk, mission)["status"] == "in_progress"
    process.send_signal(signal.SIGINT)  # of `ask`: stops the mission
    out, _ = process.communicate(timeout=20)
    assert (process.returncode, json.loads(out.splitlines()[-1])["status"]) == (130, "cancelled")


BAD_USE: list[tuple[tuple[str, ...], str]] = [
    (("pause", "nothing-like-it"), "There is no mission nothing-like-it."),
    (("pause", "0"), "Several missions begin with 0. Give more of the id."),
    (("release", "MISSION", "explode"), "Choose continue, skip, edit or abort."),
    (("release", "MISSION", "edit", "--arguments", "{"), "--arguments: This is no JSON"),
    (("release", "MISSION", "edit", "--arguments", '{"n": NaN}'), "NaN is no number"),
    (("steer", "MISSION", "x" * 20_001), "more than 20,000 characters"),
    (("cancel-task", "MISSION", "t9"), "no task 't9'"),
    (("settle", "MISSION", "retry"), "decided already"),
    (("answer", "MISSION", "--file", "no-such-file.txt"), "no-such-file.txt: there is no such file."),
    (("resume", "MISSION"), "not paused"),
]


def test_what_cannot_be_done_is_said_in_one_line(desk: Terminal) -> None:
    held(desk)
    mission = held(desk)
    asked = [
        (desk.start("missions", *(mission if w == "MISSION" else w for w in words)), said) for words, said in BAD_USE
    ]
    for process, said in asked:
        out, err = process.communicate(timeout=60)
        assert (process.returncode, out, len(err.splitlines())) == (2, "", 1), err
        assert said in err


def test_held_steps_are_released_right_at_the_terminal(desk: Terminal) -> None:
    seat = Seat(desk, "ask", "--step-mode", "Work it out")
    seat.reads(RUNNING)
    seat.reads("Held t1/1: analyst begins t1: Work it out")
    seat.reads("step mode [o]ff: ")
    seat.types("x")
    seat.reads("Choose continue, skip, edit or abort.")
    seat.reads("step mode [o]ff: ")
    seat.types("")
    seat.reads('calculate {"expression": "6*7"}')
    seat.reads("step mode [o]ff: ")
    seat.types("edit")
    seat.reads("as JSON")
    seat.types("6*7")
    seat.reads("This is no JSON")
    seat.reads("step mode [o]ff: ")
    seat.types("e")
    seat.reads("as JSON")
    seat.types('{"expression": "2*21"}')
    seat.reads("t1 completed")
    assert seat.leaves() == (0, "The answer is 42.\n")


def test_a_question_is_answered_right_at_the_terminal(desk: Terminal) -> None:
    seat = Seat(desk, "ask", "ask: number first")
    seat.reads("Data analyst asks: Which one?")
    seat.reads("Your answer (a number): ")
    seat.types("many")
    seat.reads("'many' is not a number.")
    seat.reads("Your answer (a number): ")
    seat.types("3,5")
    seat.reads("Answer: 3.5")
    assert seat.leaves() == (0, "The answer is 42.\n")


def test_what_is_settled_elsewhere_is_not_asked_any_more_and_ctrl_d_leaves_it_open(desk: Terminal) -> None:
    seat = Seat(desk, "ask", "--step-mode", "Work it out")
    seat.reads("step mode [o]ff: ")
    mission = next(row["id"] for row in desk.events("missions", "list", "--waiting")[1])
    assert desk.run("missions", "release", mission, "continue")[0] == 0
    seat.reads("(This was settled elsewhere.)")
    seat.reads("step mode [o]ff: ")
    seat.types("\x04")
    seat.reads("Go on with: staffwork missions release")
    assert seat.leaves() == (3, "")
    assert desk.run("missions", "stop", mission)[0] == 0


def test_a_server_that_goes_away_is_noticed_and_nothing_is_lost(tmp_path: Path) -> None:
    with played_desk(tmp_path) as desk:
        with served(desk) as server:
            process = desk.start("ask", "--step-mode", "Wait for ever", "--json")
            assert process.stdout is not None
            mission = json.loads(process.stdout.readline())["mission_id"]
            at(desk, mission, "in_progress")
            server.kill()
            out, err = process.communicate(timeout=40)
        assert process.returncode == 6
        assert "waiting a moment for it to come back" in err
        last = json.loads(out.splitlines()[-1])
        assert (last["kind"], last["mission_id"]) == ("unattended", mission)
        assert "goes on when Staffwork is started again" in last["problem"]
        code, out, _ = desk.run("missions", "follow", mission)
        assert (code, "Nobody is at work on it now" in _) == (6, True)
        code, out, _ = desk.run("missions", "stop", mission)
        assert (code, out.startswith("Kept. Nobody is at work on this data now")) == (0, True)
        with served(desk):
            assert at(desk, mission, "cancelled")["problem"] == "You stopped this mission."


def test_a_server_that_is_started_again_meanwhile_is_followed_on(tmp_path: Path) -> None:
    with played_desk(tmp_path) as desk:
        with served(desk) as server:
            process = desk.start("ask", "Wait for ever", "--json")
            assert process.stdout is not None
            first = json.loads(process.stdout.readline())
            at(desk, first["mission_id"], "in_progress")
            server.kill()
            server.wait(10)
        with served(desk):
            until(lambda: shown(desk, first["mission_id"])["attempt"] == 2)
            assert desk.run("missions", "stop", first["mission_id"])[:2] == (0, "Stopped.\n")
            out, err = process.communicate(timeout=40)
        events = [first, *(json.loads(line) for line in out.splitlines())]
        assert (process.returncode, events[-1]["status"]) == (130, "cancelled"), err
        assert [e["seq"] for e in events] == list(range(1, len(events) + 1))


def test_without_a_server_the_terminal_does_the_work_itself(tmp_path: Path) -> None:
    with played_desk(tmp_path) as desk:
        code, out, err = desk.run("ask", "--step-mode", "Work it out")
        assert (code, RUNNING in err) == (3, False)
        mission = err.split("missions release ")[1].split(" ")[0]
        code, out, _ = desk.run("missions", "step-mode", mission, "off")
        assert (code, f"staffwork missions follow {mission} --work" in out) == (0, True)
        assert shown(desk, mission)["open"]["orders"][0]["kind"] == "step_mode"
        code, out, err = desk.run("missions", "follow", mission, "--work")
        assert (code, out.splitlines()[-1]) == (0, "The answer is 42."), err
        second = held(desk)
        code, out, err = desk.run("missions", "release", second, "abort", "--work")
        assert code == 130, err


def test_two_terminals_at_once_share_the_work_of_one(tmp_path: Path) -> None:
    with played_desk(tmp_path) as desk:
        first = Seat(desk, "ask", "--step-mode", "Work it out")
        first.reads("step mode [o]ff: ")
        code, out, err = desk.run("ask", "Work it out")
        assert (code, out, RUNNING in err) == (0, "The answer is 42.\n", True)
        first.types("o")
        assert first.leaves() == (0, "The answer is 42.\n")


def test_beside_a_server_on_postgresql_it_is_the_same(tmp_path: Path, postgres: str) -> None:
    with played_desk(tmp_path, database_url=postgres) as desk:
        assert desk.run("missions", "list")[:2] == (0, 'No missions yet. Give one with: staffwork ask "..."\n')
        with served(desk):
            code, out, err = desk.run("ask", "Work it out")
            assert (code, out, RUNNING in err) == (0, "The answer is 42.\n", True), err
            mission = held(desk)
            assert desk.run("missions", "step-mode", mission, "off")[:2] == (0, "Step mode is off.\n")
            assert at(desk, mission, "completed")["attempt"] > 1
