"""Cutting text: nothing lost, nothing twice, natural borders, true places."""

from __future__ import annotations

import random
import time

import pytest

from memory.chunking import MOST, Section, clean, passages


def prose(seed: int) -> str:
    chance = random.Random(seed)
    words = ["".join(chance.choices("abcdefghij", k=chance.randint(1, 12))) for _ in range(3000)]
    return "".join(word + chance.choice([" ", " ", " ", ". ", "\n", "\n\n", "? "]) for word in words)


@pytest.mark.parametrize("seed", range(5))
def test_passages_join_to_the_text(seed):
    text = prose(seed)
    pieces = list(passages([Section(text)]))
    assert "".join(piece for piece, _, _ in pieces) == text
    assert all(300 <= len(piece) <= MOST for piece, _, _ in pieces)
    assert sum(len(piece) >= 700 for piece, _, _ in pieces) >= len(pieces) - 1


@pytest.mark.parametrize("seed", range(5))
def test_the_line_of_a_passage_is_where_its_first_word_stands(seed):
    text = prose(seed)
    lines = text.split("\n")
    for piece, _, line in passages([Section(text)]):
        assert piece.strip().split("\n")[0] in lines[line - 1]


def test_a_cut_falls_behind_a_paragraph_if_there_is_one():
    paragraph = "A sentence that ends here. " * 35 + "\n\n"
    pieces = [piece for piece, _, _ in passages([Section(paragraph * 6)])]
    assert pieces == [paragraph] * 6


def test_a_text_without_any_border_is_cut_anyway():
    pieces = [piece for piece, _, _ in passages([Section("x" * 5000)])]
    assert "".join(pieces) == "x" * 5000
    assert max(map(len, pieces)) == MOST


def test_sections_are_never_mixed_and_empty_ones_left_out():
    found = list(passages([Section("one", page=1), Section(" \n", page=2), Section("three", page=3, line=7)]))
    assert found == [("one", 1, 1), ("three", 3, 7)]


def test_unsafe_characters_are_cleaned():
    assert clean("a\x00b\ud800c\r\nd\re") == "ab\ufffdc\nd\ne"
    [(text, _, _)] = passages([Section("\udfffx\x00")])
    text.encode("utf-8")


def test_ten_megabytes_are_cut_quickly():
    began = time.thread_time()
    pieces = list(passages([Section("some words in a line of text\n" * 345_000)]))
    assert len(pieces) < 15_000
    assert time.thread_time() - began < 10
