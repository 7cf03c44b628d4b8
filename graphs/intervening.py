"""What the watchdog found and what is to be done about it: the finding, the words for people, the note for the operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from core.steering import Intervened
from graphs.stuck import Pattern

Action = Literal["nudge", "cancel_task", "end_mission"]


@dataclass(frozen=True)
class Finding:
    """One intervention: `task_id` None concerns the whole mission (a nudge then goes to every operator).

    `operator` is the title people know it by, `about` the detail (tools, seconds, the limit), `again` that it was told before.
    """

    pattern: Pattern
    action: Action
    task_id: str | None = None
    operator: str = ""
    about: str = ""
    again: bool = False


_SEEN: dict[Pattern, str] = {
    "no_progress": "{who} made no progress for {about} seconds",
    "same_result": "{who} made the same call again and again ({about}) and always got the same result",
    "same_error": "{who} tried the same call again and again ({about}), and it failed every time",
    "monologue": "{who} kept talking without doing anything",
    "alternating": "{who} went back and forth between the same two steps ({about}) with the same results",
    "too_long": "{who} ran out of room again and again: the question or the reply was too long for the model",
    "circle": "work went in a circle: {who} was given nearly the same as somebody further up",
    "budget": "the mission has used {about}",
}
_NOTES: dict[Pattern, str] = {
    "no_progress": "There has been no progress on your task for {about} seconds. Do the next small step now, or finish "
    "with what you have.",
    "same_result": "You made the same call several times ({about}) and got the same result each time. It will not change: "
    "use what you know, try another way, or finish with what you have.",
    "same_error": "The same call ({about}) failed several times. Read the error, change the arguments or use another tool; "
    "if there is no other way, finish and say what is missing.",
    "monologue": "You keep writing without doing anything. Call the tool you need now, or finish with your result.",
    "alternating": "You go back and forth between the same two steps ({about}) and nothing changes. Decide with what you "
    "know, try a third way, or finish with what you have.",
    "too_long": "There was no room several times: ask for smaller pieces, write shorter, or finish with what you have.",
    "circle": "This work was handed down in a circle: somebody above you has nearly the same task. Do it yourself with your "
    "own tools, or finish and say what is missing. Do not hand it down again.",
    "budget": "The mission has used {about}. Come to an end: finish with what you have.",
}
_WARNED = " If it happens again, your task will be ended."


def words_of(finding: Finding) -> str:
    """Say to people what was seen, and what was done about it."""
    who = finding.operator or "The Chief of Staff"
    seen = _SEEN[finding.pattern].format(who=who, about=finding.about)
    if finding.again:
        seen += ", although it had been told"
    return f"{seen[0].upper()}{seen[1:]}. {_done(finding)}"


def note_of(finding: Finding) -> str:
    """Say to the operator what a nudge has to say."""
    note = _NOTES[finding.pattern].format(about=finding.about)
    return note if finding.pattern == "budget" else note + _WARNED


def intervened(mission_id: str, finding: Finding) -> Intervened:
    """Make the event that says so."""
    return Intervened(
        mission_id=mission_id,
        task_id=finding.task_id,
        pattern=finding.pattern,
        action=finding.action,
        words=words_of(finding),
    )


def _done(finding: Finding) -> str:
    match finding.action, finding.pattern:
        case "nudge", "budget":
            return "Every operator was asked to come to an end with what there is."
        case "nudge", _:
            return "It was asked to go on in another way, or to finish."
        case "cancel_task", _:
            return "Its task was ended so that the rest can go on."
        case _, "budget":
            return "A call went on beyond that, so the mission was ended. What was done until then stays on record."
        case _:
            return "Nothing in the mission moved any more, so it was ended. What was done until then stays on record."
