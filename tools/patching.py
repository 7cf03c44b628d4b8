"""Changing a part of a text exactly: a passage for another, or a unified diff that must fit. Never by guessing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from core.errors import BadInput

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_MOST_HUNKS = 200
_END = "\\ No newline at end of file"


class Misfit(BadInput):
    """A diff does not fit; the text shows what stands there instead, and a stranger may have written that."""

    tainted = True


@dataclass(frozen=True, slots=True)
class Hunk:
    """One place of a diff: at which line it should be (1-based), the lines that must stand there, and those that come instead.

    `old_end`, `new_end`: the last line has no newline behind it, before and after.
    """

    line: int
    old: tuple[str, ...]
    new: tuple[str, ...]
    old_end: bool = False
    new_end: bool = False


def replaced(text: str, find: str, replace: str, *, everywhere: bool) -> str:
    """Put `replace` where `find` stands; raises BadInput where it does not, or stands more than once and that was not meant."""
    count = text.count(find) if find else 0
    if not count:
        raise BadInput(
            f"The text to be replaced does not stand in the file{_near(text, find)}. Read the file, and copy it exactly."
        )
    if count > 1 and not everywhere:
        raise BadInput(
            f"The text to be replaced stands {count} times in the file. Give more of what is around it, or set everywhere."
        )
    return text.replace(find, replace)


def patched(text: str, diff: str) -> str:
    """Apply a unified diff of one file; raises Misfit that names the hunk that does not fit. Nothing is applied in part."""
    hunks = parse(diff)
    lines = text.split("\n")
    shift = earliest = 0
    for number, hunk in enumerate(hunks, 1):
        at = _place(lines, hunk, hunk.line - 1 + shift, earliest)
        if at is None:
            raise Misfit(_misfit(number, len(hunks), hunk, lines, hunk.line - 1 + shift))
        lines[at : at + len(hunk.old)] = hunk.new
        shift = at - (hunk.line - 1) + len(hunk.new) - len(hunk.old)
        earliest = at + len(hunk.new)
    return _ended("\n".join(lines), hunks[-1])


def _ended(text: str, last: Hunk) -> str:
    if last.new_end and not last.old_end:
        return text.removesuffix("\n")
    if last.old_end and not last.new_end and not text.endswith("\n"):
        return text + "\n"
    return text


def parse(diff: str) -> list[Hunk]:
    """Read a diff's hunks; raises BadInput for what is no diff, or one of several files."""
    lines = diff.replace("\r\n", "\n").split("\n")
    while lines and not lines[-1]:
        lines.pop()
    if sum(line.startswith("+++ ") for line in lines) > 1:
        raise BadInput("This diff changes several files. Give one call for each file.")
    starts = [i for i, line in enumerate(lines) if _HUNK.match(line)]
    if not starts or len(starts) > _MOST_HUNKS:
        raise BadInput(
            "This is no unified diff: it needs places that begin like @@ -3,2 +3,3 @@. You can give find and replace instead."
        )
    ends = [*starts[1:], len(lines)]
    return [_hunk(n, lines[start:end]) for n, (start, end) in enumerate(zip(starts, ends, strict=True), 1)]


def _hunk(number: int, lines: Sequence[str]) -> Hunk:
    found = _HUNK.match(lines[0])
    assert found is not None
    old: list[str] = []
    new: list[str] = []
    ends = {"old": False, "new": False}
    previous = " "
    for line in lines[1:]:
        mark, rest = (line[:1] or " "), line[1:]  # an empty line of context often loses its space
        if line == _END:
            ends |= {"old": ends["old"] or previous in " -", "new": ends["new"] or previous in " +"}
        elif mark in (" ", "-", "+"):
            old += [rest] if mark in " -" else []
            new += [rest] if mark in " +" else []
            previous = mark
        else:
            raise BadInput(
                f"Place {number} of the diff has a line that begins with {mark!r}: lines begin with a space, - or +."
            )
    counts = (int(found[2] or 1), int(found[4] or 1))
    if counts != (len(old), len(new)):
        said = f"-{counts[0]} +{counts[1]}, but has -{len(old)} +{len(new)}"
        raise BadInput(
            f"Place {number} of the diff says it has {said} lines. Correct its first line, or use find and replace."
        )
    first = int(found[1]) + (0 if counts[0] else 1)  # a place without old lines stands behind its line
    return Hunk(max(first, 1), tuple(old), tuple(new), ends["old"], ends["new"])


def _place(lines: Sequence[str], hunk: Hunk, expected: int, earliest: int) -> int | None:
    """Find where a hunk fits: where it says, else at the one other place it fits exactly."""
    size = len(hunk.old)
    if earliest <= expected <= len(lines) and tuple(lines[expected : expected + size]) == hunk.old:
        return expected
    if not size:
        return None
    fits = [at for at in range(earliest, len(lines) - size + 1) if tuple(lines[at : at + size]) == hunk.old]
    return fits[0] if len(fits) == 1 else None


def _misfit(number: int, count: int, hunk: Hunk, lines: Sequence[str], at: int) -> str:
    there = "\n".join(lines[max(at, 0) : max(at, 0) + max(len(hunk.old), 3)])[:600]
    return (
        f"Place {number} of {count} of the diff does not fit, so nothing was changed. "
        f"At line {hunk.line} the file says:\n{there}\nRead the file again and give a diff that fits it."
    )


def _near(text: str, find: str) -> str:
    """Hint at the usual reason: it would fit but for spaces and newlines."""
    loose = " ".join(find.split())
    return " (it does but for spaces or newlines)" if loose and loose in " ".join(text.split()) else ""
