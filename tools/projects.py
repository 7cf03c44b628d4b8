"""The tools for programs as a whole: what their code says, git, and their tests."""

from __future__ import annotations

from core.ports import Blobs
from tools.archives import Rooms
from tools.changes import Changes
from tools.code_tools import CodeTools
from tools.define import Tool, only_while
from tools.project_tests import ProjectTests
from tools.repositories import GitTools, git_is_there
from tools.sandbox.terms import Hands


def project_tools(changes: Changes, blobs: Blobs, sandbox: Hands | None, rooms: Rooms | None = None) -> list[Tool]:
    """Make the tools for projects; those that run something are among them only if there is a sandbox for it."""
    reading = CodeTools(changes.folders, rooms).tools()
    if sandbox is None:
        return reading
    git = GitTools(sandbox, changes, blobs).tools() if git_is_there() else []
    return [*reading, *only_while(sandbox.there, [*git, *ProjectTests(sandbox, changes, blobs).tools()])]
