"""Schedules at the terminal: the real command in a process of its own, beside nothing and beside a server."""

from __future__ import annotations

import json
from pathlib import Path

from test_terminal import Terminal

ADD = ("schedules", "add", "What is 12 * 12?", "--cron", "every weekday at 8:00", "--timezone", "berlin")


def test_add_list_pause_resume_and_remove(tmp_path: Path):
    terminal = Terminal(tmp_path)
    code, out, _ = terminal.run("schedules", "list")
    assert (code, "No schedules yet" in out) == (0, True)
    code, out, err = terminal.run(*ADD, "--name", "Squares", "--cost", "0.5")
    assert code == 0, err
    assert "every weekday at 08:00, Europe/Berlin; next: " in out
    code, out, _ = terminal.run("schedules", "pause", "squares", "--json")
    paused = json.loads(out)
    assert (code, paused["active"], paused["next_at"], paused["cost"]) == (0, False, None, "0.5")
    assert "; paused" in terminal.run("schedules", "list")[1]
    assert "; next: " in terminal.run("schedules", "resume", paused["id"][:12])[1]
    assert terminal.run("schedules", "remove", "squares")[:2] == (0, "Removed: Squares\n")
    assert "No schedules yet" in terminal.run("schedules", "list")[1]


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path):
    terminal = Terminal(tmp_path)
    for words, problem in (
        (("schedules", "add", "x", "--cron", "0 8", "--timezone", "UTC"), "you gave 2"),
        (("schedules", "add", "x", "--cron", "0 8 * * *", "--timezone", "Berlim"), "did you mean Europe/Berlin?"),
        ((*ADD, "--missed", "never"), "missed: it must be 'skip', 'latest' or 'all'."),
        ((*ADD, "--cost", "much"), "cost: it must be an amount of US dollars"),
        (("schedules", "pause", "nothing"), "There is no schedule nothing."),
    ):
        code, out, err = terminal.run(*words)
        assert (code, out, len(err.splitlines())) == (2, "", 1), err
        assert problem in err


def test_running_one_now_follows_its_mission(tmp_path: Path):
    terminal = Terminal(tmp_path)
    terminal.run(*ADD, "--name", "Squares")
    code, out, err = terminal.run("schedules", "run", "squares")
    assert (code, "144" in out) == (0, True), err
    [listed] = [json.loads(line) for line in terminal.run("schedules", "list", "--json")[1].splitlines()]
    assert (listed["last_status"], listed["last_words"][:15]) == ("completed", "Started by hand")
