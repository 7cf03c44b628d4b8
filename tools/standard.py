"""The tools every installation has."""

from __future__ import annotations

from pathlib import Path

from core.ports import Blobs, Memories, PassageIndex
from tools.calculate import calculate
from tools.clock import now
from tools.define import Tool, define
from tools.files import FileTools
from tools.folder import Folders
from tools.recall import RecallTools
from tools.tables import TableTools
from tools.workspace import Workspaces


def standard_tools(blobs: Blobs, index: PassageIndex, memories: Memories, workspaces: Path) -> list[Tool]:
    """Make the standard tools; nothing here runs a shell, a program of the model's, or reaches the network."""
    folders = Folders(blobs, Workspaces(workspaces))
    return [
        *FileTools(folders, blobs, index).tools(),
        define(calculate, "Calculate {expression}"),
        *TableTools(folders).tools(),
        *RecallTools(index, memories).tools(),
        define(now, "Look at the clock"),
    ]
