"""Pictures as Chainlit's page wants them: steps, elements and the task list, as plain dictionaries."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from chat.picture import Line, Picture
from chat.wording import displayed
from core.missions import Artifact, Attachment, derived_id
from tools.chart_terms import ENDING

Step = dict[str, Any]
Element = dict[str, Any]

RASTER = {"image/png", "image/jpeg", "image/gif", "image/webp"}
"""The only kinds shown in the page itself; everything else is offered for download."""

AT_WORK = "\u2060"
"""Ends the name of a step somebody works on: nothing to see, but the style sheet finds it (Chainlit tells it apart only while
its own composer is blocked)."""


def moment(at: datetime | None) -> str | None:
    """Write a time as JavaScript reads it."""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def as_step(line: Line, conversation_id: str, feedback: dict[str, Any] | None = None) -> Step:
    """Turn a line into a step; what people typed is shown as typed, everything else as Markdown."""
    text = line.text if line.kind == "user_message" else displayed(line.text)
    given = line.given if line.kind == "tool" and line.given.startswith("{") else displayed(line.given)
    return {
        "id": line.id,
        "threadId": conversation_id,
        "parentId": line.parent,
        "name": line.name + (AT_WORK if line.kind in ("tool", "llm") and line.end is None and not line.still else ""),
        "type": line.kind,
        "input": given,
        "output": text,
        "createdAt": moment(line.start),
        "start": moment(line.start),
        "end": moment(line.end),
        "streaming": line.streaming,
        "isError": line.failed,
        "showInput": "json" if line.given.startswith("{") else bool(line.given),
        "defaultOpen": line.unfolded,
        "autoCollapse": not line.unfolded,
        "waitForAnswer": False,
        "language": None,
        "generation": None,
        "command": None,
        "tags": None,
        "metadata": {"avatarName": "Staffwork"},
        "feedback": feedback,
    }


def as_element(line_id: str, file: Attachment | Artifact, conversation_id: str) -> Element:
    """Turn a file into an element that leads to our own route; a newer version of an artifact takes the older one's place."""
    made = isinstance(file, Artifact)
    kind = "plotly" if made and file.name.endswith(ENDING) else "image" if file.mime in RASTER else "file"
    url = (
        f"/artifacts/{file.id}/figure"
        if kind == "plotly"
        else f"/files/{'artifact' if made else 'attachment'}/{file.id}"
    )
    return {
        "id": derived_id(line_id, "made", file.name) if made else derived_id(line_id, file.id),
        "threadId": conversation_id,
        "forId": line_id,
        "type": kind,
        "name": file.name,
        "mime": file.mime,
        "url": url,
        "display": "inline",
        "size": "medium",
        "chainlitKey": None,
        "objectKey": None,
        "language": None,
        "page": None,
        "props": None,
    }


def as_task_list(picture: Picture, conversation_id: str) -> Element:
    """Turn a mission's task list into an element; each change has its own address, by which the page sees it is new."""
    return {
        "id": picture.id("tasks"),
        "threadId": conversation_id,
        "forId": "",
        "type": "tasklist",
        "name": "tasks",
        "mime": "application/json",
        "url": f"/files/tasks/{picture.mission_id}?version={picture.changes}",
        "display": "side",
    }


def task_list(picture: Picture) -> dict[str, Any]:
    """List a mission's tasks, as the task list shows them."""
    rows = [{"title": displayed(e.title), "status": e.status, "forId": e.line} for e in picture.entries.values()]
    done, failed = (sum(e.status == status for e in picture.entries.values()) for status in ("done", "failed"))
    words = f"{done} of {len(rows)} done" + (f", {failed} failed" if failed else "")
    return {"status": words, "tasks": rows}


def steps_of(picture: Picture, conversation_id: str, feedback: dict[str, dict[str, Any]] | None = None) -> list[Step]:
    """List a mission's steps, parents before children."""
    known = feedback or {}
    return [as_step(line, conversation_id, known.get(line.id)) for line in picture.lines.values()]


def elements_of(picture: Picture, conversation_id: str) -> list[Element]:
    """List a mission's files, and its task list if it has one."""
    drawn = (as_element(line, file, conversation_id) for line, file in picture.files.values())
    files = list({element["id"]: element for element in drawn}.values())
    return [*files, as_task_list(picture, conversation_id)] if picture.entries else files
