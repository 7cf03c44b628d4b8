"""Unified diffs: those that fit are applied exactly, all others refused."""

from __future__ import annotations

import difflib
import random

import pytest

from core.errors import BadInput
from tools.patching import patched, replaced

TEXT = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n"


def diff_of(old: str, new: str, context: int = 3) -> str:
    """Write a diff as `diff -u` does."""
    lines: list[str] = []
    for line in difflib.unified_diff(old.splitlines(keepends=True), new.splitlines(keepends=True), "a", "b", n=context):
        lines.append(line if line.endswith("\n") else line + "\n\\ No newline at end of file\n")
    return "".join(lines)


def test_random_diffs_are_applied_exactly() -> None:
    chance = random.Random(3)
    for round_number in range(600):
        old = [f"{chance.choice('abcde')}" for _ in range(chance.randint(0, 30))]
        new = list(old)
        for _ in range(chance.randint(1, 5)):
            at = chance.randint(0, len(new))
            new[at : at + chance.randint(0, 3)] = [f"new {chance.randint(0, 9)}" for _ in range(chance.randint(0, 3))]
        before, after = ("\n".join(lines) + chance.choice(["\n", ""]) * bool(lines) for lines in (old, new))
        if before != after:
            assert patched(before, diff_of(before, after, chance.choice([0, 1, 3]))) == after, round_number


def test_a_diff_that_moved_fits_at_the_one_place_it_can() -> None:
    new = TEXT.replace("five", "5")
    assert patched("zero\nzero\n" + TEXT, diff_of(TEXT, new)) == "zero\nzero\n" + new


@pytest.mark.parametrize(
    ("diff", "words"),
    [
        (diff_of("other\nlines\n", "x\n"), "Place 1 of 1 of the diff does not fit"),
        ("@@ -1,2 +1,2 @@\n one\n-two\n+2\n+3\n", r"says it has -2 \+2, but has -2 \+3 lines"),
        ("@@ -1,1 +1,1 @@\n*one\n", "begins with '\\*'"),
        ("--- a\n+++ b\n@@ -1 +1 @@\n-one\n+1\n--- c\n+++ d\n@@ -1 +1 @@\n-x\n+y\n", "several files"),
        ("nothing", "no unified diff"),
        ("", "no unified diff"),
        ("@@ -99,0 +99,1 @@\n+late\n", "does not fit"),
        ("@@ -5 +5 @@\n-five\n+5\n@@ -2 +2 @@\n-two\n+2\n", "Place 2 of 2"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(diff: str, words: str) -> None:
    with pytest.raises(BadInput, match=words):
        patched(TEXT, diff)


def test_two_places_that_both_fit_are_not_guessed() -> None:
    with pytest.raises(BadInput, match="does not fit"):
        patched("a\nx\nb\nx\nc\n", "@@ -3 +3 @@\n-x\n+y\n")


def test_find_and_replace_is_exact() -> None:
    assert replaced("a b a", "b", "c", everywhere=False) == "a c a"
    assert replaced("a b a", "a", "", everywhere=True) == " b "
    with pytest.raises(BadInput, match="stands 2 times"):
        replaced("a b a", "a", "c", everywhere=False)
