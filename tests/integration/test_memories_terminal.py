"""`staffwork memories ...`: alone over a data folder, and beside a running server, which lets go of the vectors too."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from terminal_fixtures import served, until
from test_terminal import Terminal


def vectors(desk: Terminal) -> int:
    """Count what Chroma's own file holds."""
    place = next((desk.folder / "data").rglob("chroma.sqlite3"))
    with closing(sqlite3.connect(f"file:{place}?mode=ro", uri=True)) as chroma:
        return int(chroma.execute("SELECT count(*) FROM embeddings").fetchone()[0])


def test_it_is_listed_changed_and_deleted(tmp_path: Path) -> None:
    desk = Terminal(tmp_path, model="rehearsal:")
    assert desk.run("memories", "list")[:2] == (0, "Nothing is remembered of you.\n")
    assert desk.run("ask", "Remember that our fiscal year begins in April.")[0] == 0
    _, events = desk.events("memories", "list")
    assert [one["what"] for one in events] == ["fact", "answer", "question"]
    fact = events[0]["id"]
    assert "April" in desk.run("memories", "list", "fiscal", "--kind", "fact")[1]
    code, out, err = desk.run("memories", "change", fact[:12], "It begins in May.")
    assert (code, "It begins in May." in out) == (0, True), err
    code, _, err = desk.run("memories", "delete", fact)
    assert (code, "staffwork memories list" in err, len(err.splitlines())) == (2, True, 1)
    assert desk.run("memories", "delete")[0] == desk.run("memories", "delete", "x", "--all")[0] == 2
    with served(desk):
        assert desk.run("memories", "delete", "--all", "--kind", "fact", "--yes")[1] == "Deleted: 1.\n"
        until(lambda: vectors(desk) == 2, lambda: f"{vectors(desk)} vectors are left")
    assert desk.run("memories", "delete", "--all", "--yes")[1] == "Deleted: 2.\n"
    assert vectors(desk) == 0
    assert json.loads(desk.run("memories", "list", "--json")[1] or "null") is None
