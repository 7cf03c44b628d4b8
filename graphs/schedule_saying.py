"""A schedule said in plain words, "every Monday at 9, summarise the news": told apart by code, for a person to confirm.

Nothing here makes one, and no model is asked: what comes out is a proposal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from core.errors import BadInput
from graphs.timetable import check_cron, check_timezone
from graphs.timetable_words import from_words

LONGEST = 2_000
"""Characters of a message that is looked at; longer ones are no such sentences."""
_DAY = r"(?:mon|tues|wednes|thurs|fri|satur|sun)days?|mon|tue|wed|thu|fri|sat|sun"
_DAYS = rf"(?:{_DAY})(?:(?:, and |, | and )(?:{_DAY}))*"
_WHAT = rf"(?:day|weekday|morning|evening|{_DAYS})"
_AT = r"at \d{1,2}(?:[:.]\d{2})?(?: ?(?:am|pm|o'clock))?"
_NTH = r"\d{1,2}(?:st|nd|rd|th)?"
_PHRASE = (
    rf"(?:(?:every|each) {_WHAT},? {_AT}|daily {_AT}|{_AT},? (?:every|each) {_WHAT}|{_AT} daily"
    rf"|on the (?:{_NTH}|last day) of (?:every|each) month,? {_AT}|(?:every|each) month on the {_NTH},? {_AT}"
    r"|(?:every|each) hour|hourly|every \d{1,2} minutes)"
)
_ZONE = r"(?:,? (?:in|of|by) (?P<zone>UTC|[A-Z][A-Za-z_]+(?:/[A-Za-z_+-]+)+)(?: time)?)?"
_FIRST = re.compile(
    rf"(?:please,? |from now on,? )*(?P<when>(?i:{_PHRASE})){_ZONE}\s*(?:[,:;–—-]\s*|\s)(?P<goal>\S.*)", re.S | re.I
)
_LAST = re.compile(rf"(?P<goal>\S.*?),?\s+(?P<when>{_PHRASE}){_ZONE}\s*[.!]?", re.S | re.I)
_BEGINNING = re.compile(r"(?:please|then|and|i want you to|i would like you to|can you|could you)[ ,]+", re.I)


@dataclass(frozen=True)
class Saying:
    """What was said: when as a cron line, in which zone ("" if none was named), and what is to be done."""

    cron: str
    zone: str
    goal: str


def understood(text: str) -> Saying | None:
    """Find a schedule in a message: when it is due stands at its beginning or at its end. None if there is none in it."""
    plain = text.strip()
    if len(plain) > LONGEST or plain.endswith("?") or plain.startswith("/"):
        return None
    for form in (_FIRST, _LAST):
        if (found := form.fullmatch(plain)) and (saying := _saying(found)):
            return saying
    return None


def _saying(found: re.Match[str]) -> Saying | None:
    cron, goal = from_words(_usual(found["when"])), _goal(found["goal"])
    if not cron or len(goal.split()) < 2:
        return None
    try:
        return Saying(check_cron(cron), check_timezone(found["zone"]) if found["zone"] else "", goal)
    except BadInput:
        return None


def _goal(text: str) -> str:
    goal = text.strip()
    while begun := _BEGINNING.match(goal):
        goal = goal[begun.end() :]
    return goal[:1].upper() + goal[1:]


def _usual(when: str) -> str:
    """Say it the way `from_words` reads it: every ... at ..."""
    words = " ".join(when.lower().replace("o'clock", "").split())
    words = re.sub(r"\beach\b", "every", words)
    words = {"hourly": "every hour"}.get(words, words)
    words = re.sub(r",? (at \d)", r" \1", words)
    if turned := re.fullmatch(r"(at .+?),? (every .+|daily)", words):
        words = f"{turned[2]} {turned[1]}"
    words = re.sub(r"^daily", "every day", words)
    return re.sub(r"every (?:morning|evening)", "every day", words)
