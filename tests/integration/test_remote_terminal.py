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
            code, out, _ = here.run("remote", "show", listed["id"])
            assert (code, "42" in out) == (0, True)
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


def test_what_is_missing_is_said_in_one_line(tmp_path: Path):
    for settings, words in (
        ({}, "STAFFWORK_SERVER"),
        ({"server": "https://staff.example.org"}, "STAFFWORK_SERVER_KEY"),
        ({"server": "http://staff.example.org", "server_key": "sw_x"}, "https://"),
        ({"server": "http://127.0.0.1:9", "server_key": "sw_x"}, "cannot be reached"),
    ):
        code, out, err = Terminal(tmp_path, **settings).run("remote", "missions")
        assert (code, out, len(err.splitlines()), words in err) == (2, "", 1, True), err
