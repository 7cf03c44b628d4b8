"""Where the values of a call come from: only what stands word for word in a text counts as given by it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_ADDRESS = re.compile(
    r"[a-z][a-z0-9+.-]{0,19}://\S+", re.IGNORECASE
)  # bounded: an argument may be a megabyte of letters
_TELLING = 4  # characters
_NAMES_ADDRESSES = frozenset({"url", "urls", "uri", "address", "link", "links", "host", "endpoint"})
_OPENS, _CLOSES, _STOPS = frozenset("(<[{\"'“‘«`*;"), frozenset(")>]}\"'”’»`*;!"), frozenset(".?,:")
"""What may stand around a value: else it is a part of a longer word, number or address, which was not said."""


def stands_in(arguments: Mapping[str, Any], texts: Sequence[str]) -> bool:
    """Say whether every value of a call, however deep, stands word for word in one of the texts.

    Exactly: same letters, same case, and not as a part of a longer word, number or address. True, false, null, empty
    texts and calls without arguments never do: nobody says those.
    """
    values = list(_values(arguments))
    return bool(values) and all(isinstance(v, str) and any(_said(v, text) for text in texts) for v in values)


def tells(arguments: Mapping[str, Any]) -> bool:
    """Say whether a call holds any value that does not stand in a text by chance, as a number or a short word may."""
    return any(v and len(v.strip()) >= _TELLING and any(c.isalpha() for c in v) for v in _values(arguments))


def addresses(arguments: Mapping[str, Any]) -> Iterator[str]:
    """List the addresses a call names: what its arguments for addresses hold, whatever it looks like, and what looks like one."""
    for name, value in arguments.items():
        for found in _values(value):
            if isinstance(found, str):
                yield from [found] if name.lower() in _NAMES_ADDRESSES else _ADDRESS.findall(found)


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
    start = text.find(wanted)
    while start >= 0:
        if _stands_alone(text[max(start - 1, 0) : start], text[start + len(wanted) : start + len(wanted) + 2]):
            return True
        start = text.find(wanted, start + 1)
    return False


def _stands_alone(before: str, after: str) -> bool:
    """Say whether what stands between these characters (one, and two, or none at the ends) is no part of something longer."""
    if before and not before.isspace() and before not in _OPENS:
        return False
    first, second = after[:1], after[1:2]
    if first in _STOPS and (not second or second.isspace() or second in _CLOSES):
        return True
    return not first or first.isspace() or first in _CLOSES
