"""The program that unpacks one archive in a process of its own (see confined.py): into one open file, never by a name.

Whatever is odd ends it as a whole: links, devices, names that lead elsewhere or look alike, passwords, sizes that lie.
"""

from __future__ import annotations

import bz2
import json
import lzma
import os
import re
import resource
import signal
import stat
import sys
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from itertools import pairwise
from typing import IO, Any, BinaryIO

from core.errors import BadInput
from tools.workspace import LARGEST, checked_name

MOST_ENTRIES, MOST_BYTES = 500, 60_000_000
MEMORY, SECONDS = 1 << 30, 30  # bytes of address space, seconds of work
_OVERHEAD = 3_000_000  # bytes of headers that a tar of so many entries may have
_STEP = 1 << 16
_XZ_MEMORY = 128 << 20
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))}
# What the two modules let through on damaged archives.
_BROKEN = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, OverflowError),
    *(RuntimeError, AttributeError, TypeError),
)
_LINKS = "holds links, devices or pipes, which are not unpacked"


class Problem(Exception):
    """Why an archive is refused, as the end of a sentence about it."""


def main() -> None:
    """Answer the one request on standard input: {fd, out}; writes contents to `out` one behind the other."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_BYTES, MOST_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.alarm(3 * SECONDS)
    request = json.load(sys.stdin)
    with os.fdopen(request["fd"], "rb") as archive, os.fdopen(request["out"], "wb") as out:
        archive.seek(0)
        json.dump(answer(archive, out), sys.stdout)


def answer(archive: BinaryIO, out: BinaryIO) -> dict[str, Any]:
    """Unpack, or say why not."""
    try:
        return {"result": unpacked(archive, out)}
    except Problem as problem:
        return {"problem": str(problem)}
    except BadInput as problem:
        return {"problem": f"holds a name that is not used here. {problem}"}
    except MemoryError:
        return {"problem": "needs too much memory to be unpacked"}
    except _BROKEN:
        return {"problem": "is damaged, or not what it says it is"}


def unpacked(archive: BinaryIO, out: BinaryIO) -> list[list[Any]]:
    """Write every file's content to `out`; returns [name, size] in the order they stand there."""
    names = _Names()
    found: list[list[Any]] = []
    total = 0
    for name, content in _entries(archive, names):
        size = 0
        while piece := content.read(_STEP):
            size, total = size + len(piece), total + len(piece)
            if size > LARGEST or total > MOST_BYTES:
                raise Problem(_too_much())
            out.write(piece)
        found.append([name, size])
    if not found:
        raise Problem("holds no files")
    out.flush()
    return found


class _Names:
    """Checks names one after the other; none may be, or look like, another one, or a folder of one."""

    def __init__(self) -> None:
        self._files: set[str] = set()
        self._folders: set[str] = set()
        self._count = 0

    def checked(self, name: str, *, folder: bool) -> str:
        self._count += 1
        if self._count > MOST_ENTRIES:
            raise Problem(f"holds more than {MOST_ENTRIES} entries")
        plain = name.removeprefix("./")
        if folder and plain in ("", "."):
            return ""
        plain = checked_name(plain.removesuffix("/") if folder else plain)
        parts = plain.split("/")
        if any(":" in p or p.endswith(".") or p.split(".")[0].casefold() in _DEVICES for p in parts):
            raise Problem(f"holds a name that some systems read as something else: {plain!r}")
        self._enter([unicodedata.normalize("NFKC", part).casefold() for part in parts], plain, folder=folder)
        return plain

    def _enter(self, parts: list[str], name: str, *, folder: bool) -> None:
        above = {"/".join(parts[:n]) for n in range(1, len(parts))}
        whole = "/".join(parts)
        taken = above & self._files or (whole in self._files) or (not folder and whole in self._folders)
        if taken:
            raise Problem(f"holds two things of the same name, or that look the same: {name!r}")
        self._folders |= above | ({whole} if folder else set())
        self._files |= set() if folder else {whole}


