"""Approvals at the terminal: the real command in a process of its own, over a house whose rules ask first."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from test_terminal import Terminal

RULES = '[[rule]]\nanswer = "ask"\ntool = "calculate"\nwhy = "Sums are checked here."\n'


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    made = Terminal(tmp_path)
    data = Path(made.environment["STAFFWORK_DATA_DIR"])
    data.mkdir(parents=True, exist_ok=True)
    (data / "policy.toml").write_text(RULES)
    return made


def asked(terminal: Terminal) -> dict[str, object]:
    code, out, err = terminal.run("approvals", "list", "--json")
    assert code == 0, err
    [line] = out.splitlines()
    found: dict[str, object] = json.loads(line)
    return found


def test_a_call_waits_is_listed_and_allowed(terminal: Terminal):
    code, _, err = terminal.run("ask", "What is 12 * 12?")
    assert code == 3, err
    assert "Needs your approval" in err
    assert "Sums are checked here." in err
    approval = asked(terminal)
    assert approval["tool"] == "calculate"
    listed = terminal.run("approvals", "list")[1]
    assert json.dumps(approval["arguments"]) in listed
    assert str(approval["id"]) in listed
    code, out, err = terminal.run("approvals", "approve", str(approval["id"])[:8], "--work")
    assert (code, "144" in out) == (0, True), err
    assert terminal.run("approvals", "list")[1] == "Nothing waits for your approval.\n"
    code, out, err = terminal.run("approvals", "approve", str(approval["id"]))
    assert (code, out[:9]) == (0, "Allowed. "), err  # the same decision again is the same
    code, out, err = terminal.run("approvals", "reject", str(approval["id"]))
    assert (code, out, "decided already" in err) == (2, "", True)


def test_rejected_with_a_reason(terminal: Terminal):
    terminal.run("ask", "What is 12 * 12?")
    code, out, _ = terminal.run("approvals", "reject", str(asked(terminal)["id"]), "I know it.", "--json")
    decided = json.loads(out)
    assert (code, decided["decision"], decided["reason"], decided["open"]) == (0, "reject", "I know it.", False)


def test_a_pattern_is_remembered_and_revoked(terminal: Terminal):
    terminal.run("ask", "What is 12 * 12?")
    wanted = (
        "approvals",
        "approve",
        str(asked(terminal)["id"]),
        "--pattern",
        '{"expression": "*"}',
        "--until",
        "2030-01-01",
    )
    code, _, err = terminal.run(*wanted)
    assert (code, "366 days" in err) == (2, True), err
    code, out, err = terminal.run(*wanted[:-2], "--work")
    assert code == 0, err
    code, out, err = terminal.run("ask", "What is 13 * 13?")
    assert (code, "169" in out) == (0, True), err
    [rule] = [json.loads(line) for line in terminal.run("approvals", "rules", "--json")[1].splitlines()]
    assert rule["pattern"] == {"expression": "*"}
    assert "in every conversation" in terminal.run("approvals", "rules")[1]
    assert terminal.run("approvals", "revoke", rule["id"])[0] == 0
    assert terminal.run("approvals", "rules")[1] == "No decision is remembered.\n"
    assert terminal.run("ask", "What is 14 * 14?")[0] == 3


def test_what_is_wrong_is_said_in_one_line(terminal: Terminal):
    for words, problem in (
        (("approvals", "approve", "nothing"), "There is no approval nothing."),
        (("approvals", "approve", ""), "There is no approval ."),
        (("approvals", "approve", "x", "--conversation", "--arguments", "{}"), "Choose one"),
        (("approvals", "approve", "x", "--until", "2027-01-01"), "--until goes with"),
        (("approvals", "revoke", "nothing"), "no single remembered decision"),
    ):
        code, out, err = terminal.run(*words)
        assert (code, out, len(err.splitlines())) == (2, "", 1), err
        assert problem in err


def test_a_mistake_in_the_rules_stops_the_start_and_names_its_line(terminal: Terminal):
    rules = Path(terminal.environment["STAFFWORK_DATA_DIR"]) / "policy.toml"
    rules.write_text(RULES.replace('"ask"', '"maybe"'))
    code, out, err = terminal.run("ask", "What is 12 * 12?")
    assert (code, out, len(err.splitlines())) == (2, "", 1), err
    assert "policy.toml, line 2: answer: say allow, ask or deny." in err
