"""Values from a model made safe to store, show and pass on: what can be repaired is, what cannot is refused."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Mapping
from typing import Any

from core.errors import BadInput

DEEPEST = 20
LONGEST = 1_000_000  # bytes of one text
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
REPLACEMENT = "\ufffd"
_UNSEEN = frozenset({"Cc", "Cf", "Co", "Cn", "Zl", "Zp"})


def repair(text: str) -> str:
    """Put U+FFFD where a text holds NUL or half a surrogate pair, which neither databases nor UTF-8 can carry."""
    return _UNSTORABLE.sub(REPLACEMENT, text)


def visible(text: str) -> str:
    """Write out the characters that cannot be seen, or that turn the text around them, so that nobody is shown another text
    than the one that counts; line breaks stay."""
    return "".join(c if c in "\n\t" or unicodedata.category(c) not in _UNSEEN else _escape(c) for c in text)


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1] if ord(character) > 0x7F else f"\\u{ord(character):04x}"


def in_full(arguments: Mapping[str, Any]) -> str:
    """Write a call's arguments as JSON for people who decide about it: all of them, and nothing that cannot be seen."""
    return visible(json.dumps(arguments, ensure_ascii=False, indent=2))


def in_lines(arguments: Mapping[str, Any]) -> str:
    """Write a call's arguments for people to look at: a line for each, texts as they stand, and nothing that cannot be seen."""
    texts = {n: v if isinstance(v, str) else json.dumps(v, ensure_ascii=False) for n, v in arguments.items()}
    return visible("\n".join(f"{name}: {text}".replace("\n", "\n    ") for name, text in texts.items()))


def sanitise(arguments: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return the arguments fit to be stored, and one sentence for each that had to be repaired.

    Raises BadInput for what has no honest repair: integers beyond 64 bits, NaN and infinity, texts over 1 MB,
    nesting deeper than 20, and values that are not JSON.
    """
    notes: list[str] = []
    clean = {str(name): _clean(value, str(name)[:60], 1, notes) for name, value in arguments.items()}
    return clean, notes


def _clean(value: Any, where: str, depth: int, notes: list[str]) -> Any:
    if depth > DEEPEST:
        raise BadInput(f"{repair(where)} is nested deeper than {DEEPEST} levels. Send a flatter value.")
    match value:
        case None | bool():
            return value
        case int() | float():
            return _number(value, where)
        case str():
            return _text(value, where, notes)
        case list() | tuple():
            return [_clean(item, where, depth + 1, notes) for item in value]
        case dict():
            return {_text(str(key), where, notes): _clean(item, where, depth + 1, notes) for key, item in value.items()}
        case _:
            raise BadInput(f"{repair(where)} holds a value that JSON does not know ({type(value).__name__}).")


def _number(value: int | float, where: str) -> int | float:
    if isinstance(value, float) and not math.isfinite(value):
        raise BadInput(f"{repair(where)} is {value}, which is not a number that can be used.")
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        raise BadInput(f"{repair(where)} is a whole number beyond 64 bits. Send it as text, or a smaller one.")
    return value


def _text(value: str, where: str, notes: list[str]) -> str:
    if len(value) > LONGEST or len(value.encode("utf-8", "surrogatepass")) > LONGEST:
        raise BadInput(f"{repair(where)} is longer than {LONGEST:,} bytes. Send it in parts.")
    fixed = repair(value)
    if fixed != value:
        notes.append(f"{repair(where)}: characters that cannot be stored were replaced by {REPLACEMENT}.")
    return fixed
