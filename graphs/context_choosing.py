"""Which context documents are given to somebody: those whose triggers stand in the goal, as far as there is room."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from core.decisions import looks_like
from core.memories import Context
from core.missions import Source

ROOM = 1_200
"""Tokens (four characters each) of all documents that are given at once."""
LONGEST = 3_000
"""Characters of one of them; the rest is left out, and said to be."""
_LOOKED_AT = 4_000  # characters of a goal: what it is about stands at its beginning
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_PATTERN = re.compile(r"(?:[^\W_]|\*)+(?:['’](?:[^\W_]|\*)+)*")


def choose(contexts: Sequence[Context], goal: str, operator: str = "") -> tuple[Source, ...]:
    """Choose what fits a goal (and an operator), the best first: most triggers, then a person's own before the house's."""
    said = Said(goal)
    rated = [(said.matches(c.triggers) + 2 * (operator in c.operators), c) for c in contexts]
    fitting = sorted((r for r in rated if r[0]), key=lambda r: (-r[0], r[1].shipped, not r[1].owner, r[1].id))
    chosen, room = list[Source](), ROOM * 4
    for _, context in fitting:
        text = shortened(context.text, min(LONGEST, room))
        if text:
            chosen.append(as_source(context, text))
            room -= len(text)
    return tuple(chosen)


def as_source(context: Context, text: str) -> Source:
    """Cite a document, or a part of it; its id says which version it was."""
    return Source(file=context.title, quote=text, origin="context", origin_id=f"{context.id}@{context.version}")


def shortened(text: str, most: int) -> str:
    """Cut a document at a line, and say so; "" if so little room is not worth it."""
    text = text.strip()
    if len(text) <= most:
        return text
    if most < 200:
        return ""
    kept = text[: most - 40].rsplit("\n", 1)[0].rstrip()
    return f"{kept}\n[... the rest of this document is left out]"


def in_force(contexts: Iterable[Context]) -> list[Context]:
    """List what may be given: of several with the same name a person's own, then the house's, then the shipped one.

    One that is switched off hides those it replaces; a draft replaces nothing, and is given to nobody.
    """
    found: dict[str, Context] = {}
    for context in sorted((c for c in contexts if not c.draft), key=lambda c: (bool(c.owner), not c.shipped)):
        found[context.name] = context
    return [c for c in found.values() if c.enabled]


class Said:
    """The words of a text, to hold triggers against; in time that hostile triggers and texts cannot stretch."""

    def __init__(self, text: str) -> None:
        self._words = [w.casefold() for w in _WORD.findall(text[:_LOOKED_AT])]
        self._known = set(self._words)

    def matches(self, triggers: Sequence[str]) -> int:
        """Count the triggers that stand in it."""
        return sum(self.holds(trigger) for trigger in triggers)

    def holds(self, trigger: str) -> bool:
        """Say whether the words of a trigger stand there one after the other; * stands for anything within a word."""
        wanted = words_of(trigger)
        if not wanted or any("*" not in w and w not in self._known for w in wanted):
            return False
        if len(wanted) == 1 and "*" in wanted[0]:
            return any(looks_like(wanted[0], word) for word in self._known)
        last = len(self._words) - len(wanted)
        return any(
            all(looks_like(w, self._words[start + n]) for n, w in enumerate(wanted)) for start in range(last + 1)
        )


@lru_cache(4_096)
def words_of(trigger: str) -> tuple[str, ...]:
    """Take a trigger apart into words, which may hold stars."""
    return tuple(w.casefold() for w in _PATTERN.findall(trigger))
