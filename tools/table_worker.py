"""The program that reads tables and answers SQL in a process of its own (see confined.py).

Measured reasons: a spreadsheet of 1 KB can make calamine abort its process, and one line of SQL made DuckDB take 18 GB
past its own memory_limit. Here the kernel's limit on address space ends both with an error.
"""

from __future__ import annotations

import json
import resource
import signal
import sys
from typing import Any

import duckdb

from tools.table_answers import profile, query, tables_in_words
from tools.table_loading import Problem, load

MEMORY = 1 << 30  # bytes of address space
MOST_SECONDS = 600  # of life, should the parent be gone and nobody left to kill this
_CONFIG = {
    "threads": 2,
    "memory_limit": "400MB",
    "temp_directory": "",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "python_enable_replacements": "false",
    "allow_persistent_secrets": "false",
}


def main() -> None:
    """Answer the one request on standard input: {action: profile|query, sql, files: [{fd, table, name, format}]}."""
    if sys.platform == "linux":  # macOS refuses this limit; there only DuckDB's own one holds
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(MOST_SECONDS)
    reply: dict[str, Any]
    try:
        reply = {"result": _answer(json.load(sys.stdin))}
    except Problem as problem:
        reply = {"problem": str(problem)}
    except (MemoryError, duckdb.OutOfMemoryException):
        reply = {"problem": f"This needs more memory than tables may take here ({MEMORY >> 20} MB). Ask for less."}
    except duckdb.Error as error:
        reply = {"problem": str(error)[:1500]}
    json.dump(reply, sys.stdout)


def opened(files: list[dict[str, Any]]) -> tuple[Any, list[dict[str, Any]]]:
    """Load files as tables; returns a database that reaches no file any more, and its tables."""
    database = duckdb.connect(":memory:", config=_CONFIG)
    tables = [table for file in files for table in load(database, file)]
    # From here on the database reaches no file, and nothing can give that back.
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database, tables


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    database, tables = opened(request["files"])
    if request["action"] == "query":
        try:
            return {"tables": tables, **query(database, request["sql"])}
        except duckdb.OutOfMemoryException:
            raise
        except duckdb.Error as error:
            raise Problem(f"{str(error)[:1000]}\n{tables_in_words(database)[:2000]}") from None
    return {"tables": [t if t["same_as"] else t | profile(database, t["table"]) for t in tables]}


if __name__ == "__main__":
    main()
