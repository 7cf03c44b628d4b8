"""Context documents as files: Markdown below a short header; the ones that ship with the product stand in `contexts/`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from core.errors import BadInput, Misconfigured
from core.memories import Context

FOLDER = Path(__file__).parent / "contexts"
SHIPPED = "shipped:"
"""Begins the id of a shipped document; its name follows."""
_HEADER = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*\n(.*)\Z", re.DOTALL)
_FIELDS = ("name", "title", "triggers", "operators")


def shipped_contexts(folder: Path = FOLDER) -> tuple[Context, ...]:
    """Read the documents that ship with the product; raises Misconfigured naming file and field."""
    found = []
    for path in sorted(folder.glob("*.md")):
        try:
            fields = read_context(path.read_text(encoding="utf-8"))
            found.append(Context.model_validate(fields | {"id": SHIPPED + fields["name"], "shipped": True}))
        except (BadInput, KeyError, ValueError) as problem:
            raise Misconfigured(f"{path.name}: {problem}") from None
    return tuple(found)


def read_context(content: str) -> dict[str, Any]:
    """Read a document's fields: those of its header (none is needed), and its text. Raises BadInput that names the field."""
    content = content.removeprefix("\ufeff").replace("\r\n", "\n")
    parts = _HEADER.match(content)
    if parts is None:
        return {"text": content.strip()}
    try:
        header = yaml.safe_load(parts[1])
    except yaml.YAMLError as error:
        raise BadInput(f"the header is not valid YAML ({str(error).splitlines()[0]}).") from None
    if not isinstance(header, dict) or (unknown := [name for name in header if name not in _FIELDS]):
        odd = f"{unknown[0]}: there is no such field" if isinstance(header, dict) else "the header holds no fields"
        raise BadInput(f"{odd}. There are {', '.join(_FIELDS)}.")
    for name in ("triggers", "operators"):
        value = header.get(name) or []
        if not isinstance(value, list) or any(not isinstance(part, str) for part in value):
            raise BadInput(f"{name}: give a list of texts, such as [invoice, tax*].")
        header[name] = tuple(value)
    return header | {"text": parts[2].strip()}


def written(context: Context) -> str:
    """Write a document as a file that `read_context` reads again."""
    header = {"name": context.name, "title": context.title, "triggers": list(context.triggers)}
    header |= {"operators": list(context.operators)} if context.operators else {}
    head = yaml.safe_dump(header, allow_unicode=True, sort_keys=False, default_flow_style=None, width=10_000)
    return f"---\n{head}---\n{context.text}\n"
