"""Addresses that lead nowhere: to a person a page that says so and leads back, to a program JSON."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import Request
from starlette.datastructures import Headers
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.first_start import NOTE, page

_TITLES = {
    401: "Please log in",
    403: "This is not open to you",
    404: "There is nothing here",
    409: "Somebody was quicker",
    429: "Please wait a little",
}
NOWHERE = "This address leads nowhere. It may be mistyped, or what was here is gone."


def wants_page(headers: Headers) -> bool:
    """Say whether a browser asks for a page, and not a program or a script of a page."""
    return "text/html" in headers.get("accept", "")


def said_on_a_page(request: Request, code: int, words: str) -> Response | None:
    """Say to a person what cannot be done, on a page with a way back; None where a program asked."""
    if request.method not in ("GET", "HEAD") or not wants_page(request.headers):
        return None
    return _note(code, words)


def _note(code: int, words: str) -> Response:
    title = _TITLES.get(code, "This could not be done")
    return page(NOTE, code, title=title, words=words, link="/", link_words="Back to the chat")


class Lost:
    """Wraps the application of the chat, which would show its empty page under every address it does not know.

    `nowhere(scope)` says whether an address is one of those.
    """

    def __init__(self, app: ASGIApp, nowhere: Callable[[Scope], bool]) -> None:
        self._app, self._nowhere = app, nowhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._nowhere(scope):
            await self._app(scope, receive, send)
            return
        answer = _note(404, NOWHERE) if wants_page(Headers(scope=scope)) else JSONResponse({"detail": "Not found"}, 404)
        await answer(scope, receive, send)
