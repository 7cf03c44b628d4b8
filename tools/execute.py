"""The tools that run code: a shell and Python, each call in a room of its own in the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from core.errors import BadInput, NotFound, ToolFailure
from core.missions import Artifact
from core.ports import Blobs, ToolContext
from tools.define import Tool, ToolResult, define
from tools.files import artifact_of
from tools.folder import Folder, Folders
from tools.sandbox.terms import Result, Runner
from tools.workspace import LARGEST, WorkspaceFile, checked_name

_MOST_MADE = 20  # files handed over from one call
# Python says where in a program something failed only if the program stands in a file.
_START = (
    "import sys; c = sys.stdin.read(); open('/tmp/program.py', 'w').write(c); sys.path.append('/work'); "
    "sys.argv = ['program.py']; exec(compile(c, '/tmp/program.py', 'exec'))"
)
_SHELL = "cat > /tmp/command && . /tmp/command < /dev/null"
_UNDO = "What it did to the files of this conversation stays; ask for the files to be made again."

Code = Annotated[
    str, Field(description="A whole program; print what you want to see.", min_length=1, max_length=100_000)
]


class ExecuteTools:
    """Code for a shell or for Python; what it leaves in the workspace is handed over like a file that was written."""

    def __init__(self, sandbox: Runner, python: str, folders: Folders, blobs: Blobs) -> None:
        self._sandbox, self._python, self._folders, self._blobs = sandbox, python, folders, blobs

    def tools(self) -> list[Tool]:
        return [
            define(self.run_python, "Run Python: {code}", risk="execute", effect="once", taints=True, undo=_UNDO),
            define(self.run_shell, "Run {command}", risk="execute", effect="once", taints=True, undo=_UNDO),
        ]

    async def run_python(self, context: ToolContext, code: Code) -> ToolResult:
        """Run a Python program without network. It has numpy, pandas, matplotlib, openpyxl and Pillow; nothing can be installed.
        Files the user gave are read-only in /given, yours are in the current folder; what you save there is handed to the
        user. Each call begins anew: variables are gone, files stay. Save charts with plt.savefig('name.png')."""
        return await self._run(context, (self._python, "-P", "-c", _START), code.encode())

    async def run_shell(
        self,
        context: ToolContext,
        command: Annotated[
            str, Field(description="For bash; several lines are fine.", min_length=1, max_length=100_000)
        ],
    ) -> ToolResult:
        """Run a command in bash without network, with the usual programs and git; nothing can be installed. Files the user gave
        are read-only in /given, yours are in the current folder; what you save there is handed to the user."""
        return await self._run(context, ("/bin/bash", "--noprofile", "--norc", "-c", _SHELL), command.encode())

    async def _run(self, context: ToolContext, argv: tuple[str, ...], stdin: bytes) -> ToolResult:
        folder = self._folders.of(context)
        place, before, given = await asyncio.to_thread(self._prepared, folder)
        result = await self._sandbox.run(argv, place, stdin=stdin, given=given)
        if result.status == "error":
            raise ToolFailure(result.reason)
        after = await asyncio.to_thread(_marks, folder)
        changed = [file for name, file in after.items() if name not in before or before[name].mark != file.mark]
        made, words = await self._hand_over(context, folder, changed)
        return ToolResult(_told(result, words), artifacts=tuple(made))

    def _prepared(self, folder: Folder) -> tuple[Path, dict[str, WorkspaceFile], dict[str, Path]]:
        place = folder.workspace.place()
        given: dict[str, Path] = {}
        for number, file in enumerate(folder.files(), 1):
            if file.attachment is not None:
                given[_name_inside(file.name, number)] = self._blobs.path(file.attachment.hash).absolute()
        return place, _marks(folder), given

    async def _hand_over(
        self, context: ToolContext, folder: Folder, changed: list[WorkspaceFile]
    ) -> tuple[list[Artifact], list[str]]:
        """Keep what was made as artifacts; returns them and a line about each file."""
        made, words = list[Artifact](), list[str]()
        for file in changed[:_MOST_MADE]:
            content = await asyncio.to_thread(_content, folder, file.name)
            if content is None:
                words.append(f"{file.name} ({file.size:,} bytes) is too large to hand over, or gone again.")
                continue
            kept = WorkspaceFile(file.name, len(content))
            made.append(artifact_of(context, kept, await self._blobs.put(content)))
            words.append(f"Made {file.name} ({len(content):,} bytes).")
        if left := len(changed) - _MOST_MADE:
            words += [f"{left} more files were made; only {_MOST_MADE} are handed over at a time."] if left > 0 else []
        return made, words


def _marks(folder: Folder) -> dict[str, WorkspaceFile]:
    folder.workspace.place()
    return {file.name: file for file in folder.workspace.files()}


def _content(folder: Folder, name: str) -> bytes | None:
    try:
        with folder.workspace.read(name) as file:
            content = file.read(LARGEST + 1)
    except (NotFound, BadInput):
        return None
    return content if len(content) <= LARGEST else None


def _name_inside(name: str, number: int) -> str:
    """Name a given file inside: as it is listed, or by its number if that is no name for a path."""
    try:
        return checked_name(name) if "/" not in name else f"file-{number}"
    except BadInput:
        return f"file-{number}"


def _told(result: Result, made: list[str]) -> str:
    """Say what came of a run, the end of it first."""
    how = result.reason or (f"It ended with exit code {result.code}." if result.code else "")
    streams: Mapping[str, str] = {"": result.stdout, "On standard error:\n": result.stderr}
    said = [head + text.rstrip() for head, text in streams.items() if text.strip()]
    return "\n".join([*([how] if how else []), *said, *made]) or "It ended well and printed nothing."
