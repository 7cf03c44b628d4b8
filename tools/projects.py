"""The tools for programs as a whole: git, and what their code says and does."""

from __future__ import annotations

from core.ports import Blobs
from tools.changes import Changes
from tools.define import Tool, only_while
from tools.repositories import GitTools, git_is_there
from tools.sandbox.terms import Hands


def project_tools(changes: Changes, blobs: Blobs, sandbox: Hands | None) -> list[Tool]:
    """Make the tools for projects; those that run something are among them only if there is a sandbox for it."""
    if sandbox is None:
        return []
    inside = GitTools(sandbox, changes, blobs).tools() if git_is_there() else []
    return only_while(sandbox.there, inside)
