"""What is said of a call in words: what is wrong with its arguments, and how they stand in a sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from core.ports import ToolSpec

_SHOWN = 80  # characters of one argument in a sentence for people


def explained(spec: ToolSpec, error: ValidationError) -> str:
    """Say what is wrong with the arguments of a call, and which ones the tool takes."""
    problems = [
        f"{'.'.join(str(part)[:60] for part in problem['loc'])}: {_problem(problem['type'], problem['msg'])}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)[:6]
    ]
    takes = ", ".join(
        f"{name} ({_type(schema)}{'' if name in spec.parameters['required'] else ', optional'})"
        for name, schema in spec.parameters["properties"].items()
    )
    return f"{spec.name} cannot be called like this. {'; '.join(problems)}. It takes: {takes or 'no arguments'}."


def _problem(kind: str, message: str) -> str:
    words = {"extra_forbidden": "there is no such argument", "missing": "this argument is missing"}
    return words.get(kind, message[:1].lower() + message[1:])


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " or ".join(str(value) for value in schema["enum"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return {"string": "text", "integer": "whole number", "boolean": "true or false"}.get(
        str(schema.get("type")), str(schema.get("type", "any value"))
    )


def short(value: object) -> str:
    """Write one argument for a sentence."""
    parts = list(value[:10]) if isinstance(value, (list, tuple)) else [value]
    text = ", ".join(" ".join(_word(part).split()) for part in parts)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _word(value: object) -> str:
    # Only what is certain to print: a dict may be nested, and an integer long, beyond what Python can write.
    if isinstance(value, str):
        return value[: 2 * _SHOWN]
    printable = isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**64)
    return str(value) if printable else "…"
