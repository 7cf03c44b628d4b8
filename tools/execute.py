"""The tools that run code: a shell and Python, each call in a room of its own in the sandbox."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from core.errors import BadInput, Refused
from core.ports import Blobs, ToolContext
from tools.changes import Changes
from tools.define import Tool, ToolResult, define
from tools.egress import Egress
from tools.running import UNDO, Place, Runs
from tools.sandbox.terms import Hands, Result
from tools.sessions import Kind, Sessions

# Python says where in a program something failed only if the program stands in a file.
_START = (
    "import sys; c = sys.stdin.read(); open('/tmp/program.py', 'w').write(c); sys.path.append('/work'); "
    "sys.argv = ['program.py']; exec(compile(c, '/tmp/program.py', 'exec'))"
)
_SHELL = "cat > /tmp/command && . /tmp/command < /dev/null"

Code = Annotated[
    str, Field(description="A whole program; print what you want to see.", min_length=1, max_length=100_000)
]
Kept = Annotated[
    Literal["fresh", "task"],
    Field(
        description="fresh: begins anew; task: goes on from your earlier calls with task, what they defined is there."
    ),
]
Network = Annotated[
    bool,
    Field(description="Whether it may reach the hosts that are open for code (by HTTP); a person is asked first."),
]


class ExecuteTools:
    """Code for a shell or for Python; what it leaves in the workspace is handed over like a file that was written."""

    def __init__(
        self,
        sandbox: Hands,
        changes: Changes,
        blobs: Blobs,
        sessions: Sessions | None = None,
        egress: Egress | None = None,
    ) -> None:
        self._sandbox, self._runs, self._sessions, self._egress = sandbox, Runs(changes, blobs), sessions, egress

    def tools(self) -> list[Tool]:
        closed = () if self._egress else ("network",)
        tools = [
            define(
                self.run_python,
                "Run Python: {code}",
                risk="execute",
                effect="once",
                taints=True,
                undo=UNDO,
                without=closed,
            ),
            define(
                self.run_shell, "Run {command}", risk="execute", effect="once", taints=True, undo=UNDO, without=closed
            ),
        ]
        return [replace(tool, more={"network": "network"}) for tool in tools]

    async def run_python(
        self, context: ToolContext, code: Code, session: Kept = "fresh", *, network: Network = False
    ) -> ToolResult:
        """Run a Python program without network. It has numpy, pandas, matplotlib, openpyxl and Pillow; nothing can be installed.
        Files the user gave are read-only in /given, yours are in the current folder; what you save there is handed to the
        user. Each call begins anew, unless you set session; files stay. Save charts with plt.savefig('name.png')."""
        if session == "task":
            return await self._go_on(context, "Ran Python", "python", code, network=network)
        argv = (self._sandbox.python, "-P", "-c", _START)
        if network:
            return await self._run_outside(context, "run_python", argv, code.encode())
        return await self._run(context, "Ran Python", argv, code.encode())

    async def run_shell(
        self,
        context: ToolContext,
        command: Annotated[
            str, Field(description="For bash; several lines are fine.", min_length=1, max_length=100_000)
        ],
        session: Kept = "fresh",
        *,
        network: Network = False,
    ) -> ToolResult:
        """Run a command in bash without network, with the usual programs and git; nothing can be installed. Files the user gave
        are read-only in /given, yours are in the current folder; what you save there is handed to the user."""
        if session == "task":
            return await self._go_on(context, "Ran a shell command", "shell", command, network=network)
        argv = ("/bin/bash", "--noprofile", "--norc", "-c", _SHELL)
        if network:
            return await self._run_outside(context, "run_shell", argv, command.encode())
        return await self._run(context, "Ran a shell command", argv, command.encode())

    async def _run(
        self, context: ToolContext, words: str, argv: tuple[str, ...], stdin: bytes, way: Path | None = None
    ) -> ToolResult:
        async def work(place: Place) -> Result:
            return await self._sandbox.run(argv, place.workspace, stdin=stdin, given=place.given, network=way)

        _, told = await self._runs.run(context, words, work)
        return told

    async def _run_outside(self, context: ToolContext, tool: str, argv: tuple[str, ...], stdin: bytes) -> ToolResult:
        """Run something with a way to listed hosts; what it reached is told with the result."""
        assert self._egress is not None  # else there is no such argument
        async with self._egress.way_out(context, tool, self._sandbox.sockets) as way:
            told = await self._run(context, "Ran code with network", argv, stdin, way.socket)
        return replace(told, text="\n".join([told.text, *way.told()]))

    async def _go_on(self, context: ToolContext, words: str, kind: Kind, code: str, *, network: bool) -> ToolResult:
        """Run code in the session of the task."""
        if network:
            raise BadInput("A session has no network. Use session='fresh' for what needs it.")
        sessions = self._sessions
        if sessions is None:
            raise Refused("Sessions are not offered here. Use session='fresh'.")

        async def work(place: Place) -> Result:
            return await sessions.run(context, kind, code, place, self._sandbox.limits.seconds)

        _, told = await self._runs.run(context, words, work)
        return told
