"""Words and marks of the chat: nothing is lost, nothing is fetched, nothing breaks out."""

from __future__ import annotations

from decimal import Decimal

import pytest

from api.safe_markdown import has_pictures
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


EVIL = "![x](https://evil.example/?q=1)"


@pytest.mark.parametrize(
    "text",
    [
        f"\\\\{EVIL}",
        f"# a `b\n{EVIL}\n` c",
        f"- `a\n- {EVIL} `",
        f"1. a\n   ```\n{EVIL}",
        f"``` `\n{EVIL}\n",
        f"<http://a.example/`>{EVIL}`",
        "`a\n# b\n![x][r] `\n\n[r]: //evil.example/a.png",
    ],
)
def test_what_only_looks_like_code_or_escaped_hides_no_picture(text: str) -> None:
    assert "![" in text
    assert not has_pictures(displayed(text))
    assert has_pictures(text), "else this tests nothing"


def test_a_picture_in_code_is_code() -> None:
    for text in (f"Write `{EVIL}`.", f"```\n{EVIL}\n```", f"So: \\{EVIL}"):
        assert displayed(text) == text


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
    assert price(Usage(model_calls=2, cost=Decimal("0.5"), unpriced_calls=1)) == "$0.50 and 1 unpriced call"
    line = price_line(Usage(model_calls=1, tokens_in=2000, tokens_out=310), 4.2)
    assert line == "1 model call · 2,310 tokens · $0 · 4.2 s"


def test_sources_name_file_page_and_words_once() -> None:
    source = Source(file="memo_1.pdf", quote="prices *may*\nrise", page=2, origin_id="a1")
    listed = sources_list([source, source, Source(file="notes.txt", quote="", line=7, origin="memory")])
    place = "/files/a1/view?page=2&quote=prices%20%2Amay%2A%20rise#here"
    assert f"1. [memo\\_1\\.pdf]({place}), page 2 — “prices \\*may\\* rise”" in listed
    assert "2. notes\\.txt, line 7" in listed
    assert "3." not in listed


def test_a_source_cannot_lead_elsewhere() -> None:
    assert "](" not in sources_list([Source(file="x", quote="", origin_id="../../logout")])


def test_a_flagged_quote_comes_first() -> None:
    right = Source(file="a.txt", quote="yes", origin_id="a")
    wrong = Source(file="b.txt", quote="no", origin_id="b", problem="not found in the file")
    lines = sources_list([right, wrong]).splitlines()
    assert lines[2].endswith("“no” — ⚠ **not found in the file**")
    assert "⚠" not in lines[3]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://example.org/a_b?q=1", r"[example\.org/a\_b?q=1](https://example.org/a_b?q=1)"),
        ("https://bücher.example/", r"[xn\-\-bcher\-kva\.example/](https://xn--bcher-kva.example/)"),
        ("http://h.example:8080/(x)", r"[h\.example\:8080/%28x%29](http://h.example:8080/%28x%29)"),
    ],
)
def test_a_web_source_says_its_host(address: str, shown: str) -> None:
    assert shown in sources_list([Source(file=address, quote="", origin="web", origin_id=address)])


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "https://user@evil.example/", "//x.example", "https://", "data:x"]
)
def test_a_web_source_that_is_no_address_stays_text(address: str) -> None:
    assert "](" not in sources_list([Source(file=address, quote="", origin="web", origin_id=address)])
