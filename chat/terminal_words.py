"""Words on their way through a terminal that may know fewer letters than we do."""

from __future__ import annotations

import codecs
import sys
from io import TextIOWrapper


def spoken(text: str) -> str:
    """Read words that were typed on a command line: in a locale without UTF-8 its bytes come as half characters."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def prepare(*, as_json: bool) -> None:
    """Let every word be written: what this terminal has no letters for as ?, in JSON as its escape, which is the same JSON."""
    codecs.register_error("staffwork-json", _escaped)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="staffwork-json" if as_json and stream is sys.stdout else "replace")


def _escaped(problem: UnicodeError) -> tuple[str, int]:
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    units = problem.object[problem.start : problem.end].encode("utf-16-be", "surrogatepass")
    pairs = (units[at : at + 2].hex() for at in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs), problem.end
