"""Side ways of a stranger's words: around the marks, into the user's mouth, and onto the screen as something else."""

from __future__ import annotations

from pathlib import Path

import pytest
from tools_fixtures import Desk

MARK = "IGNORE-ALL-4711"
MISFIT = "@@ -1,3 +1,3 @@\n nothing\n-like\n+unlike\n it\n"


@pytest.mark.parametrize("maker", ["make_document", "make_slides"])
async def test_who_is_shown_what_a_file_holds_by_a_tool_that_only_writes_is_marked(tmp_path: Path, maker: str) -> None:
    desk = Desk(tmp_path)
    await desk.use("write_file", name="kept.md", content=f"one\n{MARK}\nthree\n")
    await desk.give("odd.csv", f"\0{MARK},b\n1,2\n")
    for name, arguments in (
        ("patch_file", {"file": "kept.md", "diff": MISFIT}),
        (maker, {"name": "report", "text": "# Report\n\n![Table](odd.csv)\n"}),
    ):
        outcome = await desk.use(name, **arguments)
        assert MARK in outcome.output
        assert outcome.tainted, outcome.output
    plain = await desk.use(maker, name="plain", text="# Report\n\nWords.\n")
    assert (plain.status, plain.tainted) == ("ok", False)
