"""The program that compares two texts line by line in a process of its own: long texts that differ everywhere take for ever."""

from __future__ import annotations

import difflib
import json
import os
import resource
import signal
import sys
from itertools import islice
from typing import Any

SECONDS, MEMORY = 20, 1 << 30
MOST_LINES, LONGEST_LINE = 3_000, 2_000


def main() -> None:
    """Answer {old: fd, new: fd, context: lines} with {lines: [[sign, text]], more: bool}."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(2 * SECONDS)
    json.dump({"result": _differences(json.load(sys.stdin))}, sys.stdout)


def _differences(request: dict[str, Any]) -> dict[str, Any]:
    old, new = (_lines(request[which]) for which in ("old", "new"))
    found = difflib.unified_diff(old, new, lineterm="", n=request["context"])
    lines = [[line[0], line[1:][:LONGEST_LINE]] for line in islice(found, 2, MOST_LINES + 3)]
    return {"lines": lines[:MOST_LINES], "more": len(lines) > MOST_LINES}


def _lines(descriptor: int) -> list[str]:
    with os.fdopen(os.dup(descriptor), "rb") as file:
        file.seek(0)
        return file.read().decode("utf-8", "replace").split("\n")


if __name__ == "__main__":
    main()
