"""The door for programs: who comes with an API key, and which routes it opens. What is not listed in api/scopes.py is closed.

A key needs no Origin: another site in a browser does not have it, and with it in a request the session's cookie counts for nothing.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import Scope

from api.scopes import needed
from api.visitors import Visitor
from memory.key_terms import START, KeyRefused
from memory.throttle import TooManyAttempts

RecogniseKey = Callable[[str, str], Awaitable[Visitor]]
"""Finds who comes with a key from an address; raises KeyRefused or TooManyAttempts, in words."""


def bearer_key(headers: Headers) -> str:
    """Find an API key in a request ("" if there is none); a bearer that does not look like one is a session."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    value = value.strip()
    return value if scheme.lower() == "bearer" and value.startswith(START) else ""


async def let_in(scope: Scope, key: str, recognise: RecogniseKey | None) -> tuple[Visitor | None, Response | None]:
    """Return who comes with a key, and what to answer instead if they do not get in."""
    client = scope.get("client")
    try:
        if recognise is None:
            raise KeyRefused("There are no API keys here.")
        person = await recognise(key, client[0] if client else "")
    except KeyRefused as refused:
        return None, JSONResponse({"detail": str(refused)}, 401, {"www-authenticate": "Bearer"})
    except TooManyAttempts as early:
        return None, JSONResponse({"detail": str(early)}, 429, {"retry-after": str(early.seconds)})
    return person, _closed(scope, person)


def _closed(scope: Scope, person: Visitor) -> Response | None:
    wanted = needed(scope["method"], scope["path"]) if scope["type"] == "http" else None
    if wanted is None:
        return JSONResponse({"detail": "API keys do not open this. What they open is listed in docs/api.md."}, 403)
    if person.scopes is None or wanted not in person.scopes:
        words = f"This API key is not good for this: it needs the scope {wanted}, which the key or its person does not have."
        return JSONResponse({"detail": words}, 403)
    return None
