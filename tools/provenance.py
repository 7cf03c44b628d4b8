"""Where the values of a call come from: only what stands word for word in a text counts as given by it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://\S+|www\.\S+", re.IGNORECASE)
_INNER = r"[\w@]"
"""What makes a word longer: a value inside of a longer word was not said."""


def stands_in(arguments: Mapping[str, Any], texts: Sequence[str]) -> bool:
    """Say whether every value of a call, however deep, stands word for word in one of the texts.

    Exactly: same letters, same case, and not as a part of a longer word, number or address. True, false, null, empty
    texts and calls without arguments never do: nobody says those.
    """
    values = list(_values(arguments))
    return bool(values) and all(isinstance(v, str) and any(_said(v, text) for text in texts) for v in values)


def addresses(value: Any) -> Iterator[str]:
    """List the web addresses among the values of a call."""
    for found in _values(value):
        if isinstance(found, str):
            yield from _ADDRESS.findall(found)


def _values(value: Any) -> Iterator[str | None]:
    """Walk through all values, keys of inner objects included (the outermost are the names of the arguments)."""
    pending: list[tuple[Any, bool]] = [(value, True)]
    while pending:
        found, outermost = pending.pop()
        match found:
            case Mapping() if found:
                pending.extend((inner, False) for inner in found.values())
                if not outermost:
                    yield from (str(key) for key in found)
            case list() | tuple() if found:
                pending.extend((inner, False) for inner in found)
            case str() if found.strip():
                yield found
            case int() | float() if not isinstance(found, bool):
                yield repr(found)
            case _:
                yield None


def _said(value: str, text: str) -> bool:
    wanted = value.strip()
    before = rf"(?<!{_INNER})(?<!{_INNER}[.,/:+-])" if re.match(_INNER, wanted) else ""
    after = rf"(?!{_INNER})(?![.,/:+?&#=%-]{_INNER})(?!/)" if re.search(_INNER + r"$", wanted) else r"(?![\w@?#&=%])"
    return re.search(before + re.escape(wanted) + after, text) is not None
