"""A zip that is sent while it is made: never whole in memory, and no file on the disk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Iterator
from typing import IO, Any, BinaryIO, cast
from urllib.parse import quote

from fastapi.responses import StreamingResponse

ZIP: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}}}
"""What a route answers that sends one, for its description."""
_STEP = 256 * 1024
_PACKED = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".zip", ".gz", ".docx", ".xlsx", ".pptx", ".pdf", ".parquet")


class _Outlet:
    """What zipfile writes to; what was written is taken away piece by piece."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, piece: bytes, /) -> int:
        self._pieces.append(bytes(piece))
        return len(piece)

    def flush(self) -> None:
        """Nothing waits."""

    def taken(self) -> bytes:
        pieces, self._pieces = b"".join(self._pieces), []
        return pieces


def zipped(files: Iterable[tuple[str, BinaryIO]], name: str) -> StreamingResponse:
    """Answer with a zip of open files, each closed when it was read; two of one name get numbers."""
    headers = {
        "content-disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "x-content-type-options": "nosniff",
        "cache-control": "no-store",
    }
    return StreamingResponse(pieces_of(files), media_type="application/zip", headers=headers)


def pieces_of(files: Iterable[tuple[str, BinaryIO]]) -> Iterator[bytes]:
    """Give a zip of open files piece by piece; each is closed when it was read, two of one name get numbers."""
    outlet, taken = _Outlet(), set[str]()
    with zipfile.ZipFile(cast("IO[bytes]", outlet), "w", zipfile.ZIP_DEFLATED, compresslevel=5) as archive:
        for name, file in files:
            entry = zipfile.ZipInfo(_free(name, taken), (1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_STORED if name.lower().endswith(_PACKED) else zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            with file, archive.open(entry, "w", force_zip64=True) as place:
                while piece := file.read(_STEP):
                    place.write(piece)
                    yield outlet.taken()
    yield outlet.taken()


def _free(name: str, taken: set[str]) -> str:
    """Name an entry so that no system reads it as another place, or as another entry."""
    parts = ["".join("_" if c in '<>:"\\|?*' or not c.isprintable() else c for c in p) for p in name.split("/")]
    safe = "/".join(part for part in parts if part not in ("", ".", "..")) or "file"
    stem, dot, ending = safe.rpartition(".") if "." in safe.rpartition("/")[2] else (safe, "", "")
    free = next(
        n for i in range(1, 10_000) if (n := safe if i == 1 else f"{stem} ({i}){dot}{ending}").casefold() not in taken
    )
    taken.add(free.casefold())
    return free
