"""The entries that conversations are found by: one for each message, step and tool call, written with what it tells of.

Temporary conversations have none. `build` makes all of them anew from messages and events, with statements that name each
column: the migration that brought the table uses it too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from sqlalchemy import Connection, text

from core.events import Event, TaskEnded, ToolCalled
from core.missions import derived_id
from memory.artifact_rows import folded
from memory.chunking import storable
from memory.statements import on_postgres

MOST_CHARACTERS = 50_000
"""Of one entry; a longer text is several entries."""
AT_ONCE = 500

_FIELDS = "user_id, conversation_id, mission_id, kind, place, title, text, at"
_OF_MISSION = (
    "FROM missions m JOIN conversations c ON c.id = m.conversation_id WHERE m.id = :mission_id AND NOT c.temporary"
)
_ADD = text(
    f"INSERT INTO search_entries ({_FIELDS}) "
    f"SELECT c.user_id, c.id, m.id, :kind, :place, :title, :text, :at {_OF_MISSION}"
)
_ADD_ON_POSTGRES = text(
    f"INSERT INTO search_entries ({_FIELDS}, words) "
    "SELECT c.user_id, c.id, m.id, :kind, :place, :title, :text, :at, array_to_tsvector(CAST(:words AS text[])) "
    f"{_OF_MISSION}"
)
_MESSAGES = text(
    "SELECT id, mission_id, author, text, created_at FROM messages "
    "WHERE mission_id IS NOT NULL AND id > :after ORDER BY id LIMIT :most"
)
_EVENTS = text(
    "SELECT m.id, e.mission_number, e.seq, e.kind, e.data FROM events e JOIN missions m ON m.number = e.mission_number "
    "WHERE e.kind IN ('tool_called', 'task_ended') "
    "AND (e.mission_number > :number OR (e.mission_number = :number AND e.seq > :seq)) "
    "ORDER BY e.mission_number, e.seq LIMIT :most"
)


def add_message(connection: Connection, message: Mapping[str, Any]) -> None:
    """Have a message found by its words; `message` is its row."""
    add(connection, [_message(message["mission_id"], message["author"], message, _written(message["created_at"]))])


def add_event(connection: Connection, event: Event) -> None:
    """Have the outcome of a task, and what a tool was called for, found by their words."""
    match event:
        case TaskEnded() | ToolCalled():
            add(connection, [_of_event(event.mission_id, event.kind, vars(event), _written(event.at))])
        case _:
            pass


def add(connection: Connection, entries: Iterable[dict[str, Any]]) -> None:
    """Insert entries as part of this transaction, but for those of temporary conversations."""
    rows = [part for entry in entries for part in _parts(entry)]
    if not rows:
        return
    if on_postgres(connection):
        rows = [row | {"words": sorted(set(folded(f"{row['title']} {row['text']}")))} for row in rows]
        connection.execute(_ADD_ON_POSTGRES, rows)
    else:
        connection.execute(_ADD, rows)


def build(connection: Connection) -> int:
    """Make all entries anew from messages and events, a batch at a time; returns how many were read."""
    connection.execute(text("DELETE FROM search_entries"))
    count, everything = 0, _everything(connection)
    while batch := list(islice(everything, AT_ONCE)):
        add(connection, batch)
        count += len(batch)
    return count


def _everything(connection: Connection) -> Iterator[dict[str, Any]]:
    after = ""
    while rows := connection.execute(_MESSAGES, {"after": after, "most": AT_ONCE}).all():
        for row in rows:
            message = {"id": row.id, "text": row.text}
            yield _message(row.mission_id, row.author, message, row.created_at)
        after = rows[-1].id
    place = {"number": 0, "seq": 0}
    while rows := connection.execute(_EVENTS, place | {"most": AT_ONCE}).all():
        for row in rows:
            data = json.loads(row.data)
            yield _of_event(row.id, row.kind, data, _written(datetime.fromisoformat(data["at"])))
        place = {"number": rows[-1].mission_number, "seq": rows[-1].seq}


def _of_event(mission_id: str, kind: str, data: Mapping[str, Any], at: str) -> dict[str, Any]:
    tool = kind == "tool_called"
    title, place = ("tool", "step") if tool else ("operator", "task_id")
    words = data.get("intent", "") if tool else f"{data.get('summary', '')}\n{data.get('result', '')}"
    about = {"kind": "tool" if tool else "step", "place": derived_id(mission_id, data.get(place, "")), "at": at}
    return _stored(about | {"mission_id": mission_id, "title": data.get(title, ""), "text": words})


def _message(mission_id: str, author: str, message: Mapping[str, Any], at: str) -> dict[str, Any]:
    user = author == "user"
    place = message["id"] if user else derived_id(mission_id, "answer")
    about = {"mission_id": mission_id, "kind": "question" if user else "answer", "place": place, "at": at}
    return _stored(about | {"title": "", "text": message["text"]})


def _stored(entry: dict[str, Any]) -> dict[str, Any]:
    return entry | {name: storable(entry[name].strip()) for name in ("title", "text")}


def _parts(entry: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Cut a long text at its words."""
    left = entry["text"]
    while len(left) > MOST_CHARACTERS:
        cut = max(left.rfind(" ", 0, MOST_CHARACTERS), left.rfind("\n", 0, MOST_CHARACTERS))
        cut = cut if cut > 0 else MOST_CHARACTERS
        yield entry | {"text": left[:cut]}
        left = left[cut:].lstrip()
    if left or entry["title"]:
        yield entry | {"text": left}


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")
