"""What a preview is made of besides the page: pictures written anew, documents in frames that can do nothing, chart data.

HTML and SVG are shown with a policy that makes them a stranger here: no scripts, no forms, no network, an origin of their own.
"""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from api.artifact_previews import FRAMED
from api.artifacts import keeping
from api.safe_frames import harmless
from api.visitors import present
from core.errors import NotFound
from tools.chart_terms import ENDING, figure, read_chart

router = APIRouter(prefix="/artifacts")
INERT = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
READER = "default-src 'none'; style-src 'unsafe-inline'; object-src 'self'; frame-ancestors 'self'"
"""For the browser's own reader of PDFs, which a sandboxed frame would not have; it runs apart from every page."""
KEPT = {"cache-control": "private, max-age=600", "x-content-type-options": "nosniff", "x-frame-options": "SAMEORIGIN",
        "referrer-policy": "no-referrer", "x-dns-prefetch-control": "off"}  # fmt: skip
MOST_FRAMED = 5_000_000


@router.get("/plotly.js")
async def plotly(_: Request) -> FileResponse:
    """Hand out the library that draws interactive charts, as it ships."""
    headers = {"cache-control": "public, max-age=86400"}
    return FileResponse(_library(), media_type="text/javascript", headers=headers)


@router.get("/{artifact_id}/figure")
async def chart(request: Request, artifact_id: str) -> dict[str, Any]:
    """Give an interactive chart as Plotly reads it, written by us from our own closed form."""
    path, name = await _found(request, artifact_id)
    if not name.endswith(ENDING):
        raise NotFound("This is no interactive chart.")
    return figure(read_chart(await asyncio.to_thread(_content, path)))


@router.get("/{artifact_id}/picture")
async def picture(request: Request, artifact_id: str) -> Response:
    """Show a raster picture, written anew: what else is in the file stays behind."""
    path, name = await _found(request, artifact_id)
    content, mime = await keeping(request).glass.picture(path, name)
    return Response(content, media_type=mime, headers=KEPT | {"content-security-policy": INERT})


@router.get("/{artifact_id}/frame")
async def frame(request: Request, artifact_id: str) -> Response:
    """Show HTML or SVG as a stranger: it runs nothing, and reaches nothing."""
    path, name = await _found(request, artifact_id)
    if not name.endswith(FRAMED):
        raise NotFound("This is shown on the artifact's page.")
    content = await asyncio.to_thread(_content, path)
    html = await asyncio.to_thread(harmless, content.decode("utf-8", "replace"))
    return Response(html, media_type="text/html", headers=KEPT | {"content-security-policy": INERT})


@router.get("/{artifact_id}/pdf")
async def document(request: Request, artifact_id: str) -> Response:
    """Show a PDF in the browser's reader; what does not begin as one is not shown."""
    path, name = await _found(request, artifact_id)
    if not await asyncio.to_thread(_is_pdf, path):
        raise NotFound("This is no PDF. It can be downloaded.")
    headers = KEPT | {"content-security-policy": READER}
    headers["content-disposition"] = f"inline; filename*=UTF-8''{quote(name, safe='')}"
    return FileResponse(path, media_type="application/pdf", headers=headers)


async def _found(request: Request, artifact_id: str) -> tuple[Path, str]:
    version = await keeping(request).store.get(artifact_id, present().user_id)
    return request.app.state.office.blobs.path(version.hash), version.name.lower()


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_FRAMED)


def _is_pdf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(5) == b"%PDF-"


def _library() -> Path:
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise NotFound("The library for interactive charts is not installed.")
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"
