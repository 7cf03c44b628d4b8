"""The program that reads source files in a process of its own (see confined.py): parsers meet what strangers wrote."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from typing import Any

from tools import code_python, code_trees
from tools.code_terms import Understood, language_of
from tools.reading import decode

MEMORY, SECONDS = 1 << 30, 30  # bytes of address space, seconds of work


def main() -> None:
    """Answer the one request on standard input: {fd, files: [[name, size]]}, their contents one behind the other."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(3 * SECONDS)
    request = json.load(sys.stdin)
    with os.fdopen(request["fd"], "rb") as contents:
        contents.seek(0)
        files = {name: understood(name, contents.read(size)) for name, size in request["files"]}
    json.dump({"result": files}, sys.stdout)


def understood(name: str, content: bytes) -> Understood | dict[str, Any]:
    """Read one file; {} if it is no text."""
    if (text := decode(content)) is None:
        return {}
    language = language_of(name)
    return code_python.understand(text, name) if language == "python" else code_trees.understand(text, language)


if __name__ == "__main__":
    main()
