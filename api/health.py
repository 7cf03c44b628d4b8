"""Is it alive, and can it work: for people, proxies and containers."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

router = APIRouter()
OPTIONAL = {"sandbox"}
"""What is said, but does not keep Staffwork from its work."""


@router.get("/healthz")
async def alive() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "alive"}


@router.get("/readyz")
async def ready(request: Request) -> JSONResponse:
    """Say of each component "" or what is broken; 503 if anything is that cannot be done without."""
    health: dict[str, str] = await request.app.state.office.health()
    return JSONResponse(health, 503 if any(health[name] for name in health.keys() - OPTIONAL) else 200)
