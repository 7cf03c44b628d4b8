"""The program files of the chat page: compressed once and kept, instead of anew for every visitor.

Their names change with their contents, so browsers may keep them for good (api/headers.py). Source maps stay in the house.
"""

from __future__ import annotations

import asyncio
import gzip
import logging
import os
import tempfile
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

log = logging.getLogger(__name__)
TEXT = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json"}
WORTH_IT = 1024
"""Bytes from which on compressing saves a packet."""


class Assets(StaticFiles):
    """Serves `folder`; what was compressed is kept in `cache`, which may be deleted at any time."""

    def __init__(self, folder: Path, cache: Path) -> None:
        super().__init__(directory=folder)
        self._cache = cache

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file, compressed if the browser takes that and it is worth it."""
        if path.endswith(".map"):
            raise HTTPException(404)
        response = await super().get_response(path, scope)
        response.headers["vary"] = "Accept-Encoding"
        kind = TEXT.get(Path(path).suffix)
        if kind is None or response.status_code != 200 or not _takes_gzip(scope):
            return response
        plain, about = await asyncio.to_thread(self.lookup_path, path)
        if about is None or about.st_size < WORTH_IT:
            return response
        packed = await asyncio.to_thread(self._packed, Path(plain), about)
        if packed is None:
            return response
        return FileResponse(packed, media_type=kind, headers={"content-encoding": "gzip", "vary": "Accept-Encoding"})

    def _packed(self, plain: Path, about: os.stat_result) -> Path | None:
        """Return the compressed file, made now if need be; None where it cannot be kept (then it goes out as it is)."""
        kept = self._cache / f"{plain.name}.{about.st_size}.{about.st_mtime_ns}.gz"
        try:
            if not kept.exists():
                self._cache.mkdir(parents=True, exist_ok=True)
                handle, draft = tempfile.mkstemp(dir=self._cache)
                with open(handle, "wb") as file:
                    file.write(gzip.compress(plain.read_bytes(), 9, mtime=0))
                Path(draft).replace(kept)
        except OSError as problem:
            log.warning("a program file could not be kept compressed: %s", problem)
            return None
        return kept


def _takes_gzip(scope: Scope) -> bool:
    accepted = Headers(scope=scope).get("accept-encoding", "").split(",")
    return any(
        part.split(";")[0].strip() == "gzip" and "q=0" not in part.replace(" ", "").split(";") for part in accepted
    )
