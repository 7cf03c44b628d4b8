"""A Staffwork elsewhere, from a terminal that has nothing but an address and an API key."""

from __future__ import annotations

import json
from pathlib import Path

from terminal_fixtures import played_desk
from test_terminal import Terminal


def test_missions_are_given_and_looked_at_with_a_key(tmp_path: Path):
    with played_desk(tmp_path / "there") as there:
        key = there.run("keys", "create", "laptop", "--scope", "read", "--scope", "missions")[1].strip()
        process = there.start("serve")
        assert process.stdout is not None
        try:
            url = process.stdout.readline().split()[-1]
            here = Terminal(tmp_path / "here", server=url, server_key=key)
            code, out, err = here.run("remote", "ask", "Work it out")
            assert (code, "42" in out, "Plan: 1 task" in err) == (0, True, True), err
            (listed,) = [json.loads(line) for line in here.run("remote", "missions", "--json")[1].splitlines()]
            assert (listed["goal"], listed["status"]) == ("Work it out", "completed")
            code, out, _ = here.run("remote", "show", listed["id"][:30])
            assert (code, "42" in out) == (0, True)
            _files_go_along(here, tmp_path, listed["conversation_id"])
            _an_order_is_given(here, listed["id"])
            assert here.run("remote", "approvals")[:2] == (0, "Nothing there.\n")
            code, out, err = here.run("remote", "approve", "none")
            assert (code, out, "scope approvals" in err) == (2, "", True), err
            there.run("keys", "revoke", key)
            code, out, err = here.run("remote", "missions")
            assert (code, out, "was revoked" in err) == (2, "", True), err
            assert not (tmp_path / "here" / "data" / "staffwork.db").exists()
        finally:
            process.terminate()
            process.communicate(timeout=40)


def _files_go_along(here: Terminal, folder: Path, talk: str) -> None:
    (folder / "notes.md").write_text("# Notes\n\nThe zebra crosses.\n")
    about = ("--conversation", talk, "--file", str(folder / "notes.md"), "--save-files", str(folder / "saved"))
    code, out, err = here.run("remote", "ask", "Work it out again", *about)
    assert (code, "42" in out) == (0, True), err
    assert "Sending notes.md (28 bytes)" in err
    assert "notes.md: read and indexed" in err
    talks = [json.loads(line) for line in here.run("remote", "conversations", "--json")[1].splitlines()]
    assert [t["id"] for t in talks] == [talk], "it went on in the same conversation"
    code, out, err = here.run("remote", "ask", "Hi", "--conversation", "0" * 36)
    assert (code, out, "no such conversation" in err) == (2, "", True), err
    code, out, err = here.run("remote", "ask", "Hi", "--file", str(folder / "none.md"))
    assert (code, out, "there is no such file" in err) == (2, "", True), err


def _an_order_is_given(here: Terminal, mission: str) -> None:
    for command in ("stop", "pause", "resume"):
        code, out, err = here.run("remote", command, mission)
        assert (code, out, len(err.splitlines())) == (2, "", 1), err  # it has ended already
    code, out, err = here.run("remote", "answer", mission, "Red")
    assert (code, out, "Traceback" in err) == (2, "", False), err
    code, out, err = here.run("remote", "follow", mission, "--json")
    events = [json.loads(line) for line in out.splitlines()]
    assert (code, [e["seq"] for e in events]) == (0, list(range(1, len(events) + 1))), err


def test_what_is_missing_is_said_in_one_line(tmp_path: Path):
    for settings, words in (
        ({}, "STAFFWORK_SERVER"),
        ({"server": "https://staff.example.org"}, "STAFFWORK_SERVER_KEY"),
        ({"server": "http://staff.example.org", "server_key": "sw_x"}, "https://"),
        ({"server": "http://127.0.0.1:9", "server_key": "sw_x"}, "cannot be reached"),
    ):
        code, out, err = Terminal(tmp_path, **settings).run("remote", "missions")
        assert (code, out, len(err.splitlines()), words in err) == (2, "", 1, True), err
