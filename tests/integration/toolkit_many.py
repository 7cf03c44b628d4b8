"""Very many tools, and how long a prompt is."""

from __future__ import annotations

import json
from typing import Any

from core.ports import ToolContext
from tools.define import Tool, define

_DEEDS = ("translate_letter", "weigh_parcel", "convert_invoice", "paint_wall", "tune_piano",
          "count_birds", "bake_bread", "mend_shoe", "chart_river", "grade_essay")  # fmt: skip


def many_tools(count: int) -> list[Tool]:
    """Make so many tools, of ten kinds."""
    return [_tool(f"{_DEEDS[n % 10]}_{n // 10 + 1}") for n in range(count)]


def _tool(name: str) -> Tool:
    async def deed(context: ToolContext, text: str) -> str:
        return f"{name}: {text}"

    words = name.rsplit("_", 1)[0].replace("_", " ")
    deed.__name__, deed.__doc__ = name, f"{words.capitalize()} as one asks for it, with {name[-1]} variants."
    return define(deed, f"{words.capitalize()}: {{text}}")


def prompt_tokens(request: Any) -> int:
    """Count four characters of a request as a token, tools included."""
    told = sum(len(str(m.content)) for m in request.messages)
    return (told + sum(len(json.dumps(t.model_dump())) for t in request.tools)) // 4
