"""The tools every installation has."""

from __future__ import annotations

from core.ports import Blobs, Memories, PassageIndex
from tools.apart import Rooms
from tools.calculate import calculate
from tools.changes import Changes
from tools.clock import now
from tools.define import Tool, define, only_while
from tools.editing import EditTools
from tools.egress import Egress
from tools.execute import ExecuteTools
from tools.expressions import evaluate_python
from tools.files import FileTools
from tools.making import MakeTools
from tools.pictures import Darkroom, PictureTools
from tools.projects import project_tools
from tools.recall import RecallTools
from tools.sandbox.terms import Hands
from tools.sessions import Sessions
from tools.tables import TableTools


def standard_tools(
    blobs: Blobs,
    index: PassageIndex,
    memories: Memories,
    changes: Changes,
    *,
    sandbox: Hands | None = None,
    sessions: Sessions | None = None,
    egress: Egress | None = None,
    rooms: Rooms | None = None,
    darkroom: Darkroom | None = None,
) -> list[Tool]:
    """Make the standard tools; those that run code of the model are among them only if there is a sandbox for it."""
    folders = changes.folders
    return [
        *FileTools(folders, index).tools(),
        *(PictureTools(folders, darkroom).tools() if darkroom else ()),
        *EditTools(folders, blobs, changes, rooms).tools(),
        define(calculate, "Calculate {expression}"),
        *TableTools(folders, rooms).tools(),
        *MakeTools(changes, blobs, rooms).tools(),
        *RecallTools(index, memories).tools(),
        define(now, "Look at the clock"),
        define(evaluate_python, "Work out {code}"),
        *project_tools(changes, blobs, sandbox, rooms),
        *(
            only_while(sandbox.there, ExecuteTools(sandbox, changes, blobs, sessions, egress).tools())
            if sandbox
            else ()
        ),
    ]
