"""Asking the identity provider: one JSON object at a time, within limits of size and time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from core.errors import Refused

if TYPE_CHECKING:
    import httpx

SECONDS, MOST_BYTES = 10.0, 512 * 1024


class ProviderRefused(Refused):
    """The provider, or what came back from it, cannot be believed; the words are for whoever wanted to log in."""


async def fetched(method: str, place: str, **more: Any) -> dict[str, Any]:
    """Fetch a JSON object within the limits, following no redirect and using no proxy of the environment."""
    import httpx

    try:
        async with (
            httpx.AsyncClient(timeout=SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream(method, place, **more) as answer,
        ):
            body = await _body(answer)
    except (httpx.HTTPError, httpx.InvalidURL):
        raise ProviderRefused("The identity provider cannot be reached just now. Please try again later.") from None
    if answer.status_code != 200:
        raise ProviderRefused("The identity provider did not accept this login. Please begin again.")
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise ProviderRefused("The identity provider answered something that is no JSON object.")
    return found


async def _body(answer: httpx.Response) -> bytes:
    parts = bytearray()
    async for part in answer.aiter_bytes():
        parts += part
        if len(parts) > MOST_BYTES:
            raise ProviderRefused("The identity provider answered more than can be read.")
    return bytes(parts)
