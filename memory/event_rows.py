"""Events as rows: what the columns do not say is JSON, without the fields that stand at their defaults."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from pydantic_core import PydanticSerializationError, from_json
from sqlalchemy import Connection, insert

from core.events import Event
from memory import tables
from memory.statements import Ready, on_postgres

_KINDS: dict[str, type[Any]] = {
    kind.model_fields["kind"].default: kind for kind in get_args(get_args(Event)[0])
}  # fmt: skip
_IN_COLUMNS = {"mission_id", "seq", "kind"}
_COLUMNS = ["mission_number", "seq", "kind", "data"]
_ADD_MANY = (
    "INSERT INTO events (mission_number, seq, kind, data) "
    "SELECT * FROM unnest(%s::integer[], %s::integer[], %s::text[], %s::text[])"
)
_ADD = Ready(insert(tables.events), _COLUMNS)


def to_data(event: Event) -> str:
    """Write what the columns of an event's row do not say."""
    data: bytes = event.__pydantic_serializer__.to_json(event, exclude_defaults=True, exclude=_IN_COLUMNS)
    return data.decode()


def from_row(mission_id: str, seq: int, kind: str, data: str) -> Event:
    """Turn a row back into the same event."""
    event: Event = _KINDS[kind].model_validate({**from_json(data), "mission_id": mission_id, "seq": seq})
    return event


def add_rows(connection: Connection, mission_number: int, events: Sequence[Event]) -> None:
    """Insert events of one mission; a seq that is taken raises IntegrityError."""
    rows = [(mission_number, event.seq, event.kind, to_data(event)) for event in events]
    if len(rows) > 1 and on_postgres(connection):
        # One statement, one way to the server and back.
        connection.exec_driver_sql(_ADD_MANY, tuple(list(column) for column in zip(*rows, strict=True)))
    elif rows:
        _ADD.run(connection, rows)  # the busiest statement of all: no parameter processing


def storable(event: Event) -> Event:
    """Return the event, or its like with what UTF-8 cannot hold (half a surrogate pair) replaced."""
    try:
        to_data(event)
    except PydanticSerializationError:
        return type(event).model_validate(_clean(event.model_dump()))
    return event


def _clean(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case dict():
            return {_clean(name): _clean(part) for name, part in value.items()}
        case list() | tuple():
            return [_clean(part) for part in value]
        case _:
            return value
