"""A typed function becomes a tool: schema, strict arguments, words."""

from __future__ import annotations

import threading
from typing import Annotated, Literal

import pytest
from pydantic import Field

from core.errors import BadInput
from core.ports import ToolContext
from tools.define import ToolResult, define

CONTEXT = ToolContext(
    mission_id="m", conversation_id="c", user_id="u", task_id=None, step="t1/1.0", granted=("paint", "where")
)


async def paint(
    context: ToolContext,
    thing: Annotated[str, Field(description="What to paint.", min_length=1)],
    colour: Literal["red", "green"],
    layers: Annotated[int | None, Field(description="How many layers.")] = None,
    tags: Annotated[list[str], Field(max_length=3)] = [],  # noqa: B006  (pydantic copies it)
) -> str:
    """Paint a thing."""
    return f"{thing} {colour} {layers} {tags} for {context.user_id}"


def where(context: ToolContext) -> ToolResult:
    """Tell the thread."""
    return ToolResult(threading.current_thread().name)


def test_the_signature_is_the_schema_and_the_docstring_the_description() -> None:
    spec = define(paint, "Paint {thing}").spec
    assert (spec.name, spec.description) == ("paint", "Paint a thing.")
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "thing": {"type": "string", "minLength": 1, "description": "What to paint."},
            "colour": {"type": "string", "enum": ["red", "green"]},
            "layers": {"type": "integer", "description": "How many layers."},
            "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 3, "default": []},
        },
        "required": ["thing", "colour"],
        "additionalProperties": False,
    }


async def test_it_runs_with_defaults_and_with_everything() -> None:
    tool = define(paint, "Paint {thing}")
    given = tool.check({"thing": "door", "colour": "red"})
    assert (await tool.run(CONTEXT, given)).text == "door red None [] for u"
    given = tool.check({"thing": "door", "colour": "red", "layers": 2, "tags": ["a"]})
    assert (await tool.run(CONTEXT, given)).text == "door red 2 ['a'] for u"


async def test_a_plain_function_runs_in_a_thread() -> None:
    assert (await define(where, "Look").run(CONTEXT, {})).text != threading.current_thread().name


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"colour": "red"}, "thing: this argument is missing"),
        ({"thing": "x", "colour": "blue"}, "colour: input should be 'red' or 'green'"),
        ({"thing": "x", "colour": "red", "layers": "2"}, "layers: input should be a valid integer"),
        ({"thing": "x", "colour": "red", "layers": True}, "layers: input should be a valid integer"),
        ({"thing": "x", "colour": "red", "size": 3}, "size: there is no such argument"),
        ({"thing": 7, "colour": "red"}, "thing: input should be a valid string"),
        ({"thing": "x", "colour": "red", "tags": ["a", 1]}, "tags.1: input should be a valid string"),
    ],
)
def test_wrong_arguments_are_explained_so_that_the_call_can_be_repaired(given: dict[str, object], words: str) -> None:
    with pytest.raises(BadInput) as caught:
        define(paint, "Paint {thing}").check(given)
    assert words in str(caught.value)
    assert "It takes: thing (text), colour (red or green), layers (whole number, optional)" in str(caught.value)


def test_intent_is_a_plain_sentence_for_any_arguments() -> None:
    words = define(paint, "Paint {thing} in {colour}").words
    assert words({"thing": "the\n  door", "colour": "red"}) == "Paint the door in red"
    assert words({}) == "Paint … in …"
    nested: list[object] = []
    for _ in range(5000):
        nested = [nested]
    assert words({"thing": "x" * 5000, "colour": nested}) == "Paint " + "x" * 79 + "… in …"
    assert words({"thing": 10**6000, "colour": {"a": nested}}) == "Paint … in …"
