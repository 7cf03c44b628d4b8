"""How approvals look beside the work they belong to: what waits, and what became of it. The words are code's, never a model's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chat.picture import Operation, Picture, Put, closed
from chat.rendering_work import waiting
from chat.wording import named
from core.steering import PERMISSIONS, ApprovalDecided, ApprovalRequested
from memory.approval_rules import offered_pattern
from tools.sanitise import in_full

UNANSWERED = "If nobody decides by then, it is not done, and the report says so."
DECIDED = {
    "once": "you allowed it",
    "edit": "you allowed it with other arguments",
    "conversation": "you allowed it, for this conversation",
    "pattern": "you allowed it, and calls like it",
    "reject": "you did not allow it",
    "unanswered": "unanswered, nobody decided in time",
    "unattended": "nobody was there to decide",
    "withdrawn": "not wanted any more",
}


def requested(picture: Picture, event: ApprovalRequested) -> list[Operation]:
    """Show a call that waits, with all of its arguments; how it is decided is shown above the composer."""
    given = in_full(event.arguments)
    label = named(f"Needs your approval: {event.words}")
    place = waiting(picture, event, "approval", event.approval_id, label=label, text=event.why, given=given)
    return [Put(place)]


def decided(picture: Picture, event: ApprovalDecided) -> list[Operation]:
    """Show what became of it, with the arguments it runs with."""
    line = picture.line("approval", event.approval_id)
    if line is None:
        return []
    done = closed(line, event.at, detail=DECIDED[event.decision], failed=event.decision not in PERMISSIONS)
    given = line.given if event.arguments is None else in_full(event.arguments)
    text = f"{line.text}\n\nYour reason: {event.reason}" if event.reason else line.text
    return [Put(replace(done, given=given, text=text))]


def card(asked: ApprovalRequested, who: str) -> dict[str, Any]:
    """Describe the card above the composer: plain values, the arguments written out in full."""
    return {
        "kind": "approval",
        "step": asked.step,
        "approval": asked.approval_id,
        "who": who,
        "words": asked.words,
        "why": asked.why,
        "tool": asked.tool,
        "given": in_full(asked.arguments),
        "pattern": in_full(offered_pattern(asked.arguments)),
        "choices": list(asked.choices),
        "until": asked.expires_at.isoformat(),
        "otherwise": UNANSWERED,
    }
