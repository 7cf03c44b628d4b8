"""Searching files for exactly a text, as in code: every line that holds it, word for word, in what was given and written."""

from __future__ import annotations

import random
from pathlib import Path

from tools_fixtures import Desk


async def test_exactly_this_text_is_found_with_its_lines(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.give("app.py", "import os\n\ndef f(a):\n    return a[0] == 'x'\n\nf(a)  # f(a) again\n")
    await desk.ask(
        "write_file", name="notes.md", content="Call f(a) here.\nAnd F(A) is another.\n" + "z" * 900 + " f(a)\n"
    )
    outcome = await desk.use("search_files", query="f(a)", exact=True)
    assert [(s.file, s.line) for s in outcome.sources] == [
        ("app.py", 3),
        ("app.py", 6),
        ("notes.md", 1),
        ("notes.md", 3),
    ]
    assert outcome.sources[1].quote == "f(a)  # f(a) again"
    assert outcome.sources[3].quote.endswith(" f(a)")
    assert len(outcome.sources[3].quote) <= 500
    assert "a[0] == 'x'" in await desk.ask("search_files", query="[0] ==", exact=True)
    assert "This text does not stand in" in await desk.ask("search_files", query="f( a )", exact=True)
    assert (await desk.use("search_files", query="== []")).status == "failed"  # no words, and not exact


async def test_a_text_that_is_everywhere_is_found_in_time(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    await desk.give("long.txt", "a" * 2_000_000)
    await desk.give("lines.txt", "\n".join("ab" for _ in range(200_000)))
    assert "500 places" in await desk.ask("search_files", query="a", exact=True)


async def test_random_texts_are_found_where_they_are(tmp_path: Path) -> None:
    chance = random.Random(13)
    desk = Desk(tmp_path)
    lines = ["".join(chance.choices("ab(). ", k=chance.randint(0, 12))) for _ in range(60)]
    await desk.give("random.txt", "\n".join(lines))
    for _ in range(200):
        text = "".join(chance.choices("ab(). ", k=chance.randint(2, 4)))
        found = {s.line for s in (await desk.use("search_files", query=text, exact=True)).sources}
        expected = [n for n, line in enumerate(lines, 1) if text in line]
        assert found == set(expected[:12])
