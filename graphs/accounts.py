"""What a mission did, read off its record: receipts for every side effect, and what was only said to have been done."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from core.decisions import Account, Receipt
from core.events import BriefAssembled, Event, TaskEnded, TaskStarted, ToolCalled, ToolReturned

MOST = 100
"""Receipts of one mission that are listed; the rest is counted."""
_LOOKS_OUTSIDE = frozenset({"network"})
_MARK = re.compile(r"[\[(]\s*receipt:?\s+`?([\w./-]{1,100}?)`?\s*[\])]", re.IGNORECASE)
_BETWEEN = re.compile(r"((?<=[.!?])\s+|\n+)")
_DOER = r"\b(?:I|we)(?:['’]ve|\s+have)?\s+(?:(?:just|now|already|also|successfully|then)\s+)*"
_DONE = r"\b(?:has|have|was|were)\s+(?:(?:just|now|already|also|successfully)\s+)*(?:been\s+)?"
_OUTSIDE = r"(?:e-?mailed|mailed|sent|posted|published|paid|transferred|bought|purchased|booked|submitted)\b"
_HERE = r"(?:deleted|saved|uploaded|installed|executed)\b"
_SAYS_OUTSIDE, _SAYS_HERE = (re.compile(f"{_DOER}{verb}", re.IGNORECASE) for verb in (_OUTSIDE, _HERE))
_WAS_OUTSIDE = re.compile(
    rf"\b(?:e-?mail|message|letter|payment|money|order|invoice|post)s?\b[^.!?\n]{{0,60}}{_DONE}{_OUTSIDE}", re.I
)
UNVERIFIED = "*(not verified: nothing on record shows it)*"


class Accounts:
    """Keeps what events say of deeds; the same event twice is once."""

    def __init__(self, past: Iterable[Event] = ()) -> None:
        self._called: dict[str, ToolCalled] = {}
        self._returned: dict[str, ToolReturned] = {}
        self._started: dict[str, TaskStarted] = {}
        self._ended: dict[str, TaskEnded] = {}
        self._brief: BriefAssembled | None = None
        for event in past:
            self.note(event)

    def note(self, event: Event) -> None:
        """Take one more event into account."""
        match event:
            case ToolCalled():
                self._called[event.step] = event
            case ToolReturned():
                self._returned[event.step] = event
            case TaskStarted():
                self._started[event.task_id] = event
            case TaskEnded():
                self._ended[event.task_id] = event
            case BriefAssembled():
                self._brief = event
            case _:
                pass  # tells of no deed

    def receipts(self) -> list[Receipt]:
        """List what was done, in the order in which it ended."""
        claims: dict[str, list[str]] = {}
        for what, step in (claim for ended in self._ended.values() for claim in ended.claims):
            claims.setdefault(step, []).append(what)
        return [self._receipt(r, claims.get(r.step, [])) for r in self._returned.values() if r.risks]

    def _receipt(self, returned: ToolReturned, claims: Sequence[str]) -> Receipt:
        words, started = self.words(returned.step), self._started.get(returned.task_id or "")
        return Receipt(
            step=returned.step,
            task_id=returned.task_id,
            operator=started.operator if started else "",
            tool=returned.tool,
            words=words,
            risks=returned.risks,
            undo=returned.undo,
            certain=returned.status == "ok",
            claims=tuple(dict.fromkeys(claim for claim in claims if claim != words)),
        )

    def words(self, step: str) -> str:
        """Say in code's own words what a call was about to do."""
        called = self._called.get(step)
        return (called.intent or called.tool) if called else self._returned[step].tool

    def proven(self, step: str, task_id: str) -> bool:
        """Say whether a step is a receipt of a task or of what it handed down: it did something, and that is certain."""
        found = self._returned.get(step)
        if found is None or not found.risks or found.status != "ok":
            return False
        owner = found.task_id or ""
        return owner == task_id or owner.startswith(f"{task_id}.")

    def claims(self, task_id: str, did: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Hold what an operator says it did against the record; what it did and does not say is added in code's words."""
        said = [(what, step if self.proven(step, task_id) else "") for what, step in did]
        named = {step for _, step in said}
        own = [r for r in self.receipts() if r.task_id == task_id and r.certain and changes(r) and r.step not in named]
        return tuple(dict.fromkeys([*said, *((r.words, r.step) for r in own)]))

    def account(self) -> Account:
        """Sum it up for people."""
        receipts = self.receipts()
        ended = list(self._ended.values())
        unverified = [f"{what} ({e.operator})" for e in ended for what, step in e.claims if not step]
        given = [
            *(self._brief.contexts if self._brief else ()),
            *(s for t in self._started.values() for s in t.contexts),
        ]
        contexts = {source.origin_id: source.model_copy(update={"quote": ""}) for source in given}
        return Account(
            receipts=tuple(receipts[:MOST]),
            more=max(len(receipts) - MOST, 0),
            unverified=tuple(dict.fromkeys(unverified)),
            flags=tuple(dict.fromkeys(f"{flag} ({e.operator})" for e in ended for flag in e.flags)),
            contexts=tuple(contexts.values()),
        )

    def verified(self, text: str) -> str:
        """Mark in a text what the record does not show: receipts that do not exist, and deeds of which there is none."""
        certain = [r for r in self.receipts() if r.certain]
        known = {r.step for r in certain}
        text = _MARK.sub(lambda m: f"(on record: {m[1]})" if m[1] in known else UNVERIFIED, text)
        return "".join(_held(part, certain) for part in _BETWEEN.split(text))


def changes(receipt: Receipt) -> bool:
    """Say whether something was changed, and not only looked at outside."""
    return not set(receipt.risks) <= _LOOKS_OUTSIDE


def _held(sentence: str, receipts: Sequence[Receipt]) -> str:
    """Hold one sentence against what was done: one that claims a deed of a kind nobody did is marked."""
    if UNVERIFIED in sentence or "(on record:" in sentence:
        return sentence
    outside = any({"network", "write"} <= set(r.risks) or {"money", "destructive"} & set(r.risks) for r in receipts)
    here = any(changes(r) for r in receipts)
    claims_outside = _SAYS_OUTSIDE.search(sentence) or _WAS_OUTSIDE.search(sentence)
    unfounded = (claims_outside and not outside) or (_SAYS_HERE.search(sentence) and not here)
    return f"{sentence} {UNVERIFIED}" if unfounded else sentence
