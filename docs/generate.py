"""Writes the pages that are read off the code: settings, events and their JSON schema, and .env.example.

Run by `make docs`; a test compares what stands in the tree with what this would write.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from core.events import EVENTS, Event
from core.settings import PREFIX, PROVIDERS, Settings
from memory.export_format import ExportedConversation

ROOT = Path(__file__).resolve().parents[1]

SECTIONS = {
    "data_dir": "Server",
    "model": "Models",
    "model_max_tokens": "Limits of one model call",
    "missions_at_once": "Limits of a mission",
    "tool_seconds": "Tools and files",
}
"""Each section begins at the setting named and ends where the next begins."""

ACCEPTED = {
    "model": "`provider:name`; provider: " + ", ".join(f"`{p}`" for p in PROVIDERS),
    "model_small": "empty, or as `STAFFWORK_MODEL`",
    "model_strong": "empty, or as `STAFFWORK_MODEL`",
    "embeddings": "`local`, `openai:<model>`, `compatible:<model>`",
}
KINDS = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "Decimal": "a number",
    "Path": "a path",
    "str": "text",
}

_GENERATED = "<!-- Written by `make docs` from the code; do not edit. -->"

SETTINGS_HEAD = f"""{_GENERATED}
# Settings

Every setting is a variable `{PREFIX}<NAME>`, read once at the start from the environment and from a file `.env` in the
folder Staffwork is started in. The environment wins over `.env`. An empty value means the default.
A name that does not exist, or a value that is not accepted, stops the start with one line that names the variable.

`staffwork config` prints what is in force, with secrets masked. `.env.example` lists every setting, ready to copy.
"""

EVENTS_HEAD = f"""{_GENERATED}
# Events

What happens in a mission is written to its journal as events and read from there by every view: the chat, the
terminal (`staffwork ask --json` prints one event per line) and whatever is built later. The JSON schema of one event
is in [events.schema.json](events.schema.json).

A `step` names a place in the mission's tree: `plan`, `plan.2` (the repaired plan), `t1` (a task), `t1/2` (its second model
call), `t1/2.0` (the first tool call of that), `t1.1` (a subtask), `review`, `report`.

"Once" says what can stand in the journal of one mission only once; writing it again after a crash changes nothing.
"""


def settings_page() -> str:
    """Describe every setting."""
    parts = [SETTINGS_HEAD]
    for section, names in _sections():
        parts.append(f"\n## {section}\n\n| Variable | Meaning | Default | Accepted |\n|---|---|---|---|\n")
        parts.extend(_settings_row(name, Settings.model_fields[name]) for name in names)
    return "".join(parts)


def env_example() -> str:
    """Write every setting as a commented line with its default."""
    parts = ["# Copy to .env and uncomment what you change; docs/settings.md says what is accepted.\n"]
    for section, names in _sections():
        parts.append(f"\n# --- {section} ---\n")
        for name in names:
            field = Settings.model_fields[name]
            parts.append(f"# {field.description}\n# {PREFIX}{name.upper()}={_default(field)}\n")
    return "".join(parts)


def _sections() -> Iterator[tuple[str, list[str]]]:
    """Group the settings, in their order; raises KeyError if a section's first setting is gone."""
    names = list(Settings.model_fields)
    starts = [names.index(first) for first in SECTIONS]
    for title, start, end in zip(SECTIONS.values(), starts, [*starts[1:], len(names)], strict=True):
        yield title, names[start:end]


def _settings_row(name: str, field: FieldInfo) -> str:
    default = _default(field)
    shown = f"`{default}`" if default else "(empty)"
    return f"| `{PREFIX}{name.upper()}` | {field.description} | {shown} | {ACCEPTED.get(name) or _accepted(field)} |\n"


def _default(field: FieldInfo) -> str:
    value = field.default
    return "" if value is None or isinstance(value, SecretStr) else str(value)


def _accepted(field: FieldInfo) -> str:
    kind: Any = field.annotation
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if kind is SecretStr:
        return "a secret; never shown"
    optional = [k for k in get_args(kind) if k is not type(None)]
    words = KINDS[(optional[0] if optional else kind).__name__]
    return words + _bounds(field)


