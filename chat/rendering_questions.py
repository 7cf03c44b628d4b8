"""How questions look: the Chief's stand in the conversation at once, an operator's beside its work until they are answered."""

from __future__ import annotations

from dataclasses import replace

from chat.picture import Attach, Drop, Line, Operation, Picture, Put, Turn, closed
from chat.rendering_work import note, waiting
from chat.wording import literal, named
from core.events import QuestionAnswered, QuestionAsked

CHIEF = "Chief of Staff"
UNANSWERED = "Nobody answered in time"


def asked(picture: Picture, event: QuestionAsked) -> list[Operation]:
    """Show a question; how it can be answered is shown above the composer (see chat/standing_view.py)."""
    if event.task_id is not None:
        label = named(f"Asks you: {event.question}")
        return [Put(waiting(picture, event, "asks", event.step, label=label, text=event.question))]
    return [Drop(picture.answer), Put(_words(picture, event, event.question, CHIEF))]


def _words(picture: Picture, event: QuestionAsked | QuestionAnswered, text: str, who: str) -> Line:
    place = picture.id("question", event.step)
    return Line(place, picture.run, "assistant_message", who, event.at, end=event.at, text=text)


def answered(picture: Picture, event: QuestionAnswered) -> list[Operation]:
    """Show the answer below its question."""
    if event.task_id is not None:
        return _for_operator(picture, event)
    run = picture.lines.get(picture.run)
    going_on: list[Operation] = [] if run is None else [Put(replace(run, end=None))]
    return [*going_on, *_reply(picture, event), Turn()]


def _for_operator(picture: Picture, event: QuestionAnswered) -> list[Operation]:
    place = picture.line("asks", event.step)
    if place is None:
        return []
    how = UNANSWERED.lower() if event.unanswered else "answered"
    operations: list[Operation] = [Put(closed(place, event.at, detail=how, failed=event.unanswered))]
    if event.unanswered:
        return operations
    task = picture.line(event.task_id or "")
    who = task.label.split(":", maxsplit=1)[0] if task else "An operator"
    said = _words(picture, event, f"**{literal(who)} asked:** {place.text}", who)
    return [*operations, Put(said), *_reply(picture, event)]


def _reply(picture: Picture, event: QuestionAnswered) -> list[Operation]:
    if event.unanswered:
        return [Put(note(picture, event, "reply", event.step, label=UNANSWERED))]
    place = picture.id("reply", event.step)
    reply = Line(place, picture.run, "user_message", "You", event.at, end=event.at, text=event.answer)
    return [Put(reply), *(Attach(place, file) for file in event.attachments)]
