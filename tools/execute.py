"""The tools that run code: a shell and Python, each call in a room of its own in the sandbox."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from core.ports import Blobs, ToolContext
from tools.changes import Changes
from tools.define import Tool, ToolResult, define
from tools.running import UNDO, Place, Runs
from tools.sandbox.terms import Result, Runner

# Python says where in a program something failed only if the program stands in a file.
_START = (
    "import sys; c = sys.stdin.read(); open('/tmp/program.py', 'w').write(c); sys.path.append('/work'); "
    "sys.argv = ['program.py']; exec(compile(c, '/tmp/program.py', 'exec'))"
)
_SHELL = "cat > /tmp/command && . /tmp/command < /dev/null"

Code = Annotated[
    str, Field(description="A whole program; print what you want to see.", min_length=1, max_length=100_000)
]


class ExecuteTools:
    """Code for a shell or for Python; what it leaves in the workspace is handed over like a file that was written."""

    def __init__(self, sandbox: Runner, python: str, changes: Changes, blobs: Blobs) -> None:
        self._sandbox, self._python, self._runs = sandbox, python, Runs(changes, blobs)

    def tools(self) -> list[Tool]:
        return [
            define(self.run_python, "Run Python: {code}", risk="execute", effect="once", taints=True, undo=UNDO),
            define(self.run_shell, "Run {command}", risk="execute", effect="once", taints=True, undo=UNDO),
        ]

    async def run_python(self, context: ToolContext, code: Code) -> ToolResult:
        """Run a Python program without network. It has numpy, pandas, matplotlib, openpyxl and Pillow; nothing can be installed.
        Files the user gave are read-only in /given, yours are in the current folder; what you save there is handed to the
        user. Each call begins anew: variables are gone, files stay. Save charts with plt.savefig('name.png')."""
        return await self._run(context, "Ran Python", (self._python, "-P", "-c", _START), code.encode())

    async def run_shell(
        self,
        context: ToolContext,
        command: Annotated[
            str, Field(description="For bash; several lines are fine.", min_length=1, max_length=100_000)
        ],
    ) -> ToolResult:
        """Run a command in bash without network, with the usual programs and git; nothing can be installed. Files the user gave
        are read-only in /given, yours are in the current folder; what you save there is handed to the user."""
        argv = ("/bin/bash", "--noprofile", "--norc", "-c", _SHELL)
        return await self._run(context, "Ran a shell command", argv, command.encode())

    async def _run(self, context: ToolContext, words: str, argv: tuple[str, ...], stdin: bytes) -> ToolResult:
        async def work(place: Place) -> Result:
            return await self._sandbox.run(argv, place.workspace, stdin=stdin, given=place.given)

        _, told = await self._runs.run(context, words, work)
        return told
