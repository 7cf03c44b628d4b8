"""A conversation as a file that holds all of it: written piece by piece, secrets of this house masked."""

from __future__ import annotations

import asyncio
import base64
import json
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, cast

from core.errors import NotFound
from core.missions import Value, now
from graphs.reception import Reception
from memory.export_format import (
    FORMAT,
    MANIFEST,
    VERSION,
    ExportedArtifact,
    ExportedAttachment,
    ExportedFile,
    ExportedMission,
)
from memory.exports import versions_in_view
from memory.files import FileRow
from memory.missions import MissionRow
from memory.opinions import Opinions
from memory.uploads import USES

_STEP = 3 * 64 * 1024  # bytes; three are four letters of base64
_IN_MEMORY = 1 << 20
SCANNED = 2_000_000
"""Bytes of a text file that are looked through for secrets of this house."""
GONE, SECRET = "its content is not kept any more", "it holds a secret of this house"


@dataclass
class _Files:
    """The files of a conversation: what was given and made, the contents that go along, and why others do not."""

    given: list[ExportedAttachment] = field(default_factory=list)
    made: list[ExportedArtifact] = field(default_factory=list)
    contents: dict[str, Path] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    def all(self) -> list[ExportedFile]:
        return [*self.given, *self.made]


class Exporting:
    """Writes whole conversations for the people they belong to."""

    def __init__(self, office: Reception) -> None:
        self._office = office

    async def json(self, conversation_id: str, user_id: str) -> AsyncIterator[bytes]:
        """Write a conversation with the contents of its files as base64; raises NotFound if it is not this user's."""
        files = _Files()
        async for piece in self._described(conversation_id, user_id, files):
            yield piece
        yield b',"contents":{'
        for number, (content_hash, path) in enumerate(files.contents.items()):
            yield (b"," if number else b"") + json.dumps(content_hash).encode() + b':"'
            for piece in _encoded(path):
                yield piece
                await asyncio.sleep(0)  # others have their turn between two pieces
            yield b'"'
        yield b"}}"

    async def archive(self, conversation_id: str, user_id: str) -> Iterator[tuple[str, BinaryIO]]:
        """Prepare the same as files of a zip: the description, and each content under its hash; raises NotFound."""
        files = _Files()
        described = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - whoever zips closes it
        async for piece in self._described(conversation_id, user_id, files):
            described.write(piece)
        described.write(b',"contents":{}}')
        described.seek(0)
        return _opened(cast(BinaryIO, described), files.contents)

    async def note(self, conversation_id: str, user_id: str, how: str) -> str:
        """Put on record that a conversation leaves the house, and return its title; raises NotFound."""
        title = self._office.masked((await self._office.conversations.get(conversation_id, user_id)).title)
        await self._office.audit.note("exported", user_id, title, conversation=conversation_id, format=how)
        return title

    async def _described(self, conversation_id: str, user_id: str, files: _Files) -> AsyncIterator[bytes]:
        """Write everything but the contents, find those for `files`, and leave the object open."""
        office = self._office
        conversation = await office.conversations.get(conversation_id, user_id)
        head = {
            "format": FORMAT,
            "version": VERSION,
            "exported_at": now().isoformat(),
            "title": office.masked(conversation.title),
            "created_at": conversation.created_at.isoformat(),
        }
        yield json.dumps(head, ensure_ascii=False).encode()[:-1] + b',"missions":['
        shown = await office.missions.in_view(conversation_id)
        for number, row in enumerate(shown):
            yield (b"," if number else b"") + self._written(await self._mission(row))
        await self._find(conversation_id, user_id, {row.mission.id for row in shown}, files)
        yield b'],"attachments":' + self._listed(files.given)
        yield b',"artifacts":' + self._listed(files.made)
        yield b',"feedback":' + self._listed(await Opinions(office.database).exported(conversation_id, user_id))
        yield b',"left_out":' + json.dumps(files.left_out).encode()

    async def _mission(self, row: MissionRow) -> ExportedMission:
        events = await self._office.journal.read(row.mission.id)
        about = row.mission.model_dump(include={"id", "priority", "created_at", "origin"})
        return ExportedMission(**about, status=row.status, events=tuple(events))

    async def _find(self, conversation_id: str, user_id: str, missions: set[str], files: _Files) -> None:
        """Look up the files of a conversation, and which contents go along."""
        given = await self._office.files.of_conversation(conversation_id, user_id)
        files.given += [_given(row, missions) for row in given]
        made = await versions_in_view(self._office.database, conversation_id, user_id)
        files.made += [version for version in made if version.mission_id in missions]
        for content_hash in dict.fromkeys(f.hash for f in files.all()):
            path, why = await asyncio.to_thread(self._content, content_hash)
            if path is None:
                files.left_out[content_hash] = why
            else:
                files.contents[content_hash] = path

    def _content(self, content_hash: str) -> tuple[Path | None, str]:
        """Find a content that may leave the house, or say why it does not."""
        try:
            path = self._office.blobs.path(content_hash)
        except NotFound:
            return None, GONE
        with path.open("rb") as file:
            start = file.read(SCANNED)
        text = "" if b"\0" in start[:8192] else start.decode("utf-8", "replace")
        return (None, SECRET) if self._office.masked(text) != text else (path, "")

    def _listed(self, values: Sequence[Value]) -> bytes:
        return b"[" + b",".join(self._written(value) for value in values) + b"]"

    def _written(self, value: Value) -> bytes:
        """Write a value as JSON, every text in it masked."""
        return json.dumps(self._masked(value.model_dump(mode="json")), ensure_ascii=False).encode()

    def _masked(self, value: Any) -> Any:
        match value:
            case str():
                return self._office.masked(value)
            case dict():
                return {self._office.masked(name): self._masked(part) for name, part in value.items()}
            case list():
                return [self._masked(part) for part in value]
        return value


def _given(row: FileRow, missions: set[str]) -> ExportedAttachment:
    about = row.attachment.model_dump(include={"id", "name", "hash", "size", "mime"})
    home = row.mission_id if row.mission_id in missions else None
    about |= {"mission_id": home, "created_at": row.created_at, "use": row.chosen if row.chosen in USES else ""}
    return ExportedAttachment.model_validate(about)


def _opened(described: BinaryIO, contents: dict[str, Path]) -> Iterator[tuple[str, BinaryIO]]:
    """Open one file after the other, as they are packed."""
    yield MANIFEST, described
    for content_hash, path in contents.items():
        yield f"files/{content_hash}", path.open("rb")


def _encoded(path: Path) -> Iterable[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_STEP):
            yield base64.b64encode(piece)
