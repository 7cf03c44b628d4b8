"""How the rehearsal model takes a goal apart: by its lists, its sentences and the word "then", without understanding it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LONGEST = 19_000  # characters of a goal that are looked at; a task of it may name its file and stay below 20,000
_LIST_LINE = re.compile(r"^\s*(?:[-*•]|\(?\d{1,2}[.)]|[a-h]\))\s+(.+?)\s*$")
_INLINE_NUMBER = re.compile(r"(?:^|(?<=[\s:;,]))\(?[1-9][.)]\s+(?=\S)")
_STAGE = re.compile(
    r"(?:[.;,]\s*|\s+)(?:and\s+)?(?:then|after that|afterwards|finally|once (?:that|this) is done)\b,?\s+",
    re.IGNORECASE,
)
_STAGE_FIRST = re.compile(r"^(?:and\s+)?(?:then|after that|afterwards|finally)\b,?\s+", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"'(])|\s*;\s*|\n+")
_LEAD = re.compile(r"^([^:\n]{3,160}):\s+(\S.+)$", re.DOTALL)
_SAVING = re.compile(
    r"^(.+?),?\s+and\s+((?:please\s+)?(?:save|write|put|store|export|remember|note)\b.+)$", re.IGNORECASE | re.DOTALL
)
_COMMA = re.compile(r"\s*,\s+(?:and\s+|or\s+)?|\s+as well as\s+|\s+and\s+also\s+")
_WHOLE = re.compile(r"^(?:please\s+)?(?:remember|note|keep in mind|ask me)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Part:
    """One thing that is wanted: `stage` counts the "then"s before it, `lead` are the words its list began with."""

    text: str
    stage: int = 0
    lead: str = ""


def split_goal(goal: str) -> list[Part]:
    """Take a goal apart; a goal without structure is one part."""
    goal = re.sub(r"\n{3,}", "\n\n", re.sub(r"[^\S\n]+", " ", goal[:_LONGEST])).strip()
    lines = goal.splitlines()
    listed = [bool(_LIST_LINE.match(line)) for line in lines]
    parts = list(_from_lines(lines) if sum(listed) >= 2 else _from_prose(goal))
    return [p for p in parts if re.search(r"\w", p.text)]


def _from_lines(lines: list[str]) -> Iterator[Part]:
    stage, lead, seen = 0, "", False
    for line in lines:
        item = _LIST_LINE.match(line)
        if item is None and not seen:
            lead = f"{lead} {line}".strip()
        elif item is not None or line.strip():
            text = item[1] if item else line.strip()
            seen = True
            stage += bool(_STAGE_FIRST.match(text))
            yield from _tailed(_clean(_STAGE_FIRST.sub("", text)), stage, lead.rstrip(": "))


def _from_prose(goal: str) -> Iterator[Part]:
    numbered = _INLINE_NUMBER.split(goal)
    if len(numbered) >= 3:
        lead, *items = numbered
        yield from _from_lines([lead, *(f"- {item.strip(' ,;')}" for item in items)])
        return
    stage = 0
    for chunk in _STAGE.split(goal):
        deepest = stage
        for sentence in _SENTENCE.split(chunk):
            for part in _from_sentence(_clean(sentence), stage):
                deepest = max(deepest, part.stage)
                yield part
        stage = deepest + 1


def _from_sentence(sentence: str, stage: int) -> Iterator[Part]:
    if _WHOLE.match(sentence):
        yield Part(sentence, stage)
        return
    tail = _SAVING.match(sentence)
    if tail:
        yield from _from_sentence(_clean(tail[1]), stage)
        yield Part(_clean(tail[2]), stage + 1)
        return
    lead = _LEAD.match(sentence)
    items = _items(lead[2], shortest=1) if lead else []
    if lead and len(items) >= 2:
        for item in items:
            yield Part(_clean(item), stage, lead[1])
        return
    items = _items(sentence, shortest=2)
    for item in items if len(items) >= 3 else [sentence]:
        yield Part(_clean(item), stage)


def _tailed(text: str, stage: int, lead: str) -> Iterator[Part]:
    tail = _SAVING.match(text)
    if tail:
        yield Part(_clean(tail[1]), stage, lead)
        yield Part(_clean(tail[2]), stage + 1, lead)
    else:
        yield Part(text, stage, lead)


def _items(text: str, shortest: int) -> list[str]:
    """Split an enumeration; none if one of its items has fewer words than an item of a list would."""
    items = [i for i in _COMMA.split(text) if i.strip()]
    if items and " and " in items[-1]:
        items[-1:] = items[-1].split(" and ", 1)
    return items if all(len(i.split()) >= shortest for i in items) else []


def _clean(text: str) -> str:
    text = re.sub(
        r"^(?:and|also|please|could you|can you|i (?:want|need)(?: you to)?)\s+", "", text.strip(), flags=re.I
    )
    return text.strip().rstrip(".;,").strip()
