"""Speaking to a Staffwork on another machine with an API key; what goes wrong is said in words."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import typer

from core.errors import BadInput, Refused, StoreUnavailable

if TYPE_CHECKING:
    import httpx

    from core.events import MissionEnded

_TRIES, _PAUSE = 20, 1.0
"""How often, and how many seconds apart, a stream that broke off is taken up again."""


@asynccontextmanager
async def reached(server: str, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """Speak to a server with a key, which goes over TLS or stays on this machine; what breaks is said in words."""
    import httpx

    place = urlsplit(server)
    if place.scheme not in ("http", "https") or not place.hostname:
        raise BadInput("Where is it? Give --server https://..., or set STAFFWORK_SERVER.")
    if place.scheme == "http" and place.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise BadInput("--server: the key would be sent readable. Use https:// (http:// on this machine only).")
    if not key:
        raise BadInput("Set STAFFWORK_SERVER_KEY to an API key of yours there; you make one on its page /keys.")
    headers = {"authorization": f"Bearer {key}", "accept": "application/json"}
    try:
        async with httpx.AsyncClient(base_url=server.rstrip("/"), headers=headers, timeout=30) as client:
            yield client
    except httpx.HTTPError as problem:
        raise StoreUnavailable(f"{server} cannot be reached: {problem or type(problem).__name__}.") from None


async def asked(there: httpx.AsyncClient, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask there; raises Refused with its own words."""
    answer = await there.request(method, path, json=body)
    try:
        found = answer.json() if answer.content else {}
    except ValueError:
        raise Refused(f"{there.base_url} answered something else than Staffwork does ({answer.status_code}).") from None
    if answer.is_error:
        raise Refused(
            str(found.get("detail", answer.status_code)) if isinstance(found, dict) else str(answer.status_code)
        )
    return found


async def followed(there: httpx.AsyncClient, mission: str, *, as_json: bool) -> MissionEnded:
    """Tell what happens until the mission ends or waits; a connection that breaks is made again."""
    import httpx

    from core.events import EVENTS, MissionEnded

    after = 0
    for _ in range(_TRIES):
        path, headers = f"/api/missions/{mission}/events?after={after}", {"accept": "text/event-stream"}
        try:
            async with there.stream("GET", path, headers=headers) as answer:
                if answer.is_error:
                    raise Refused(json.loads(await answer.aread()).get("detail", str(answer.status_code)))
                async for line in answer.aiter_lines():
                    if not line.startswith("data: "):
                        continue
                    try:
                        event = EVENTS.validate_json(line.removeprefix("data: "))
                    except ValueError:
                        continue  # a kind of event that this version does not know
                    after = event.seq
                    if isinstance(event, MissionEnded):
                        return event
                    _tell(event, as_json=as_json)
        except httpx.TransportError:
            pass  # taken up again below, from the event after the last one
        await asyncio.sleep(_PAUSE)
    raise StoreUnavailable(
        f"The connection is lost. The mission goes on; look at it with: staffwork remote show {mission}"
    )


def _tell(event: Any, *, as_json: bool) -> None:
    from chat.terminal_lines import line_of

    if as_json:
        typer.echo(event.model_dump_json(exclude_none=True))
    elif line := line_of(event):
        typer.echo(line, err=True)
