"""Words and marks of the chat: nothing is lost, nothing is fetched, nothing breaks out."""

from __future__ import annotations

from decimal import Decimal

import pytest

from chat.wording import displayed, fenced, lasted, literal, named, price, price_line, sources_list
from core.budget import Usage
from core.missions import Source


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("key:value", r"key\:value"),
        ("C:drive and a:b", r"C\:drive and a\:b"),
        (":::info", r"\:\:\:info"),
        ("at 12:30, ratio 1:2", "at 12:30, ratio 1:2"),
        ("Total: 5", "Total: 5"),
        ("https://example.org/a", "https://example.org/a"),
        (r"already\:escaped", r"already\:escaped"),
        ("größe:änderung", r"größe\:änderung"),
    ],
)
def test_no_text_is_lost_after_a_colon(text: str, shown: str) -> None:
    assert displayed(text) == shown


@pytest.mark.parametrize("code", ["`a:b`", "``x `y:z` ``", "```\nkey:value\n```", "~~~\nk:v\n~~~", "```py\nd = {a:b}"])
def test_code_stays_as_it_is(code: str) -> None:
    assert displayed(f"before x:y\n\n{code}").endswith(code)


@pytest.mark.parametrize(
    "image", ["![x](https://evil.example/?q=1)", "![x][ref]", "text ![](//evil.example/a.png) text"]
)
def test_a_picture_from_elsewhere_becomes_a_link(image: str) -> None:
    assert displayed(image).replace("\\!", "") == image.replace("!", "")


def test_a_backtick_far_away_hides_no_picture() -> None:
    assert "\\![x]" in displayed("a ` b\n\n![x](https://evil.example)\n\nc ` d")


def test_tool_output_cannot_leave_its_block() -> None:
    block = fenced("```\n![x](https://evil.example)\n````\nmore")
    assert block.startswith("`````text\n")
    assert block.endswith("\n`````")
    assert displayed(block) == block


def test_long_output_says_how_much_is_missing() -> None:
    assert "… 1,000 more characters" in fenced("x" * 5000)


def test_literal_text_is_no_markdown() -> None:
    assert literal("*a* [b](c)\n# d") == r"\*a\* \[b\]\(c\) \# d"


@pytest.mark.parametrize(("seconds", "words"), [(0.04, "0.0 s"), (4.21, "4.2 s"), (61.4, "61 s"), (200, "3 min 20 s")])
def test_durations_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert lasted(seconds) == words


def test_titles_fit_on_a_line() -> None:
    assert named("a\nb") == "a b"
    assert len(named("x" * 500)) == 110


def test_an_unknown_price_is_never_nothing() -> None:
    assert price(Usage(model_calls=2, unpriced_calls=2)) == "unpriced"
    assert price(Usage(model_calls=2, cost=Decimal("0.0123"))) == "$0.0123"
    assert price(Usage(model_calls=2, cost=Decimal("0.5"), unpriced_calls=1)) == "$0.5 and 1 unpriced call"
    line = price_line(Usage(model_calls=1, tokens_in=2000, tokens_out=310), 4.2)
    assert line == "1 model call · 2,310 tokens · $0 · 4.2 s"


def test_sources_name_file_page_and_words_once() -> None:
    source = Source(file="memo_1.pdf", quote="prices *may*\nrise", page=2, origin_id="a1")
    listed = sources_list([source, source, Source(file="notes.txt", quote="", line=7, origin="memory")])
    assert "1. [memo\\_1\\.pdf](/files/attachment/a1), page 2 — “prices \\*may\\* rise”" in listed
    assert "2. notes\\.txt, line 7" in listed
    assert "3." not in listed


def test_a_source_cannot_lead_elsewhere() -> None:
    assert "](" not in sources_list([Source(file="x", quote="", origin_id="../../logout")])
