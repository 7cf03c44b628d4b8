"""Whoever is new at the terminal: bad input, odd locales and closed pipes are said in words, never as a traceback."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest
from served_fixtures import play
from terminal_fixtures import PATIENCE, Seat, played_desk
from test_terminal import Terminal

from chat.terminal import BAD_USE, BUDGET, CODES, UNATTENDED

ROOT = Path(__file__).parents[2]
PLAIN = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
ODD = "Sag „hallo“ – 𝄞"


def documented() -> set[int]:
    table = (ROOT / "docs" / "terminal.md").read_text().partition("## Exit codes")[2].partition("## JSON")[0]
    return {int(code) for code in re.findall(r"^\| (\d+) \|", table, re.M)}


def test_the_codes_that_are_documented_are_the_real_ones():
    broken = 1  # doctor
    assert documented() == {*CODES.values(), BAD_USE, BUDGET, UNATTENDED, broken}


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """A terminal in rehearsal where something odd was said, in a locale without UTF-8: it arrives whole all the same."""
    desk = Terminal(tmp_path_factory.mktemp("newcomer"), model="")
    code, _, err = told(desk, "ask", ODD, **PLAIN)
    assert code == 0, err
    return desk


WRONG = {
    "no such file": ("ask", "hi", "--file", "/nope/x"),
    "no folder for the files": ("ask", "hi", "--out", "/dev/null/x"),
    "no conversation nope": ("export", "nope"),
    "Add --yes": ("people", "delete", "nope"),
    "nobody called nope": ("people", "delete", "nope", "--yes"),
    "Where is it": ("remote", "missions", "--server", "nonsense"),
    "less than or equal to 65535": ("serve", "--port", "99999"),
    "could not begin at": ("serve", "--host", "999.999.999.999"),
    "No such command": ("nosuch",),
}


def test_what_is_wrong_is_said_in_words(desk: Terminal):
    running = {said: desk.start(*words) for said, words in WRONG.items()}  # all at once: each takes a moment to begin
    for said, process in running.items():
        out, err = process.communicate(timeout=120)
        assert (process.returncode, out) == (BAD_USE, ""), f"{said}: {err}"
        assert said in " ".join(err.replace("│", " ").split())
        assert "Traceback" not in err


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path):
    (tmp_path / "data").write_text("no folder")
    code, out, err = Terminal(tmp_path, model="").run("missions", "list")
    assert (code, out, "Traceback" in err, len(err.splitlines())) == (BAD_USE, "", False, 1), err
    assert str(tmp_path / "data") in err


def told(desk: Terminal, *words: str, **variables: str) -> tuple[int, bytes, bytes]:
    environment = desk.environment | variables
    command = [sys.executable, "-m", "chat.terminal", *words]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=60, check=False)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "variables",
    [{"PYTHONIOENCODING": "latin-1", "NO_COLOR": "1"}, PLAIN],
)  # fmt: skip
def test_json_is_json_in_every_locale_and_words_are_words(desk: Terminal, variables: dict[str, str]):
    code, out, err = told(desk, "missions", "list", "--json", **variables)
    assert (code, err) == (0, b"")
    letters = out.decode(variables.get("PYTHONIOENCODING", "ascii"))
    assert ODD in [json.loads(line)["goal"] for line in letters.splitlines()]
    code, out, err = told(desk, "missions", "list", **variables)
    assert (code, err, b"hallo" in out) == (0, b"", True)


def test_output_nobody_reads_to_its_end_is_no_error(desk: Terminal):
    command = f"{sys.executable} -m chat.terminal tools --json | head -n 1"
    done = subprocess.run(
        ["bash", "-c", command], cwd=ROOT, env=desk.environment, capture_output=True, timeout=60, check=False
    )
    assert json.loads(done.stdout)["name"]
    assert b"Traceback" not in done.stderr


def test_a_conversation_is_gone_on_in_by_its_beginning_and_a_new_one_is_said(desk: Terminal):
    [mission, *_] = [
        json.loads(line) for line in desk.run("missions", "list", "--json", "--limit", "1")[1].splitlines()
    ]
    talk = mission["conversation_id"]
    assert desk.run("ask", "And again", "--conversation", talk[:30])[0] == 0
    newest = json.loads(desk.run("missions", "list", "--json", "--limit", "1")[1])
    assert (newest["goal"], newest["conversation_id"]) == ("And again", talk)
    code, _, err = desk.run("ask", "Hi", "--conversation", "offers-2026")
    assert (code, "There was no conversation offers-2026 yet" in err) == (0, True), err


def test_ctrl_c_only_leaves_what_is_done_elsewhere(tmp_path: Path):
    with played_desk(tmp_path / "there", play) as there:
        key = there.run("keys", "create", "laptop", "--scope", "read", "--scope", "missions")[1].strip()
        process = there.start("serve")
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split()[-1]
            for pipe in (process.stdout, process.stderr):
                Thread(target=pipe.read, daemon=True).start()  # type: ignore[union-attr]
            here = Terminal(tmp_path / "here", server=url, server_key=key)
            (tmp_path / "n.md").write_text("words")
            seat = Seat(here, "remote", "ask", "Wait for ever", "--file", str(tmp_path / "n.md"))
            seat.reads("n.md: ")
            seat.presses(signal.SIGINT)
            seat.reads("the mission goes on there. Follow it with: staffwork remote follow ")
            assert seat.leaves() == (CODES["cancelled"], "")
            [left] = [json.loads(line) for line in here.run("remote", "missions", "--json")[1].splitlines()]
            assert left["status"] in ("pending", "in_progress")
            assert here.run("remote", "stop", left["id"])[0] == 0
        finally:
            process.terminate()
            process.wait(PATIENCE)
