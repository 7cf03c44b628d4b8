"""A quote is found however it was copied, and only where it stands."""

from __future__ import annotations

import pytest

from core.memories import Origin, Passage
from core.missions import Source
from graphs.citing import NOT_FOUND, _claims, problem
from memory.quotes import Stretch, line_at, locate, stretches

TEXT = Stretch("First line.\nThe main supplier\n may raise  prices in March.\nÉtude – “naïve”, 1,500 €.", 2, 10)


@pytest.mark.parametrize(
    ("quote", "line"),
    [("The main supplier may raise prices", 11), ("the MAIN supplier\nmay raise", 11), ("étude naïve 1 500", 13),
     ("First line … prices in March", 10), ("First [...] 1,500", 10), ("supplier may raise pri", 11),
     ("First [secret] prices", 10)],
)  # fmt: skip
def test_found_where_it_stands(quote: str, line: int) -> None:
    place = locate(quote, [Stretch("Other.", 1, 1), TEXT])
    assert place is not None
    assert (place.stretch, line_at(TEXT, place.start)) == (1, line)


@pytest.mark.parametrize("quote", ["prices may fall in March", "March … First", "", "…", "?!", "supplier raises"])
def test_what_is_not_there_is_not_found(quote: str) -> None:
    assert locate(quote, [TEXT]) is None


def test_marks_exactly_the_words() -> None:
    place = locate("MAIN supplier may", [TEXT])
    assert place is not None
    assert TEXT.text[place.start : place.end] == "main supplier\n may"


def test_scripts_without_spaces() -> None:
    text = Stretch("供应商可能在三月涨价。税法。", None, 1)
    place = locate("可能在三月", [text])
    assert place is not None
    assert text.text[place.start : place.end] == "可能在三月"


def test_over_the_border_of_two_pages() -> None:
    place = locate("ends here and goes on", [Stretch("It ends here", 1, 1), Stretch("and goes on.", 2, 1)])
    assert place is not None
    assert place.stretch == 0


def test_passages_become_pages_again() -> None:
    about = {"user_id": "u", "conversation_id": "c", "origin": Origin.FILE, "origin_id": "f", "name": "n"}
    parts = [("\n\nabc ", 1, 3), ("def\n", 1, 3), ("x", 2, 1)]
    found = stretches(
        [Passage(id=str(n), text=t, page=p, line=at, position=n, **about) for n, (t, p, at) in enumerate(parts)]
    )
    assert found == [Stretch("\n\nabc def\n", 1, 1), Stretch("x", 2, 1)]


def test_a_wrong_page_is_said() -> None:
    text = [Stretch("one", 1, 1), Stretch("The tax rule could delay deliveries.", 2, 1)]
    assert problem("tax rule could delay", 2, text) == ""
    assert problem("tax rule could delay", 1, text) == "stands on page 2"
    assert problem("tax rule will delay", 2, text) == NOT_FOUND
    assert problem("anything", 2, []) == "", "nothing is held of it, so nothing can be said"


def test_quotes_of_an_answer_with_their_files() -> None:
    answer = (
        'It says "prices may rise in March" [memo.pdf, page 2].\n> Two key people are leaving. [memo.pdf]\n'
        'The word "certainly not" stands alone. “Row three of all” [sales.csv, line 3] and “short” [x.pdf].'
    )
    assert [(c.quote, c.file, c.page, c.line) for c in _claims(answer)] == [
        ("prices may rise in March", "memo.pdf", 2, None),
        ("Two key people are leaving.", "memo.pdf", None, None),
        ("Row three of all", "sales.csv", None, 3),
    ]


def test_a_source_says_what_is_wrong() -> None:
    assert Source(file="a", quote="b").problem == ""
