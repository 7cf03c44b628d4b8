"""What the parts of the rehearsal model share: its visible mark, its moves, and a plain view of words."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

MARK = (
    "*Rehearsal: no language model connected. Everything above comes from the tools; nothing was judged or written by a "
    "model. An owner or administrator can connect one on the page [Models](/models), or with STAFFWORK_MODEL and its key.*"
)
_COMMON = """
a an and any are as at be by can could do does each every file files find for from give had has have how i in into is
it its list me mentioned mention mentions most my of on or out our please quote quotes say says show tell that the
their them there these they this those three to two one four five six was we were what when where which who why will
with would you your about all also remember recall did know told tell than then not no summarise summarize summary
explain describe main some search look passage passages sentence sentences document memo text page pages stated named
given many much
"""
_STOP = frozenset(_COMMON.split())


@dataclass
class Move:
    """What the rehearsal model says next: text, and tool calls as name and arguments."""

    text: str = ""
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


def content_words(text: str) -> set[str]:
    """List the words that carry meaning, in a rough singular."""
    return {stem(w) for w in re.findall(r"[^\W\d_]{3,}", text.lower()) if w not in _STOP}


def stem(word: str) -> str:
    """Take the plural and the commonest endings off an English word."""
    for ending, short in (("ies", "y"), ("s", "")):
        if word.endswith(ending) and len(word) > len(ending) + 2 and not word.endswith(("ss", "is", "us")):
            return word[: -len(ending)] + short
    return word


def sentence_case(text: str) -> str:
    """Begin with a capital letter, leaving the rest as it is."""
    return text[:1].upper() + text[1:]