def _bounds(field: FieldInfo) -> str:
    low = next((m.ge for m in field.metadata if isinstance(m, Ge)), None)
    above = next((m.gt for m in field.metadata if isinstance(m, Gt)), None)
    high = next((m.le for m in field.metadata if isinstance(m, Le)), None)
    if low is not None and high is not None:
        return f", {low} to {high}"
    if above is not None:
        return f", more than {above}"
    return f", {low} or more" if low is not None else ""


def event_kinds() -> list[Any]:
    """List the event classes, in the order they were written down."""
    return list(get_args(get_args(Event)[0]))


def events_page() -> str:
    """Describe every event: its meaning, when it may stand only once, and its own fields."""
    kinds = event_kinds()
    common = [name for name in kinds[0].model_fields if all(name in k.model_fields for k in kinds) and name != "kind"]
    parts = [EVENTS_HEAD, "\n## In every event\n\n| Field | Type | Default |\n|---|---|---|\n| `kind` | text | |\n"]
    parts.extend(_event_row(name, kinds[0].model_fields[name]) for name in common)
    for kind in kinds:
        own = {
            n: f
            for n, f in kind.model_fields.items()
            if n != "kind" and (n not in common or (f.is_required() and n == "task_id"))
        }
        parts.append(
            f"\n## `{kind.model_fields['kind'].default}`\n\n{f'{inspect.getdoc(kind)} {_once(kind)}'.strip()}\n"
        )
        if own:
            parts.append("\n| Field | Type | Default |\n|---|---|---|\n")
            parts.extend(_event_row(name, field) for name, field in own.items())
    return "".join(parts)


def _once(kind: Any) -> str:
    """Say how often an event may stand in a journal, judged by how its key is made."""
    names = [base.__name__ for base in kind.__mro__]
    if "_OncePerStep" in names:
        return "Once per step."
    if "_Once" in names:
        return "Once per task." if "task_id" in kind.__annotations__ else "Once."
    found = re.search(r'f"\w+:\{self\.([\w.]+)\}"', inspect.getsource(kind))
    return f"Once per `{found.group(1)}`." if found else ""


def _event_row(name: str, field: FieldInfo) -> str:
    if field.is_required():
        default = "required"
    elif field.default is PydanticUndefined:
        default = "made when the event is" if name == "at" else "empty"
    else:
        default = json.dumps(field.default, default=str) if field.default not in ((), None) else "none"
    return f"| `{name}` | {_type_words(field.annotation)} | {default} |\n"


def _type_words(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(kind))
    if get_origin(kind) is tuple:
        return f"list of {_type_words(get_args(kind)[0])}"
    if get_origin(kind) is dict:
        return "object"
    optional = [k for k in get_args(kind) if k is not type(None)]
    simple = {
        "str": "text",
        "int": "whole number",
        "float": "number",
        "bool": "true or false",
        "datetime": "time (ISO 8601, UTC)",
    }
    name = (optional[0] if optional else kind).__name__
    return simple.get(name, f"`{name}`") + (" or null" if optional else "")


def export_schema() -> str:
    """Export the JSON schema of an exported conversation."""
    schema = ExportedConversation.model_json_schema(mode="serialization")
    about = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Staffwork conversation"}
    return json.dumps({**schema, **about}, indent=1, sort_keys=True) + "\n"


def events_schema() -> str:
    """Export the JSON schema of one event, as it is written."""
    schema = EVENTS.json_schema(mode="serialization")
    return (
        json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}, indent=1, sort_keys=True)
        + "\n"
    )


PAGES = {
    "docs/settings.md": settings_page,
    "docs/events.md": events_page,
    "docs/events.schema.json": events_schema,
    "docs/export.schema.json": export_schema,
    ".env.example": env_example,
}


def main() -> None:
    """Write every page that is not already as it should be."""
    for path, page in PAGES.items():
        target, text = ROOT / path, page()
        if not target.is_file() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")
            print(f"wrote {path}")


if __name__ == "__main__":
    main()
