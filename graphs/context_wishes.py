"""What a person can choose of a context document, and what cannot be kept, in words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from core.errors import BadInput
from graphs.context_choosing import words_of
from tools.sanitise import repair

MOST_TRIGGERS, LONGEST_TEXT = 20, 20_000
_OPERATOR = re.compile(r"[a-z][a-z0-9_]{1,39}")


class Wish(BaseModel):
    """What a person can choose of a document; without a name it is called by its title."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: str = Field(max_length=200)
    name: str = Field("", max_length=60)
    triggers: tuple[str, ...] = Field((), max_length=MOST_TRIGGERS)
    operators: tuple[str, ...] = Field((), max_length=MOST_TRIGGERS)
    text: str = Field(max_length=LONGEST_TEXT)
    enabled: bool = True

    @field_validator("title", "name", mode="before")
    @classmethod
    def _one_line(cls, value: Any) -> Any:
        return " ".join(repair(value).split()) if isinstance(value, str) else value

    @field_validator("text", mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        return repair(value).replace("\r\n", "\n").strip() if isinstance(value, str) else value

    @field_validator("triggers", "operators", mode="before")
    @classmethod
    def _listed(cls, value: Any) -> Any:
        """Take a list, or one text with commas or lines between."""
        parts = re.split(r"[,\n]", value) if isinstance(value, str) else value
        if not isinstance(parts, list | tuple) or any(not isinstance(p, str) for p in parts):
            return value
        return tuple(dict.fromkeys(word for p in parts if (word := " ".join(repair(p).split()))))


def checked(fields: Mapping[str, Any]) -> Wish:
    """Check what a person wants; raises BadInput that names the field and the fix."""
    try:
        wish = Wish.model_validate(dict(fields))
    except ValidationError as error:
        raise BadInput(_first_problem(error)) from None
    for field, value in (("title", wish.title), ("text", wish.text)):
        if not value:
            raise BadInput(f"{field}: it is empty.")
    for trigger in wish.triggers:
        if len(trigger) > 80 or sum(letter.isalnum() for word in words_of(trigger) for letter in word) < 2:
            raise BadInput(f"triggers: {trigger[:80]!r} cannot be one. Give words of 2 to 80 letters, such as tax*.")
    for operator in wish.operators:
        if not _OPERATOR.fullmatch(operator):
            raise BadInput(f"operators: {operator[:80]!r} is no name of an operator, such as writer.")
    name = slug(wish.name or wish.title)
    if not name:
        raise BadInput("title: it needs letters or digits.")
    return wish.model_copy(update={"name": name})


def slug(title: str) -> str:
    """Make a document's name of its title: small letters, digits and dashes, 60 at most."""
    return re.sub(r"[\W_]+", "-", title.casefold()).strip("-")[:60].rstrip("-")


def _first_problem(error: ValidationError) -> str:
    problem = error.errors(include_url=False)[0]
    name, context = str(problem["loc"][0]) if problem["loc"] else "document", problem.get("ctx", {})
    match problem["type"]:
        case "missing":
            words = "it is missing."
        case "string_too_long":
            words = f"it is too long; at most {context['max_length']:,} characters."
        case "too_long":
            words = f"there are too many; at most {context['max_length']}."
        case "extra_forbidden":
            words = f"there is no such field. There are {', '.join(Wish.model_fields)}."
        case _:
            words = f"{str(problem['msg']).removeprefix('Input ')}."
    return f"{name}: {words}"
