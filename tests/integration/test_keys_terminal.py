"""API keys at the terminal: the real command in a process of its own."""

from __future__ import annotations

import json
from pathlib import Path

from test_terminal import Terminal


def test_create_list_and_revoke(tmp_path: Path):
    terminal = Terminal(tmp_path)
    code, out, err = terminal.run("keys", "list")
    assert (code, "You have no API keys" in out) == (0, True), err
    code, secret, err = terminal.run("keys", "create", "Laptop", "--scope", "read", "--scope", "missions")
    assert (code, secret.startswith("sw_"), len(secret.strip()), "shown once" in err) == (0, True, 46, True)
    made = json.loads(terminal.run("keys", "create", "Robot", "--days", "0", "--json")[1])
    assert (made["scopes"], made["expires_at"], made["state"]) == (["read"], None, "live")
    listed = [json.loads(line) for line in terminal.run("keys", "list", "--json")[1].splitlines()]
    assert {(k["name"], tuple(k["scopes"])) for k in listed} == {("Laptop", ("read", "missions")), ("Robot", ("read",))}
    out = terminal.run("keys", "list")[1]
    assert (secret.strip() in out, secret[:11] in out, "never used" in out) == (False, True, True)
    assert terminal.run("keys", "revoke", secret.strip())[:2] == (0, "Revoked: Laptop\n")
    assert json.loads(terminal.run("keys", "revoke", made["id"], "--json")[1])["state"] == "revoked"
    assert terminal.run("keys", "list")[1].count("revoked; good for") == 2


def test_what_is_wrong_is_said_in_one_line(tmp_path: Path):
    terminal = Terminal(tmp_path)
    for words in (("create", "x", "--scope", "all"), ("create", ""), ("create", "x", "--days", "-1"), ("revoke", "no")):
        code, out, err = terminal.run("keys", *words)
        assert (code, out, len(err.splitlines())) == (2, "", 1), err
