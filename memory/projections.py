"""What events mean for the other tables; runs in the same transaction as the events themselves."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, insert, select, update

from core.errors import Conflict
from core.events import (
    ArtifactMade,
    BriefAssembled,
    Event,
    MessageSent,
    MissionEnded,
    QuestionAnswered,
    TaskEnded,
    TaskStarted,
    ToolReturned,
)
from core.missions import ENDED, Status, derived_id, may_become
from core.steering import OrderGiven, StatusChanged
from memory import tables
from memory.approvals import withdraw
from memory.artifact_rows import next_version
from memory.entries import add_event, add_message
from memory.news import tell_of
from memory.orders import take_up
from memory.titles import entitle
from memory.uploads import note_receipts

_WHICH_TASK = (tables.tasks.c.mission_id == bindparam("of_mission"), tables.tasks.c.task_id == bindparam("of_task"))
_TASK_STATUS = select(tables.tasks.c.status).where(*_WHICH_TASK)
_CHANGE_TASK = update(tables.tasks).where(*_WHICH_TASK)
_ADD_TASK = insert(tables.tasks)
_STOP_TASKS = update(tables.tasks).where(  # those still at work when their mission ends
    tables.tasks.c.mission_id == bindparam("of_mission"), tables.tasks.c.ended_at.is_(None)
)
_ADD_ARTIFACT = insert(tables.artifacts)
_ADD_MESSAGE = insert(tables.messages)
_MISSION = select(tables.missions.c.status, tables.missions.c.conversation_id).where(
    tables.missions.c.id == bindparam("of_mission")
)
_CHANGE_MISSION = update(tables.missions).where(tables.missions.c.id == bindparam("of_mission"))
_TAINT = (
    update(tables.missions)
    .where(tables.missions.c.id == bindparam("of_mission"), tables.missions.c.tainted.is_(False))
    .values(tainted=True)
)
_TOUCH = update(tables.conversations).where(tables.conversations.c.id == bindparam("of_conversation"))


def project(connection: Connection, events: Iterable[Event]) -> None:
    """Carry events over into tasks, artifacts, missions and messages; raises Conflict for an impossible change of status."""
    for event in events:
        add_event(connection, event)
        tell_of(connection, event)
        _note(connection, event)
        match event:
            case TaskStarted():
                _start_task(connection, event)
            case TaskEnded():
                _end_task(connection, event)
                withdraw(connection, event.mission_id, event.at, event.task_id)
            case QuestionAnswered():
                _resume_mission(connection, event)
            case StatusChanged():
                _change_task(connection, event)
            case OrderGiven():
                take_up(connection, event)
            case MissionEnded():
                _end_mission(connection, event)


def _note(connection: Connection, event: Event) -> None:
    """Write down what came of the work: its files, who was given files, and whether strangers' words were read."""
    match event:
        case ToolReturned(tainted=True):
            connection.execute(_TAINT, {"of_mission": event.mission_id})
        case BriefAssembled() if event.tainted:  # the Chief read them, and the answer may repeat them
            connection.execute(_TAINT, {"of_mission": event.mission_id})
        case ArtifactMade():
            _add_artifact(connection, event)
        case MessageSent():
            note_receipts(connection, event)


def _add_artifact(connection: Connection, event: ArtifactMade) -> None:
    made = event.artifact
    about = {"mission_id": event.mission_id, "created_at": event.at, "step": event.step}
    version = next_version(connection, event.mission_id, made.name)
    connection.execute(_ADD_ARTIFACT, made.model_dump() | about | {"version": version})


def check_change(what: str, old: Status, new: Status) -> None:
    """Raise Conflict unless a mission or task in status `old` may become `new`."""
    if not may_become(old, new):
        raise Conflict(f"The {what} is {old.value} and cannot become {new.value}.")


