"""The program that makes charts and documents in a process of its own (see confined.py): large libraries, strangers' data."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from importlib import import_module
from typing import Any

import duckdb

from tools.making_source import cells
from tools.table_loading import Problem

MEMORY = 2 << 30  # bytes of address space
SECONDS = 90  # of work
LARGEST = 10_000_000  # bytes of what is made, as a workspace takes them


def main() -> None:
    """Answer the one request on standard input: {action, outputs: {format: fd}, files, ...}; what is made goes to `outputs`."""
    if sys.platform == "linux":  # macOS refuses this limit
        _limit(resource.RLIMIT_AS, MEMORY)
    _limit(resource.RLIMIT_CPU, SECONDS)
    _limit(resource.RLIMIT_FSIZE, 4 * LARGEST)
    _limit(resource.RLIMIT_CORE, 0)
    signal.alarm(2 * SECONDS)
    reply: dict[str, Any]
    try:
        reply = {"result": _made(json.load(sys.stdin))}
    except Problem as problem:
        reply = {"problem": str(problem)}
    except (MemoryError, duckdb.OutOfMemoryException):
        reply = {"problem": f"This needs more memory than may be used here ({MEMORY >> 20} MB). Use less data."}
    except duckdb.Error as error:
        reply = {"problem": str(error)[:1500]}
    except OSError as error:
        reply = {"problem": f"This could not be made ({(error.strerror or 'unknown reason').lower()}). Use less data."}
    json.dump(reply, sys.stdout)


def _limit(kind: int, most: int) -> None:
    """Hold this process to a limit; one that the room around it sets may be lower already."""
    hard = resource.getrlimit(kind)[1]
    lowest = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(kind, (lowest, lowest))


# The libraries are large, so only the one that is needed is loaded.
_MAKERS = {
    "chart": ("making_charts", "make"),
    "spreadsheet": ("making_sheets", "make"),
    "docx": ("making_docx", "make"),
    "pdf": ("making_pdf", "make"),
    "slides": ("making_slides", "make"),
    "picture": ("making_pictures", "shrunk"),
}


def _made(request: dict[str, Any]) -> Any:
    if request["action"] == "cells":
        return cells(request)
    module, function = _MAKERS[request["action"]]
    return _kept(request, *getattr(import_module(f"tools.{module}"), function)(request))


def _kept(request: dict[str, Any], made: dict[str, bytes], said: dict[str, Any]) -> dict[str, Any]:
    for form, content in made.items():
        if len(content) > LARGEST:
            raise Problem(
                f"The .{form} file would have {len(content):,} bytes; {LARGEST:,} are possible. Use less data."
            )
        with os.fdopen(os.dup(request["outputs"][form]), "wb") as out:
            out.write(content)
    return said | {"forms": list(made)}


if __name__ == "__main__":
    main()