def _entries(archive: BinaryIO, names: _Names) -> Iterator[tuple[str, IO[bytes]]]:
    start = archive.read(512)
    archive.seek(0)
    if start.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_entries(archive, names)
    if start[257:262] == b"ustar" or start.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")):
        return _tar_entries(_Unpacked(archive, start), names)
    raise Problem("is no zip or tar archive (.tar, .tar.gz, .tar.bz2, .tar.xz)")


def _zip_entries(archive: BinaryIO, names: _Names) -> Iterator[tuple[str, IO[bytes]]]:
    with zipfile.ZipFile(archive) as opened:
        infos = opened.infolist()
        if len(infos) > MOST_ENTRIES:
            raise Problem(f"holds more than {MOST_ENTRIES} entries")
        if sum(info.file_size for info in infos) > MOST_BYTES or any(info.file_size > LARGEST for info in infos):
            raise Problem(_too_much())
        _check_overlaps(infos)
        checked = [(info, names.checked(info.orig_filename, folder=info.is_dir())) for info in infos]
        for info in infos:
            _check_zip_kind(info)
        for info, name in checked:
            if not info.is_dir():
                with opened.open(info) as content:
                    yield name, content
            elif info.file_size or info.compress_size > 2:
                raise Problem("holds a folder with content, which is a file in disguise")


def _check_zip_kind(info: zipfile.ZipInfo) -> None:
    if info.flag_bits & 0x41:
        raise Problem("is protected by a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise Problem("is packed in an unusual way")
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise Problem(_LINKS)


def _check_overlaps(infos: list[zipfile.ZipInfo]) -> None:
    """Refuse entries that share their bytes: the densest bombs are made like that."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    for this, following in pairwise(ordered):
        if this.header_offset + 30 + this.compress_size > following.header_offset:
            raise Problem("holds entries that lie over each other")


def _tar_entries(stream: _Unpacked, names: _Names) -> Iterator[tuple[str, IO[bytes]]]:
    with tarfile.open(fileobj=stream, mode="r|", errorlevel=2) as opened:  # type: ignore[call-overload]
        for member in opened:
            if not (member.isreg() or member.isdir()) or member.issparse():
                raise Problem(_LINKS)
            name = names.checked(member.name, folder=member.isdir())
            if not 0 <= member.size <= LARGEST:
                raise Problem(_too_much())
            if member.isreg():
                content = opened.extractfile(member)
                assert content is not None
                yield name, content


class _Unpacked:
    """Reads a tar through its compression; counts what comes out, and unpacks no further than it is asked to."""

    def __init__(self, archive: BinaryIO, start: bytes) -> None:
        self._archive, self._ready, self._count = archive, b"", 0
        self._magic = re.match(rb"\x1f\x8b|BZh|\xfd7zXZ\x00", start)
        self._unpacker: Any = self._new()

    def _new(self) -> Any:
        match self._magic and self._magic[0]:
            case b"\x1f\x8b":
                return zlib.decompressobj(31)
            case b"BZh":
                return bz2.BZ2Decompressor()
            case None:
                return None
        return lzma.LZMADecompressor(memlimit=_XZ_MEMORY)

    def read(self, size: int) -> bytes:
        while len(self._ready) < size and (more := self._more()):
            self._ready += more
            self._count += len(more)
            if self._count > MOST_BYTES + _OVERHEAD:
                raise Problem(_too_much())
        got, self._ready = self._ready[:size], self._ready[size:]
        return got

    def _more(self) -> bytes:
        """Unpack some more; b"" at the end."""
        if self._unpacker is None:
            return self._archive.read(_STEP)
        while True:
            left = self._left_over()
            piece = left or self._archive.read(_STEP)
            if self._unpacker.eof:
                if not piece.strip(b"\x00"):
                    return b""
                self._unpacker = self._new()  # another member behind the first
            if out := bytes(self._unpacker.decompress(piece, 4 * _STEP)):
                return out
            if not piece and not self._unpacker.eof:
                raise EOFError

    def _left_over(self) -> bytes:
        if self._unpacker.eof:
            return bytes(self._unpacker.unused_data)
        return bytes(getattr(self._unpacker, "unconsumed_tail", b""))


def _too_much() -> str:
    return f"unpacks to more than may be: {LARGEST:,} bytes a file, {MOST_BYTES:,} in all"


if __name__ == "__main__":
    main()
