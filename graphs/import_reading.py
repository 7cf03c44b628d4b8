"""Reading the file of an exported conversation, from whoever it comes: bounded in size, in parts and in depth."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from pydantic import ValidationError
from pydantic_core import from_json

from core.errors import BadInput
from memory.export_format import FORMAT, MANIFEST, VERSION, ExportedConversation, wrong

MOST_PARTS = 3_000_000
"""Values in one description; more would take too much memory to look at."""
MOST_ENTRIES = 5_000
TIMES_UNPACKED = 4
"""A zip may hold this many times the largest upload."""
_CONTENT = re.compile(r"files/([0-9a-f]{64})")
_STEP = 1 << 18
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError)
_NO_EXPORT = "This is no export of Staffwork. Choose the .json or .zip file that Export made."


def read_export(path: Path, most: int, folder: Path) -> tuple[ExportedConversation, dict[str, Path]]:
    """Read the description, and lay each content into `folder` under its SHA-256, which has been checked.

    `most` is the largest file in bytes. Raises BadInput in words for the person.
    """
    if path.stat().st_size > most:
        raise BadInput(f"This file is too large: at most {most // 2**20} MB can be imported.")
    with path.open("rb") as file:
        is_zip = file.read(2) == b"PK"
    try:
        return _of_zip(path, most, folder) if is_zip else _of_json(path.read_bytes(), folder)
    except _BROKEN as problem:
        raise BadInput(f"This file is damaged and cannot be read: {type(problem).__name__}.") from None


def _of_json(written: bytes, folder: Path) -> tuple[ExportedConversation, dict[str, Path]]:
    conversation = described(written)
    contents: dict[str, Path] = {}
    for content_hash, letters in conversation.contents.items():
        try:
            content = base64.b64decode(letters, validate=True)
        except (binascii.Error, ValueError):
            raise BadInput(f"contents.{content_hash[:12]}…: this is no base64.") from None
        contents[content_hash] = _laid(iter((content,)), content_hash, folder)
    return conversation.model_copy(update={"contents": {}}), contents


def _of_zip(path: Path, most: int, folder: Path) -> tuple[ExportedConversation, dict[str, Path]]:
    with zipfile.ZipFile(path) as archive:
        entries = {entry.filename: entry for entry in archive.infolist()}
        _check_entries(archive.infolist(), entries)
        room = _Room(most * TIMES_UNPACKED)
        with archive.open(entries[MANIFEST]) as file:
            conversation = described(b"".join(room.pieces(file, most)))
        contents: dict[str, Path] = {}
        for content_hash in sorted(conversation.hashes()):
            if entry := entries.get(f"files/{content_hash}"):
                with archive.open(entry) as file:
                    contents[content_hash] = _laid(room.pieces(file, most), content_hash, folder)
    return conversation, contents


def _check_entries(listed: list[zipfile.ZipInfo], entries: dict[str, zipfile.ZipInfo]) -> None:
    if MANIFEST not in entries:
        raise BadInput(f"{_NO_EXPORT} There is no {MANIFEST} in this zip.")
    if len(listed) > MOST_ENTRIES or len(listed) != len(entries):
        raise BadInput("This zip has too many files in it, or one of them twice.")
    for entry in listed:
        if entry.filename != MANIFEST and not _CONTENT.fullmatch(entry.filename):
            raise BadInput(f"{entry.filename[:80]!r} does not belong into an export. {_NO_EXPORT}")
        if entry.flag_bits & 1 or entry.compress_type not in _METHODS:
            raise BadInput("This zip is encrypted, or packed in a way that cannot be read here.")


class _Room:
    """How much may still be unpacked; what a zip says about itself is not believed."""

    def __init__(self, most: int) -> None:
        self._left = most

    def pieces(self, file: Any, most: int) -> Iterator[bytes]:
        while piece := file.read(_STEP):
            self._left -= len(piece)
            most -= len(piece)
            if self._left < 0 or most < 0:
                raise BadInput("This zip unpacks to more than can be imported. Nothing was imported.")
            yield piece


def _laid(pieces: Iterator[bytes], content_hash: str, folder: Path) -> Path:
    """Write a content down; raises BadInput if it is not the one its name says."""
    place, digest = folder / content_hash, hashlib.sha256()
    with place.open("wb") as file:
        _write(pieces, file, digest)
    if digest.hexdigest() != content_hash:
        raise BadInput(f"The content {content_hash[:12]}… is not what its name says. The file was changed or damaged.")
    return place


def _write(pieces: Iterator[bytes], file: BinaryIO, digest: Any) -> None:
    for piece in pieces:
        digest.update(piece)
        file.write(piece)


def described(written: bytes) -> ExportedConversation:
    """Read a description; raises BadInput naming what is wrong with it."""
    if sum(written.count(mark) for mark in (b",", b"[", b"{")) > MOST_PARTS:
        raise BadInput("This conversation has too many parts to be imported.")
    try:
        found = from_json(written, allow_inf_nan=False)
    except (ValueError, RecursionError):
        raise BadInput(_NO_EXPORT) from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise BadInput(_NO_EXPORT)
    if found.get("version") != VERSION:
        raise BadInput(
            f"This export has version {str(found.get('version'))[:20]}, and version {VERSION} is known here. "
            "Import it where it was made, or into a newer Staffwork."
        )
    try:
        conversation = ExportedConversation.model_validate(_storable(found))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        raise BadInput(f"This file cannot be imported: {place[:200]}: {str(problem['msg'])[:200]}.") from None
    if words := wrong(conversation):
        raise BadInput(f"This file cannot be imported: {words}.")
    return conversation


def _storable(value: Any) -> Any:
    """Put right what no database can hold."""
    match value:
        case str():
            return value.replace("\0", "\ufffd")
        case dict():
            return {_storable(name): _storable(part) for name, part in value.items()}
        case list():
            return [_storable(part) for part in value]
    return value
