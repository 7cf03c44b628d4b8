"""What is around every program that is run over a conversation's files: what it finds, what it changed, what is handed over."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from core.errors import BadInput, ToolFailure
from core.missions import Artifact
from core.ports import Blobs, ChangedFile, ToolContext
from tools.changes import Changes
from tools.define import ToolResult
from tools.files import artifact_of
from tools.folder import Folder
from tools.sandbox.terms import Result
from tools.seen import Noted
from tools.workspace import WorkspaceFile, checked_name

UNDO = "To take back what it changed in files, write /undo in the chat, or ask an operator to undo it."
LEAST_FREE = 300 << 20
"""Bytes that must be free before a program runs: what it writes is kept twice, and the database lies on the same disk."""
_MOST_MADE = 20  # files handed over from one call
_MOST_NAMED = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program runs: the folder of its conversation, and the files the user gave, by their names in /given."""

    workspace: Path
    given: Mapping[str, Path]


class Runs:
    """Runs programs over a conversation's files, so that what they change is on record and can be undone."""

    def __init__(self, changes: Changes, blobs: Blobs) -> None:
        self._changes, self._blobs = changes, blobs

    async def run(
        self, context: ToolContext, words: str, work: Callable[[Place], Awaitable[Result]]
    ) -> tuple[Result, ToolResult]:
        """Let `work` run something; returns what came of it, and that in words with the files it made.

        What it changed is put on record under `words`, also when it is cancelled. Raises ToolFailure if it could not begin.
        """
        place = await asyncio.to_thread(self._place, self._changes.folders.of(context))
        if (free := (await asyncio.to_thread(shutil.disk_usage, place.workspace)).free) < LEAST_FREE:
            raise ToolFailure(
                f"Only {free >> 20} MB are free on the disk, and a program may need more. Nothing was run."
            )
        seen = await self._changes.look(context)
        try:
            result = await work(place)
        finally:
            noted = await _to_its_end(asyncio.create_task(self._changes.note(context, words, seen)))
        if result.status == "error":
            raise ToolFailure(result.reason)
        made, lines = await self._hand_over(context, noted)
        return result, ToolResult(told(result, lines), artifacts=tuple(made))

    def _place(self, folder: Folder) -> Place:
        given: dict[str, Path] = {}
        for number, file in enumerate(folder.files(), 1):
            if file.attachment is not None:
                given[_name_inside(file.name, number)] = self._blobs.path(file.attachment.hash).absolute()
        return Place(folder.workspace.place(), given)

    async def _hand_over(self, context: ToolContext, noted: Noted) -> tuple[list[Artifact], list[str]]:
        """Make artifacts of what was made or changed; returns them and what is to be said of all changes."""
        made, words = list[Artifact](), list[str]()
        left = [part for part in (*noted.files, *noted.same) if part.after is not None]
        for part in left[:_MOST_MADE]:
            assert part.after is not None
            size = (await asyncio.to_thread(self._blobs.path(part.after).stat)).st_size
            made.append(artifact_of(context, WorkspaceFile(part.name, size), part.after))
            words.append(f"{'Made' if part.before in (None, part.after) else 'Changed'} {part.name} ({size:,} bytes).")
        if more := len(left) - len(made):
            words.append(f"{more} more files were made or changed; only {_MOST_MADE} are handed over at a time.")
        words += _gone(noted.files)
        return made, [*words, *_lost(noted.lost)]


def told(result: Result, lines: list[str]) -> str:
    """Say what came of a run, the end of it first."""
    how = result.reason or (f"It ended with exit code {result.code}." if result.code else "")
    streams: Mapping[str, str] = {"": result.stdout, "On standard error:\n": result.stderr}
    said = [head + text.rstrip() for head, text in streams.items() if text.strip()]
    return "\n".join([*([how] if how else []), *said, *lines]) or "It ended well and printed nothing."


def _gone(files: tuple[ChangedFile, ...]) -> list[str]:
    gone = [part.name for part in files if part.after is None]
    return [f"Deleted {_named(gone)}."] if gone else []


def _lost(names: tuple[str, ...]) -> list[str]:
    """Name what was changed and cannot be undone; of a repository's own files it is enough that there are some."""
    repositories = sorted({n[: n.index(".git/")] or "./" for n in names if ".git/" in n})
    others = [n for n in names if ".git/" not in n]
    said = [f"what git keeps of {_named(repositories)}"] if repositories else []
    said += [f"{_named(others)} (too large to be kept, or not to be named by tools)"] if others else []
    return [f"Changed too, and cannot be undone here: {', '.join(said)}."] if said else []


def _named(names: list[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more


def _name_inside(name: str, number: int) -> str:
    """Name a given file inside: as it is listed, or by its number if that is no name for a path."""
    try:
        return checked_name(name) if "/" not in name else f"file-{number}"
    except BadInput:
        return f"file-{number}"


async def _to_its_end(work: asyncio.Task[Noted]) -> Noted:
    """Wait for a short piece of work even when cancelled meanwhile: what was changed must be on record."""
    try:
        return await asyncio.shield(work)
    except asyncio.CancelledError:
        await asyncio.wait([work])
        raise
