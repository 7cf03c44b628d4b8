"""What people do with artifacts: find, read, compare, bring back, rename, delete, and take them away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from core.errors import BadInput, NotFound
from core.missions import Artifact, Mission, new_id
from core.ports import ToolContext
from memory.artifact_rows import ArtifactVersion
from memory.artifacts import Artifacts
from memory.contents import discard
from memory.documents import DocumentReader
from memory.sniffing import SAMPLE, decode, encoding_of
from tools.changes import Wanted, content_of
from tools.folder import Folder
from tools.looking import Difference, Glass, SeenTable
from tools.workshop import reading_rooms
from tools.workspace import Workspaces, checked_name

if TYPE_CHECKING:
    from graphs.office import Office

READ_AT_ONCE, READ_SECONDS = 40, 4.0
"""Versions read for their words before a search, and the time they may take; the others are read at the next one."""
MOST_TEXT = 1_000_000
"""Characters of a text that is shown or compared."""
MOST_ZIPPED, MOST_ZIPPED_FILES = 500_000_000, 1_000


class ArtifactKeeping:
    """Artifacts of one office, for the person they belong to: another's are not there (NotFound)."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self.store = Artifacts(office.database)
        rooms = reading_rooms(office.sandbox, office.settings)
        self.glass, self._reader = Glass(rooms), DocumentReader(office.settings, rooms)

    async def find(
        self,
        user_id: str,
        *,
        query: str = "",
        kind: str = "",
        conversation_id: str = "",
        tag: str = "",
        limit: int = 100,
    ) -> Sequence[ArtifactVersion]:
        """Find the newest versions, also by what stands in them."""
        if conversation_id:
            await self._office.conversations.get(conversation_id, user_id)
        if query.strip():
            await self.read_new(user_id)
        return await self.store.find(
            user_id, query=query, kind=kind, conversation_id=conversation_id, tag=tag, limit=limit
        )

    async def read_new(self, user_id: str) -> None:
        """Read what was made since, so that it is found by its words; what cannot be read is noted and left alone."""
        ends = time.monotonic() + READ_SECONDS
        for made in await self.store.unread(user_id, READ_AT_ONCE):
            if time.monotonic() > ends:
                return
            text, problem = await self._words(made)
            await self.store.keep_words(made.id, text, problem)

    async def text(self, version: Artifact | ArtifactVersion) -> str:
        """Read a version as text: as it is, or the text of a document; raises BadInput where there is none."""
        path = self._office.blobs.path(version.hash)
        content = await asyncio.to_thread(_beginning, path, 4 * MOST_TEXT)
        parsed = version.name.lower().endswith((".docx", ".pptx", ".pdf", ".xlsx"))
        if not parsed and encoding_of(content[:SAMPLE]) is not None:
            return decode(content)[:MOST_TEXT]
        read = await self._reader.read(path, version.name, version.mime)
        return _joined(read.passages)[:MOST_TEXT]

    async def tables(self, version: ArtifactVersion, most: int) -> list[SeenTable]:
        """Show the first rows of the tables in a version; raises BadInput if there are none that can be read."""
        return await self.glass.tables(self._office.blobs.path(version.hash), version.name, most)

    async def difference(self, artifact_id: str, against: str, user_id: str) -> Difference:
        """Compare an older version (`against`) with another, by their text."""
        new = await self.store.get(artifact_id, user_id)
        old = await self.store.get(against, user_id)
        if (new.conversation_id, new.name) != (old.conversation_id, old.name) and old.id not in {
            v.id for v in await self.store.versions(new.id, user_id)
        }:
            raise BadInput("against: this is a version of another artifact.")
        return await self.glass.difference(await self.text(old), await self.text(new))

    async def restore(self, artifact_id: str, user_id: str) -> str:
        """Make an older version the newest, also for operators; returns the new version's id. Can be undone as any change."""
        old = await self.store.get(artifact_id, user_id)
        if old.version == max(v.version for v in await self.store.versions(artifact_id, user_id)):
            raise BadInput("This is the newest version already.")
        content = await asyncio.to_thread(self._office.blobs.path(old.hash).read_bytes)
        await self._change(old, user_id, f"Brought back version {old.version} of {old.name}", {old.name: content})
        return await self.store.restore(artifact_id, user_id)

    async def rename(self, artifact_id: str, user_id: str, name: str) -> None:
        """Give an artifact another name, in the workspace too."""
        name = checked_name(name.strip())
        old = await self.store.get(artifact_id, user_id)
        if name == old.name:
            return
        await self.store.rename(artifact_id, user_id, name)
        there = await asyncio.to_thread(self._in_workspace, old)
        if there is not None:
            await self._change(old, user_id, f"Renamed {old.name} to {name}", {old.name: None, name: there})

    async def remove(self, artifact_id: str, user_id: str) -> None:
        """Delete an artifact with all its versions, and its file in the workspace."""
        old = await self.store.get(artifact_id, user_id)
        if await asyncio.to_thread(self._in_workspace, old) is not None:
            await self._change(old, user_id, f"Deleted {old.name}", {old.name: None})
        await discard(self._office.database, self._office.blobs, await self.store.remove(artifact_id, user_id))

    async def to_take(self, user_id: str, conversation_id: str, ids: Sequence[str]) -> list[tuple[str, Path, int]]:
        """List what a zip of artifacts holds: name, place and size of each; raises BadInput if it is too much."""
        if ids:
            chosen = [await self.store.get(artifact_id, user_id) for artifact_id in dict.fromkeys(ids)]
        else:
            chosen = list(await self.find(user_id, conversation_id=conversation_id, limit=MOST_ZIPPED_FILES + 1))
        several = len({v.conversation_id for v in chosen}) > 1
        files = [
            (f"{_folder(v)}/{v.name}" if several else v.name, self._office.blobs.path(v.hash), v.size) for v in chosen
        ]
        _check_amount(len(files), sum(size for _, _, size in files))
        return files

    async def workspace(self, conversation_id: str, user_id: str) -> Iterator[tuple[str, BinaryIO]]:
        """Open the files of a conversation's workspace one after the other; nothing is there before somebody wrote."""
        await self._office.conversations.get(conversation_id, user_id)
        place = Workspaces(self._office.settings.data_dir / "workspaces").of(conversation_id)
        files = await asyncio.to_thread(place.files)
        if not files:
            raise NotFound("There are no files in this conversation's workspace yet.")
        _check_amount(len(files), sum(file.size for file in files))
        return ((file.name, place.read(file.name)) for file in files)

    async def _words(self, made: Artifact) -> tuple[str, str]:
        try:
            return await self.text(made), ""
        except (BadInput, NotFound) as problem:
            return "", str(problem)

    def _in_workspace(self, version: ArtifactVersion) -> bytes | None:
        """Read what the workspace holds under a version's name; blocking."""
        place = Workspaces(self._office.settings.data_dir / "workspaces").of(version.conversation_id)
        try:
            return content_of(Folder(self._office.blobs, place, ()), version.name)
        except BadInput:
            return None

    async def _change(self, version: ArtifactVersion, user_id: str, words: str, wanted: Wanted) -> None:
        mission: Mission = (await self._office.missions.get(version.mission_id, user_id)).mission
        where = {"mission_id": mission.id, "conversation_id": version.conversation_id, "user_id": user_id}
        context = ToolContext(**where, task_id=None, step=f"changed by {user_id} {new_id()}", granted=())

        async def plan(_folder: Folder) -> Wanted:
            return wanted

        await self._office.changes.make(context, words, plan)


def _check_amount(files: int, size: int) -> None:
    if not files:
        raise NotFound("There is nothing to download.")
    if files > MOST_ZIPPED_FILES or size > MOST_ZIPPED:
        raise BadInput(
            f"That is too much for one download: at most {MOST_ZIPPED_FILES:,} files and {MOST_ZIPPED // 1_000_000} MB. "
            "Choose one conversation, or some of the files."
        )


def _folder(version: ArtifactVersion) -> str:
    title = "".join(c if c.isalnum() or c in " -_." else " " for c in version.conversation)
    return f"{' '.join(title.split())[:60].strip('. ') or 'conversation'} {version.conversation_id[:6]}"


def _joined(passages: Sequence[tuple[str, int | None, int | None]]) -> str:
    """Put the text of a document together again, with a line where a page begins."""
    parts: list[str] = []
    page: int | None = None
    for text, on, _ in passages:
        if on is not None and on != page:
            page = on
            parts.append(f"{chr(10) if parts else ''}— {on} —\n")
        parts.append(text)
    return "".join(parts)


def _beginning(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most)
