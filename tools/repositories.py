"""The tools for git: on repositories in the conversation's folder, inside the sandbox, without network, hooks or their settings."""

from __future__ import annotations

import json
import shutil
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from core.errors import ToolFailure
from core.ports import Blobs, ToolContext
from tools.changes import Changes
from tools.define import Tool, ToolResult, define
from tools.git_arguments import CHANGES, READS, checked
from tools.running import UNDO, Place, Runs
from tools.sandbox.terms import Hands, Result
from tools.workspace import checked_name

_WORKER = Path(__file__).with_name("git_worker.py")
_REFUSED = 125
Arguments = Annotated[
    list[str], Field(description='What follows git, word for word: ["log", "--oneline", "-n", "5"].', min_length=1)
]
Repository = Annotated[
    str, Field(description="Folder of the repository; none: the conversation's own.", max_length=1000)
]


def git_is_there() -> bool:
    """Say whether there is a git that programs in the sandbox can see."""
    return shutil.which("git", path="/usr/local/bin:/usr/bin:/bin") is not None


def why_no_git() -> str:
    """Say why operators have no tools for git, and what to do; "" if they have."""
    if git_is_there():
        return ""
    return "Operators cannot use git: it is not installed. Install it (`apt install git`) and start again."


class GitTools:
    """Git, with a closed list of what may be asked of it."""

    def __init__(self, sandbox: Hands, changes: Changes, blobs: Blobs) -> None:
        self._sandbox, self._runs = sandbox, Runs(changes, blobs)

    def tools(self) -> list[Tool]:
        undo = f"{UNDO} Commits, branches and tags are taken back with git itself."
        return [
            define(self.git_read, "Look with git {arguments}", risk="read", taints=True),
            define(self.git_change, "Run git {arguments}", risk="write", effect="once", taints=True, undo=undo),
        ]

    async def git_read(self, context: ToolContext, arguments: Arguments, repository: Repository = "") -> ToolResult:
        """Look at a git repository in the conversation's folder: status, diff, log, show, blame, grep, ls-files, branch, tag,
        rev-parse, merge-base, describe. Changes nothing."""
        return await self._run(context, checked(arguments, READS), repository, reads=True)

    async def git_change(self, context: ToolContext, arguments: Arguments, repository: Repository = "") -> ToolResult:
        """Change a git repository in the conversation's folder: init, add, rm, mv, commit -m, branch, switch, checkout, restore,
        reset, merge, apply, tag; diff --output=x.patch makes a patch to hand over. There are no remotes, hooks or editors."""
        return await self._run(context, checked(arguments, CHANGES), repository, reads=False)

    async def _run(self, context: ToolContext, arguments: list[str], repository: str, *, reads: bool) -> ToolResult:
        folder = checked_name(repository.strip("/")) if repository.strip("/").strip(".") else "."
        request = json.dumps({"repository": folder, "arguments": arguments, "reads": reads}).encode()
        argv = (self._sandbox.python, "-I", "-S", "-c", _program())

        async def work(place: Place) -> Result:
            return await self._sandbox.run(argv, place.workspace, stdin=request)

        result, told = await self._runs.run(context, f"git {arguments[0]}", work)
        if result.code == _REFUSED:
            raise ToolFailure(result.stderr.strip() or "git could not begin.")
        return told


@cache
def _program() -> str:
    return _WORKER.read_text(encoding="utf-8")
