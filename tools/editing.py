"""The tools that change files of a conversation: write, patch, move, delete, pack, unpack; each step can be undone."""

from __future__ import annotations

import asyncio
from typing import Annotated

from pydantic import Field

from core.errors import BadInput, NotFound
from core.missions import Artifact
from core.ports import Blobs, FileChange, ToolContext
from tools.archives import Archive, Rooms, pack, unpack
from tools.changes import Changes, Wanted, content_of
from tools.define import Tool, ToolResult, define
from tools.files import FileName, artifact_of
from tools.folder import Folder, Folders
from tools.patching import patched, replaced
from tools.reading import decode
from tools.workspace import LARGEST, WorkspaceFile, checked_name

UNDO = "To take it back, write /undo in the chat, or ask an operator to undo it."
_MOST_SHOWN, _MOST_ARTIFACTS = 30, 40

NewName = Annotated[
    str, Field(description="Name such as report.md or drafts/report.md.", min_length=1, max_length=1000)
]


class EditTools:
    """Changes what operators wrote; files the user gave never change."""

    def __init__(self, folders: Folders, blobs: Blobs, changes: Changes, rooms: Rooms | None = None) -> None:
        self._folders, self._blobs, self._changes, self._rooms = folders, blobs, changes, rooms

    def tools(self) -> list[Tool]:
        return [
            define(self.write_file, "Write {name}", risk="write", effect="idempotent", undo=UNDO),
            define(self.patch_file, "Change a part of {file}", risk="write", effect="idempotent", undo=UNDO),
            define(self.move_file, "Rename {file} to {name}", risk="write", effect="idempotent", undo=UNDO),
            define(self.delete_file, "Delete {file}", risk="write", effect="idempotent", undo=UNDO),
            define(self.pack_files, "Pack {files} into {name}", risk="write", effect="idempotent", undo=UNDO),
            define(self.unpack_file, "Unpack {file}", risk="write", effect="idempotent", taints=True, undo=UNDO),
            define(self.list_changes, "List what was changed", taints=True),  # names come from outside, too
            define(self.undo_change, "Undo change {change}", risk="write", effect="idempotent", taints=True, undo=UNDO),
        ]

    async def write_file(
        self,
        context: ToolContext,
        name: NewName,
        content: Annotated[str, Field(description="The whole text of the file.")],
    ) -> ToolResult:
        """Write a text file for the user. The same name again replaces the file; files of the user never change."""
        return await self._make(context, f"Wrote {name}", {name: content.encode()})

    async def patch_file(
        self,
        context: ToolContext,
        file: FileName,
        *,
        find: Annotated[
            str, Field(description="Exact text to replace, with enough around it to stand there once.")
        ] = "",
        replace: Annotated[str, Field(description="What comes in its place.")] = "",
        everywhere: Annotated[bool, Field(description="Whether to replace it wherever it stands.")] = False,
        diff: Annotated[str, Field(description="Instead of find and replace: a unified diff of this file.")] = "",
    ) -> ToolResult:
        """Change a part of a text file that was written here: give find and replace, or a unified diff. It must fit exactly."""
        if bool(find) == bool(diff):
            raise BadInput("Give either find (and replace), or diff.")

        async def plan(folder: Folder) -> Wanted:
            name, old = await _text_of(folder, file)
            new = patched(old, diff) if diff else replaced(old, find, replace, everywhere=everywhere)
            if new == old:
                raise BadInput(f"That would leave {name} as it is.")
            return {name: new.encode()}

        return await self._told(context, await self._changes.make(context, f"Changed a part of {file}", plan))

    async def move_file(self, context: ToolContext, file: FileName, name: NewName) -> ToolResult:
        """Give a file that was written here another name. A name that is taken is refused."""

        async def plan(folder: Folder) -> Wanted:
            old, content = await _content(folder, file)
            new = checked_name(name)
            if new == old:
                raise BadInput(f"{old} already has this name.")
            if any(there.name == new for there in await asyncio.to_thread(folder.files)):
                raise BadInput(f"There is a file {new} already. Choose another name, or delete that one first.")
            return {old: None, new: content}

        return await self._told(context, await self._changes.make(context, f"Renamed {file} to {name}", plan))

    async def delete_file(self, context: ToolContext, file: FileName) -> ToolResult:
        """Delete a file that was written here. Files of the user are never deleted."""

        async def plan(folder: Folder) -> Wanted:
            name, _ = await _content(folder, file)
            return {name: None}

        return await self._told(context, await self._changes.make(context, f"Deleted {file}", plan))

    async def pack_files(
        self,
        context: ToolContext,
        files: Annotated[list[str], Field(description="Names of the files as list_files shows them.", min_length=1)],
        name: Annotated[str, Field(description="Name of the archive: .zip or .tar.gz.", min_length=1, max_length=1000)],
    ) -> ToolResult:
        """Pack files of this conversation into an archive."""

        async def plan(folder: Folder) -> Wanted:
            found = [await asyncio.to_thread(folder.find, file) for file in files]
            return {name: await asyncio.to_thread(pack, name, {file.name: file.opened for file in found}, LARGEST)}

        return await self._told(
            context, await self._changes.make(context, f"Packed {len(files)} files into {name}", plan)
        )

    async def unpack_file(
        self,
        context: ToolContext,
        file: FileName,
        into: Annotated[
            str, Field(description="Folder for what is in it; none: a folder named like the archive.")
        ] = "",
    ) -> ToolResult:
        """Unpack a zip or tar archive into a folder. An archive that holds anything odd is refused as a whole."""

        async def plan(folder: Folder) -> Wanted:
            found = await asyncio.to_thread(folder.find, file)
            entries = await unpack(Archive(found.name, found.opened), self._rooms)
            place = (into or found.name.rpartition("/")[2].split(".")[0] or "unpacked").strip("/")
            wanted = {f"{place}/{name}": content for name, content in entries.items()}
            taken = {there.name for there in await asyncio.to_thread(folder.files)} & set(wanted)
            if taken:
                raise BadInput(f"There is a file {min(taken)} already. Unpack into another folder with `into`.")
            return wanted

        return await self._told(context, await self._changes.make(context, f"Unpacked {file}", plan))

    async def list_changes(self, context: ToolContext) -> str:
        """List what was changed in the files of this conversation, the newest last, with the number of each change."""
        changes = list(enumerate(await self._changes.of(context), 1))
        if not changes:
            return "Nothing was changed in the files of this conversation yet."
        more = [f"({len(changes) - _MOST_SHOWN} earlier ones)"] if len(changes) > _MOST_SHOWN else []
        lines = [f"{n}. {_line(change, context)}" for n, change in changes[-_MOST_SHOWN:]]
        return "\n".join([*more, *lines])

    async def undo_change(
        self, context: ToolContext, change: Annotated[int, Field(description="Its number in list_changes.", ge=1)]
    ) -> ToolResult:
        """Take back one change of files. It is refused where the files were changed again since; undo those changes first."""
        changes = await self._changes.of(context)
        if change > len(changes):
            raise NotFound(f"There is no change {change}. list_changes shows those there are.")
        return await self._told(context, await self._changes.undo(context, changes[change - 1].id))

    async def _make(self, context: ToolContext, words: str, wanted: Wanted) -> ToolResult:
        async def plan(_folder: Folder) -> Wanted:
            return wanted

        return await self._told(context, await self._changes.make(context, words, plan))

    async def _told(self, context: ToolContext, change: FileChange) -> ToolResult:
        """Say what a change did, and hand over the files it made."""
        artifacts: list[Artifact] = []
        words: list[str] = []
        for part in change.files:
            if part.after is None:
                words.append(f"{part.name} is gone.")
                continue
            size = (await asyncio.to_thread(self._blobs.path(part.after).stat)).st_size
            words.append(f"{part.name} has {size:,} bytes.")
            artifacts.append(artifact_of(context, WorkspaceFile(part.name, size), part.after))
        if len(change.files) == len(artifacts) == 1:
            return ToolResult(f"{change.words} ({artifacts[0].size:,} bytes).", artifacts=tuple(artifacts))
        more = [f"... and {len(words) - _MOST_ARTIFACTS} more."] if len(words) > _MOST_ARTIFACTS else []
        text = "\n".join([f"{change.words}.", *words[:_MOST_ARTIFACTS], *more])
        return ToolResult(text, artifacts=tuple(artifacts[:_MOST_ARTIFACTS]))


async def _content(folder: Folder, name: str) -> tuple[str, bytes]:
    """Find a file that was written here by the name it is listed under; returns its name and content."""
    found = await asyncio.to_thread(folder.find, name)
    if found.attachment is not None:
        raise BadInput(
            f"{found.name} is a file the user gave, which is never changed. Write a file of your own instead."
        )
    content = await asyncio.to_thread(content_of, folder, found.name)
    if content is None:  # listed under a number, since a file of the user has its name
        raise BadInput(f"{found.name} shares its name with a file the user gave. It cannot be changed under this name.")
    return found.name, content


async def _text_of(folder: Folder, name: str) -> tuple[str, str]:
    found, content = await _content(folder, name)
    text = decode(content)
    if text is None or "\r" in content.decode("utf-8", "replace") or text.encode() != content:
        raise BadInput(
            f"{found} is no plain text in UTF-8 with plain newlines, so a part of it cannot be changed. Write it anew."
        )
    return found, text


def _line(change: FileChange, context: ToolContext) -> str:
    here = "" if change.mission_id == context.mission_id else " (earlier)"
    return f"{change.words}{' - undone' if change.undone else ''}{here}"
