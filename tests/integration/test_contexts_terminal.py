"""`staffwork contexts` and `staffwork tools`: what operators are told and what they can do, at the terminal."""

from __future__ import annotations

import json
from pathlib import Path

from terminal_fixtures import played_desk, served
from test_terminal import Terminal

TAX = "---\ntitle: Our taxes\ntriggers: [tax*]\n---\nWe pay 19 percent.\n"


def said(desk: Terminal, *words: str, code: int = 0) -> str:
    """Run a command; returns what it says, on standard error if it fails."""
    found, out, err = desk.run(*words)
    assert found == code, out + err
    return err if code else out


def test_documents_are_imported_shown_changed_and_removed(tmp_path: Path) -> None:
    desk = Terminal(tmp_path)
    file = tmp_path / "tax.md"
    file.write_text(TAX)
    assert said(desk, "contexts", "import", str(file)).startswith("our-taxes  Our taxes  (yours, version 1)")
    file.write_text(TAX.replace("19", "7"))
    assert "version 2" in said(desk, "contexts", "import", str(file))
    assert "We pay 7 percent." in said(desk, "contexts", "show", "our-taxes")
    assert "-We pay 19 percent." in said(desk, "contexts", "show", "our-taxes", "--diff", "1")
    shown = json.loads(said(desk, "contexts", "show", "our-taxes", "--version", "1", "--json"))
    assert shown["text"] == "We pay 19 percent."
    assert "version 3" in said(desk, "contexts", "edit", "our-taxes", "--restore", "1")
    listed = said(desk, "contexts", "list")
    assert "approvals  Approvals  (ships, version 1)" in listed
    assert "Removed: our-taxes" in said(desk, "contexts", "edit", "our-taxes", "--remove")
    assert "our-taxes" not in said(desk, "contexts", "list")


def test_a_file_that_is_none_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "picture.md").write_bytes(b"\xff\xfe\x00")
    desk = Terminal(tmp_path)
    for file, words in ((tmp_path / "gone.md", "there is no such file"), (tmp_path / "picture.md", "no text")):
        code, _, err = desk.run("contexts", "import", str(file))
        assert (code, words in err, len(err.splitlines())) == (2, True, 1), err


def test_what_ships_is_replaced_by_ones_own_in_an_editor(tmp_path: Path) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text("#!/bin/sh\nsed -i 's/^An approval is.*/Ask me./' \"$1\"\n")
    editor.chmod(0o755)
    desk = Terminal(tmp_path / "data")
    desk.environment["EDITOR"] = str(editor)
    assert "approvals  Approvals  (yours, version 1)" in said(desk, "contexts", "edit", "approvals")
    assert "Ask me." in said(desk, "contexts", "show", "approvals")
    desk.environment["EDITOR"] = "/no/such/editor"
    assert "nothing was changed" in said(desk, "contexts", "edit", "approvals", code=2)
    assert "There is no document nowhere" in said(desk, "contexts", "show", "nowhere", code=2)


def test_tools_are_listed_with_what_they_risk_and_who_holds_them(tmp_path: Path) -> None:
    desk = Terminal(tmp_path)
    tools = {t["name"]: t for t in map(json.loads, said(desk, "tools", "--json").splitlines())}
    assert tools["remember"]["operators"] == ["researcher"]
    assert tools["system_status"]["roles"] == ["owner", "admin"]
    assert len(tools["request_tools"]["operators"]) == 10
    closest = said(desk, "tools", "keep a fact for later").splitlines()[0]
    assert closest == "remember  (write)"


def test_beside_a_running_server_its_tools_are_listed(tmp_path: Path) -> None:
    with played_desk(tmp_path) as desk, served(desk):
        names = [t["name"] for t in map(json.loads, said(desk, "tools", "--json").splitlines())]
        assert {"request_tools", "write_file", "system_status"} <= set(names)
        assert said(desk, "tools", "keep a fact for later").startswith("remember  (write)")
        assert "approvals" in said(desk, "contexts", "list")
        next(tmp_path.rglob("tools.json")).write_text("[{}]")
        assert "has not said which tools it has" in said(desk, "tools", code=2)