def _start_task(connection: Connection, event: TaskStarted) -> None:
    old = _task_status(connection, event.mission_id, event.task_id)
    check_change(f"task {event.task_id}", old or Status.PENDING, Status.IN_PROGRESS)
    if old is not None:
        connection.execute(_CHANGE_TASK, _task_key(event) | {"status": Status.IN_PROGRESS.value})
        return
    row = {
        "mission_id": event.mission_id,
        "task_id": event.task_id,
        "parent_task_id": event.parent_task_id,
        "operator": event.operator,
        "goal": event.goal,
        "status": Status.IN_PROGRESS.value,
        "summary": "",
        "started_at": event.at,
        "ended_at": None,
    }
    connection.execute(_ADD_TASK, row)


def _change_task(connection: Connection, event: StatusChanged) -> None:
    old = _task_status(connection, event.mission_id, event.task_id)
    check_change(f"task {event.task_id}", old or Status.PENDING, event.status)
    connection.execute(_CHANGE_TASK, _task_key(event) | {"status": event.status.value})


def _end_task(connection: Connection, event: TaskEnded) -> None:
    old = _task_status(connection, event.mission_id, event.task_id)
    check_change(f"task {event.task_id}", old or Status.PENDING, event.status)
    end = {"status": event.status.value, "summary": event.summary, "ended_at": event.at}
    if old is not None:
        connection.execute(_CHANGE_TASK, _task_key(event) | end)
        return
    row = {"parent_task_id": None, "operator": event.operator, "goal": "", "started_at": None}
    connection.execute(_ADD_TASK, row | end | {"mission_id": event.mission_id, "task_id": event.task_id})


def _resume_mission(connection: Connection, event: QuestionAnswered) -> None:
    """Put a mission back to work with its answer, so that the answer is acted on even if the process dies now."""
    conversation_id = _move_mission(connection, event, Status.IN_PROGRESS)
    if event.task_id is None and event.answer:  # what an operator asks belongs to its task, not to the conversation
        _say(connection, event, conversation_id, author="user", text=event.answer, part="reply")


def _end_mission(connection: Connection, event: MissionEnded) -> None:
    rest = {"problem": event.problem, "owner": None, "wake_at": event.wake_at}
    conversation_id = _move_mission(connection, event, event.status, **rest)
    if event.status in ENDED:
        left = {"of_mission": event.mission_id, "status": Status.CANCELLED.value, "ended_at": event.at}
        connection.execute(_STOP_TASKS, left)
        withdraw(connection, event.mission_id, event.at)
    if event.answer:
        _say(connection, event, conversation_id, author="chief", text=event.answer, part="answer")
        entitle(connection, conversation_id, event.mission_id, event.answer)


def _move_mission(connection: Connection, event: Event, new: Status, **more: object) -> str:
    status, conversation_id = connection.execute(_MISSION, {"of_mission": event.mission_id}).one()
    check_change("mission", Status(status), new)
    change = {
        "of_mission": event.mission_id,
        "status": new.value,
        "ended_at": event.at if new in ENDED else None,
        "problem": "",
        **more,
    }
    connection.execute(_CHANGE_MISSION, change)
    connection.execute(_TOUCH, {"of_conversation": conversation_id, "updated_at": event.at})
    return str(conversation_id)


def _say(connection: Connection, event: Event, conversation_id: str, *, author: str, text: str, part: str) -> None:
    message = {
        "id": derived_id(event.mission_id, part, str(event.seq)),
        "conversation_id": conversation_id,
        "mission_id": event.mission_id,
        "author": author,
        "text": text,
        "created_at": event.at,
    }
    connection.execute(_ADD_MESSAGE, message)
    add_message(connection, message)


def _task_key(event: TaskStarted | TaskEnded | StatusChanged) -> dict[str, object]:
    return {"of_mission": event.mission_id, "of_task": event.task_id}


def _task_status(connection: Connection, mission_id: str, task_id: str) -> Status | None:
    found = connection.execute(_TASK_STATUS, {"of_mission": mission_id, "of_task": task_id}).scalar_one_or_none()
    return None if found is None else Status(found)
