"""Names of tables and columns that SQL can use without quotes."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_RESERVED = frozenset(
    re.findall(
        r"\w+",
        "all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create "
        "default deferrable desc describe distinct do else end except false fetch for foreign from group having in "
        "initially intersect into lambda lateral leading limit not null offset on only or order pivot pivot_longer "
        "pivot_wider placing primary qualify references returning select show some summarize symmetric table then to "
        "trailing true union unique unpivot using variadic when where window with",
    )
)


def fits(name: str) -> bool:
    """Say whether SQL takes a name as it is."""
    return re.fullmatch(r"[^\W\d]\w*", name) is not None and name.lower() not in _RESERVED


def identifier(name: str, taken: set[str]) -> str:
    """Make a name that fits, as close to the given one as possible, and take it (`taken` holds lower case)."""
    plain = re.sub(r"\W+", "_", name).strip("_") or "column"
    if not fits(plain):
        plain = f"{plain}_" if plain.lower() in _RESERVED else f"t_{plain}"
    return distinct(plain, taken)


def distinct(name: str, taken: set[str]) -> str:
    """Give a name a number if it is taken, and take it."""
    free, number = name, 2
    while free.lower() in taken:
        free, number = f"{name}_{number}", number + 1
    taken.add(free.lower())
    return free


def of_file(name: str, taken: set[str]) -> str:
    """Name the table of a file after its stem."""
    return identifier(PurePosixPath(name).stem.lower(), taken)


def quoted(name: str) -> str:
    """Write a name so that SQL takes it whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Write a text as an SQL string."""
    return "'" + text.replace("'", "''") + "'"
