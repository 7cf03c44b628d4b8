"""The window over a conversation: bounded, and cut back in blocks so that its beginning stays the same for several turns."""

from __future__ import annotations

from itertools import pairwise

from core.memories import Said
from graphs.briefing import BLOCK, LONGEST, window


def conversation(turns: int, characters: int = 400) -> list[Said]:
    return [Said(author="user" if i % 2 == 0 else "chief", text=f"{i} " + "x" * characters) for i in range(turns)]


def test_a_short_conversation_is_kept_whole() -> None:
    history = conversation(6)
    assert window(history, 3_000) == history


def test_a_long_conversation_stays_within_the_limit_and_keeps_the_newest() -> None:
    for turns in range(1, 200):
        history = conversation(turns)
        kept = window(history, 3_000)
        assert sum(len(m.text) // 4 + 4 for m in kept) <= 3_000
        assert not kept or kept[-1] == history[-1]


def test_the_beginning_of_the_window_moves_a_block_at_a_time() -> None:
    firsts = [window(conversation(turns), 3_000)[0].text.split()[0] for turns in range(1, 120)]
    changes = sum(a != b for a, b in pairwise(firsts))
    assert changes <= 120 // BLOCK
    assert all(int(first) % BLOCK == 0 for first in firsts)


def test_one_huge_message_is_cut_rather_than_dropped() -> None:
    [kept] = window([Said(author="user", text="y" * 1_000_000)], 3_000)
    assert len(kept.text) == LONGEST
