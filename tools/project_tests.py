"""The tool that runs a project's own tests, in the sandbox: with pytest where its Python has it, else with unittest."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from core.errors import ToolFailure
from core.ports import Blobs, ToolContext
from tools.changes import Changes
from tools.define import Tool, ToolResult, define
from tools.running import UNDO, Place, Runs
from tools.sandbox.terms import Hands, Result
from tools.workspace import checked_name

_WORKER = Path(__file__).with_name("tests_worker.py")
_REFUSED = 125
_UNCOUNTED = "The tests ended the program before they were counted (with os._exit, say): how many passed is not known."


class ProjectTests:
    """Runs tests of Python projects."""

    def __init__(self, sandbox: Hands, changes: Changes, blobs: Blobs) -> None:
        self._sandbox, self._runs = sandbox, Runs(changes, blobs)

    def tools(self) -> list[Tool]:
        return [
            define(self.run_tests, "Run the tests in {folder}", risk="execute", effect="once", taints=True, undo=UNDO)
        ]

    async def run_tests(
        self,
        context: ToolContext,
        folder: Annotated[
            str, Field(description="Folder of the project; none: the conversation's own.", max_length=1000)
        ] = "",
    ) -> ToolResult:
        """Run the Python tests of a project in the conversation's folder (pytest if it is there, else unittest and plain test
        functions), without network. Says of each failure file and line, and what could not be run."""
        place = checked_name(folder.strip("/")) if folder.strip("/").strip(".") else "."
        argv = (self._sandbox.python, "-P", "-c", _program())

        async def work(found: Place) -> Result:
            return await self._sandbox.run(argv, found.workspace, stdin=json.dumps({"folder": place}).encode())

        result, told = await self._runs.run(context, "Ran tests", work)
        if result.code == _REFUSED:
            raise ToolFailure(f"There is no folder {place!r} with a project. list_files shows what there is.")
        if result.status == "exited" and "\nTests (" not in f"\n{result.stdout}":
            told = replace(told, text=f"{_UNCOUNTED}\n{told.text}")
        return told


@cache
def _program() -> str:
    return _WORKER.read_text(encoding="utf-8")
