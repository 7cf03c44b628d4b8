"""The program that reads source files in a room or a process of its own (see confined.py): parsers meet what strangers wrote."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys

from tools.code_python import understand as understand_python
from tools.code_terms import Understood, language_of
from tools.code_trees import understand as understand_tree

MEMORY, SECONDS = 1 << 30, 30  # bytes of address space, seconds of work
MOST_ITEMS = 2_000  # of one file


def main() -> None:
    """Answer the one request on standard input: {fd}, a file with a line that lists [[name, size]], and their texts behind it."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(3 * SECONDS)
    request = json.load(sys.stdin)
    with os.fdopen(request["fd"], "rb") as contents:
        contents.seek(0)
        listed = json.loads(contents.readline())
        files = {name: understood(name, contents.read(size).decode()) for name, size in listed}
    json.dump({"result": files}, sys.stdout)


def understood(name: str, text: str) -> Understood:
    """Read one file, and no more of it than one can use."""
    language = language_of(name)
    found = understand_python(text, name) if language == "python" else understand_tree(text, language)
    return Understood(
        items=found["items"][:MOST_ITEMS],
        imports=found["imports"][:MOST_ITEMS],
        errors=found["errors"],
        hints=found["hints"],
        package=found["package"],
    )


if __name__ == "__main__":
    main()
