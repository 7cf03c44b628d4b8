"""One translator from events to what the chat shows: used while a mission runs and when a conversation is opened again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from chat import rendering_ends as ends
from chat import rendering_questions as questions
from chat import rendering_steering as steering
from chat import rendering_work as work
from chat.picture import Attach, Line, Operation, Picture, Put, Rest
from chat.wording import counted, literal, named, sources_list
from core.events import (
    ArtifactMade,
    BriefAssembled,
    Event,
    LimitReached,
    MessageSent,
    MissionAccepted,
    MissionEnded,
    MissionStarted,
    ModelAsked,
    ModelFailed,
    ModelReplied,
    ModelRetried,
    PlanMade,
    PlanRefused,
    QuestionAnswered,
    QuestionAsked,
    ReviewGiven,
    TaskEnded,
    TaskStarted,
    TextStreamed,
    ToolCalled,
    ToolReturned,
)
from core.steering import SteeringEvent

CHIEF = "Chief of Staff"
RUN = "on_message"  # the name by which Chainlit's page knows a run


def picture_of(mission_id: str, message_id: str, events: Iterable[Event]) -> Picture:
    """Draw what the chat shows after these events."""
    picture = Picture(mission_id, message_id)
    for event in events:
        picture.apply(render(picture, event))
    return picture


def render(picture: Picture, event: Event) -> list[Operation]:  # noqa: C901, PLR0911, PLR0912 (one line per event kind)
    """Say how an event changes the picture; the picture itself stays as it is."""
    if isinstance(event, SteeringEvent):
        return steering.steered(picture, event)
    match event:
        case MissionAccepted():
            return _accepted(picture, event)
        case MissionStarted():
            return _started(picture, event)
        case BriefAssembled():
            return _briefed(picture, event)
        case ModelAsked():
            return work.asked(picture, event)
        case TextStreamed():
            return work.streamed(picture, event)
        case ModelRetried():
            return work.retried(picture, event)
        case ModelReplied():
            return work.replied(picture, event)
        case ModelFailed():
            return work.failed(picture, event)
        case PlanMade():
            return work.planned(picture, event)
        case PlanRefused():
            return _refused(picture, event)
        case TaskStarted():
            return work.task_started(picture, event)
        case ToolCalled():
            return work.called(picture, event)
        case ToolReturned():
            return work.returned(picture, event)
        case ArtifactMade():
            return [Attach(picture.answer, event.artifact)]
        case MessageSent():
            return work.sent(picture, event)
        case TaskEnded():
            return ends.task_ended(picture, event)
        case ReviewGiven():
            return ends.reviewed(picture, event)
        case QuestionAsked():
            return questions.asked(picture, event)
        case QuestionAnswered():
            return questions.answered(picture, event)
        case LimitReached():
            label = named(f"Stopped at a limit: {event.words}")
            return [Put(work.note(picture, event, "limit", str(event.seq), label=label, failed=True))]
        case MissionEnded():
            return ends.mission_ended(picture, event)
        case _:
            assert_never(event)


def _accepted(picture: Picture, event: MissionAccepted) -> list[Operation]:
    goal = Line(picture.message_id, None, "user_message", "You", event.at, end=event.at, text=event.goal)
    run = Line(picture.run, goal.id, "run", RUN, event.at)
    return [Put(goal), *(Attach(goal.id, a) for a in event.attachments), Put(run)]


def _started(picture: Picture, event: MissionStarted) -> list[Operation]:
    chief = picture.lines.get(picture.chief)
    if chief is not None and chief.end is not None:
        return []  # the Chief waits for an answer; something else was ordered
    begun = chief or Line(picture.chief, picture.run, "tool", CHIEF, event.at, unfolded=True)
    if picture.rests:
        return [Rest(over=True), Put(replace(begun, detail="goes on", still=False))]
    operations: list[Operation] = [Put(replace(begun, detail="goes on" if chief else "reading the goal"))]
    if event.attempt > 1 and chief:
        label = "Picked up again where it was interrupted"
        operations.append(Put(work.note(picture, event, "attempt", str(event.attempt), label=label)))
    return operations


def _briefed(picture: Picture, event: BriefAssembled) -> list[Operation]:
    notes: list[Operation] = []
    if event.recalled:
        label = f"Recalled {counted(len(event.recalled), 'passage')}"
        notes.append(Put(work.note(picture, event, "brief", label=label, text=sources_list(event.recalled))))
    if event.contexts:
        label = named(f"Context documents used: {', '.join(c.file for c in event.contexts)}")
        text = "\n\n".join(f"**{literal(c.file)}**\n\n{c.quote}" for c in event.contexts)
        notes.append(Put(work.note(picture, event, "contexts", label=label, text=text)))
    return notes


def _refused(picture: Picture, event: PlanRefused) -> list[Operation]:
    problems = "\n".join(f"- {problem}" for problem in event.problems)
    return [Put(work.note(picture, event, "refused", event.step, label="The plan broke a rule", text=problems))]
