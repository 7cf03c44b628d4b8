"""What a program sends: JSON, held against what can be stored, and every problem said in words that name the field."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from core.errors import BadInput

if TYPE_CHECKING:
    from fastapi import Request

Model = TypeVar("Model", bound=BaseModel)
_MOST = 2**63
_DEEPEST = 40


class Problem(BaseModel):
    """What is answered when something could not be done: in words for people."""

    detail: str


PROBLEMS: dict[int | str, dict[str, Any]] = {
    400: {"model": Problem, "description": "It cannot be done as it was asked for"},
    401: {"model": Problem, "description": "Nobody is logged in"},
    403: {"model": Problem, "description": "Not allowed"},
    404: {"model": Problem, "description": "Not there, or somebody else's"},
    409: {"model": Problem, "description": "Somebody was quicker, or it does not fit how things stand"},
    413: {"model": Problem, "description": "Too large"},
    422: {"model": Problem, "description": "A field cannot be used as it was sent"},
    429: {"model": Problem, "description": "Too often; wait a little"},
}
"""How the routes say no, for their description."""


class Unusable(BadInput):
    """A field cannot be used as it was sent (422)."""


async def sent(request: Request, model: type[Model]) -> Model:
    """Read a request's body; raises BadInput if it is no JSON object, Unusable naming the first field that is wrong."""
    return fitting(model, read_object(await request.body()))


def read_object(body: bytes) -> dict[str, Any]:
    """Read one JSON object that can be stored as it is: no NaN, no integer above 64 bits, no half character."""
    try:
        given = json.loads(body, parse_constant=_no_number, parse_int=_integer, parse_float=_number)
        json.dumps(given, ensure_ascii=False).encode()
    except UnicodeDecodeError:
        raise BadInput("This is no JSON: it must be encoded as UTF-8.") from None
    except UnicodeEncodeError:
        words = "A text holds half of a character (a lone surrogate, \\ud800 to \\udfff), which cannot be stored."
        raise Unusable(f"{words} Send the whole character.") from None
    except json.JSONDecodeError as problem:
        raise BadInput(f"This is no JSON: {problem}.") from None
    except RecursionError:
        raise Unusable("This is nested too deep. Send it flatter.") from None
    if not isinstance(given, dict):
        raise BadInput('Send one JSON object, such as {"goal": "..."}.')
    if _depth(given) > _DEEPEST:
        raise Unusable(f"This is nested too deep: more than {_DEEPEST} levels. Send it flatter.")
    return given


def _no_number(word: str) -> Any:
    raise Unusable(f"{word} is no number in JSON. Leave the field out, or send null.")


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -_MOST <= int(digits) < _MOST:
        raise Unusable(f"The number {digits[:24]}… has more than 64 bits. Send it as text, in quotes.")
    return int(digits)


def _number(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise Unusable(f"The number {digits[:24]} is too large. Send it as text, in quotes.")
    return number


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        level = [inner for outer in level for inner in _within(outer)]
    return deepest


def _within(value: Any) -> Iterable[Any]:
    match value:
        case dict():
            return value.values()
        case list():
            return value
    return ()


def fitting(model: type[Model], fields: Mapping[str, Any]) -> Model:
    """Make the model of these fields; raises Unusable that names the first one that is wrong, and the fix."""
    try:
        return model.model_validate(dict(fields))
    except ValidationError as error:
        known = ", ".join(model.model_fields)
        raise Unusable(in_words(error.errors(include_url=False)[0], known)) from None


_ONE_OBJECT = 'Send one JSON object, such as {"goal": "..."}, with the header Content-Type: application/json.'


def no_json(problem: Mapping[str, Any]) -> str:
    """Say that a body is no JSON object at all; "" if that is not what is wrong."""
    if problem["type"] == "json_invalid":
        return f"This is no JSON: {problem.get('ctx', {}).get('error', 'it cannot be read')}."
    whole = tuple(problem["loc"]) == ("body",)
    kinds = ("model_attributes_type", "dict_type", "model_type", "missing")
    return _ONE_OBJECT if whole and problem["type"] in kinds else ""


_MOMENT = "it must be a date and time, such as 2026-11-21T08:00:00Z."
_PLAINLY = {
    "missing": "it is missing.",
    "string_too_short": "it is empty.",
    "string_pattern_mismatch": "letters, digits, - and _ only, 64 at most.",
    "int_parsing": "it must be a whole number.",
    "int_from_float": "it must be a whole number.",
    "datetime_parsing": _MOMENT,
    "datetime_from_date_parsing": _MOMENT,
}
"""Kind of a problem -> what is said of it."""


def in_words(problem: Mapping[str, Any], known: str = "") -> str:
    """Say what is wrong with a field; `known` lists the fields there are."""
    place = [str(part) for part in problem["loc"]]
    if place[:1] == ["body"] or (len(place) > 1 and place[0] in ("query", "path", "header")):
        place = place[1:]
    context = problem.get("ctx", {})
    match problem["type"]:
        case kind if kind in _PLAINLY:
            words = _PLAINLY[kind]
        case "string_too_long":
            words = f"it is too long; at most {context['max_length']:,} characters."
        case "too_long":
            words = f"there are too many; at most {context['max_length']}."
        case "literal_error" | "enum":
            words = f"it must be {context['expected']}."
        case "extra_forbidden":
            words = f"there is no such field. There are {known}." if known else "there is no such field."
        case _:
            said = str(problem["msg"]).removeprefix("Value error, ").removeprefix("Input ")
            words = f"it {said}." if said.startswith("should") else f"{said}."
    return f"{'.'.join(place) or 'body'}: {words}"
