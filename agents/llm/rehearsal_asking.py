"""When a goal says "ask me ...": what an operator of the rehearsal model asks, so that answering can be tried without a model."""

from __future__ import annotations

import re
from typing import Any

from agents.llm.rehearsal_words import sentence_case

_ASK = re.compile(
    r"(?:^|[\s,;]+)(?:(?:and|but|then|also|please)\s+)*ask me\b,?\s*(?:(?:first|before that|again)\b,?\s*)?(?P<what>[^.;?]*)[.;?]?",
    re.IGNORECASE,
)
_WHETHER = re.compile(r"^(?:whether|if)\s+", re.IGNORECASE)
_NUMBER = re.compile(
    r"^(?:how (?:many|much)|for (?:a|the|some) number|(?:for )?(?:which|what) number)\b", re.IGNORECASE
)
_FILE = re.compile(
    r"^for (?:a|an|the|my|some)\s+(?:\w+\s+){0,3}?(?:file|document|table|spreadsheet|memo)\b", re.IGNORECASE
)
_FOR = re.compile(r"^(?:for|about)\s+", re.IGNORECASE)


def question_in(goal: str) -> dict[str, Any] | None:
    """Read what an operator is to ask, as arguments of `ask_user`; None if the goal asks for no question."""
    found = _ASK.search(goal)
    if found is None:
        return None
    what = " ".join(found["what"].split()).rstrip(" ,:")
    if _FILE.match(what):
        return {"question": f"Please attach {_FOR.sub('', what)}.", "form": "file"}
    if _WHETHER.match(what):
        return {"question": f"{sentence_case(_WHETHER.sub('', what))}: yes or no?", "form": "yes_no"}
    question, choices = _choices(what)
    if choices:
        return {"question": f"{sentence_case(question)}?", "form": "choice", "choices": choices}
    plain = sentence_case(_FOR.sub("", what)) or "What should I know before I go on"
    return {"question": f"{plain}?", "form": "number" if _NUMBER.match(what) else "text"}


def without_question(goal: str) -> str:
    """Leave out of a goal what is only to be asked."""
    return _ASK.sub(" ", goal).strip(" ,;.")


def _choices(what: str) -> tuple[str, list[str]]:
    """Split "which region: North, South or West" into the question and its choices (none if there are fewer than two)."""
    question, colon, listed = what.partition(":")
    choices = [c.strip(" '\"") for c in re.split(r",\s*(?:or\s+)?|\s+or\s+", listed) if c.strip(" '\"")]
    return (question.strip(), choices) if colon and len(choices) > 1 else (what, [])
