"""Taking a conversation in that came as a file: under new ids, at rest, with contents that really came along."""

from __future__ import annotations

import asyncio
import hashlib
import re
import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from core.errors import StaffworkError
from core.missions import new_id
from graphs.import_reading import read_export
from graphs.reception import Reception
from memory.contents import discard, keep
from memory.export_format import ExportedConversation
from memory.imports import Imports, takes
from memory.uploads import check_room_for

SOMEBODY = "imported"
"""Who gave the orders in a history that came from elsewhere; nobody here did."""
_LINK = re.compile(r"(?<=/)[A-Za-z0-9_-]{8,64}(?=[/?#)\s\"'<]|$)")
_IDS = ("id", "mission_id", "conversation_id", "origin_id", "restored_from", "artifact_id")


class Importing:
    """Makes conversations out of files."""

    def __init__(self, office: Reception) -> None:
        self._office = office
        self._imports = Imports(office.database)

    async def take(self, path: Path, user_id: str) -> str:
        """Import the file at `path` as a new conversation of this user and return its id; raises BadInput in plain words.

        Nothing of it goes on by itself: it is a record. All or nothing is imported.
        """
        most = self._office.settings.upload_max_mb * 2**20
        with tempfile.TemporaryDirectory(prefix="import-") as folder:
            given, contents = await asyncio.to_thread(read_export, path, most, Path(folder))
            conversation_id = new_id()
            renewed = await asyncio.to_thread(renew, given, conversation_id, contents)
            office = self._office
            check_room_for(await office.uploads.used(user_id), takes(renewed), office.room)  # before anything is kept
            new: set[str] = set()
            try:
                await self._put(contents, most, new)
                begin = partial(self._imports.begin, conversation_id, user_id, renewed, office.room)
                await keep(office.blobs, contents, most, begin)
            except StaffworkError:
                await discard(office.database, office.blobs, new)
                raise
        return conversation_id

    async def _put(self, contents: Mapping[str, Path], most: int, new: set[str]) -> None:
        """Store the contents, and add those to `new` that were not here before."""
        for content_hash, path in contents.items():
            if not await asyncio.to_thread(self._known, content_hash):
                new.add(content_hash)
            await self._office.blobs.put_file(path, most)

    def _known(self, content_hash: str) -> bool:
        try:
            return self._office.blobs.path(content_hash).is_file()
        except StaffworkError:
            return False


def renew(given: ExportedConversation, conversation_id: str, contents: Mapping[str, Path]) -> ExportedConversation:
    """Give everything new ids, and every file the content that came along.

    A hash alone opens nothing: it may be that of somebody else's file. Where no content came, none is here.
    """
    ids = {m.id: new_id() for m in given.missions} | {f.id: new_id() for f in given.files}
    hashes = {h: h if h in contents else _nothing(h, conversation_id) for h in given.hashes()}
    sizes = {h: path.stat().st_size for h, path in contents.items()}
    renewer = _Renewer(ids, hashes, sizes, conversation_id)
    fields = given.model_dump(mode="json", exclude={"left_out", "contents"})
    for mission in fields["missions"]:
        for event in mission["events"]:
            for file in (*event.get("attachments", ()), *event.get("artifacts", ())):
                renewer.learn(file)
            if artifact := event.get("artifact"):
                renewer.learn(artifact)
    return ExportedConversation.model_validate(renewer.renewed(fields))


class _Renewer:
    """Walks through a conversation and puts new for old."""

    def __init__(self, ids: dict[str, str], hashes: dict[str, str], sizes: dict[str, int], home: str) -> None:
        self._ids, self._hashes, self._sizes, self._home = ids, hashes, sizes, home

    def learn(self, file: Any) -> None:
        """Note a file that only an event knows of: it was deleted since, or never was."""
        if isinstance(file, dict):
            self._ids.setdefault(str(file.get("id")), new_id())

    def renewed(self, value: Any, name: str = "") -> Any:
        match value:
            case dict():
                return self._fields(value)
            case list():
                return [self.renewed(part, name) for part in value]
            case str():
                return self._text(value, name)
        return value

    def _fields(self, fields: dict[str, Any]) -> dict[str, Any]:
        new = {name: self.renewed(part, name) for name, part in fields.items()}
        old = fields.get("hash")
        if isinstance(old, str) and "mime" in fields:  # a file
            new["hash"] = self._hashes.get(old) or _nothing(old, self._home)
            new["size"] = self._sizes.get(old, fields.get("size"))
        return new

    def _text(self, text: str, name: str) -> str:
        if name == "by":
            return SOMEBODY if text.startswith("user:") else text
        if name in _IDS:
            return self._home if name == "conversation_id" else self._ids.get(text, text)
        return _LINK.sub(lambda found: self._ids.get(found[0], found[0]), text) if "/" in text else text


def _nothing(content_hash: str, conversation_id: str) -> str:
    """Name a content that is nowhere."""
    return hashlib.sha256(f"not imported:{conversation_id}:{content_hash}".encode()).hexdigest()
