"""Those who stay: a socket, or an answer that is streamed, ends when the session it was let in with has ended."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.doorkeeper import Doorkeeper

SOCKETS = "/ws/"
POLICY = 1008
"""The close code that says to the page why it was shown out; see public/staffwork.js."""


def staying(doorkeeper: Doorkeeper, session_id: str, app: ASGIApp) -> ASGIApp:
    """Wrap an application so that what goes on within it ends with a session."""

    async def looked_after(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await _socket(doorkeeper, session_id, app)(scope, receive, send)
        else:
            await _answer(doorkeeper, session_id, app)(scope, receive, send)

    return looked_after


def _socket(doorkeeper: Doorkeeper, session_id: str, app: ASGIApp) -> ASGIApp:
    """Tell the application that the other side is gone, and the other side that it has to go."""

    async def looked_after(scope: Scope, receive: Receive, send: Send) -> None:
        over = asyncio.Event()
        shown_out = asyncio.ensure_future(over.wait())

        async def next_message() -> Message:
            coming = asyncio.ensure_future(receive())
            try:
                await asyncio.wait({coming, shown_out}, return_when=asyncio.FIRST_COMPLETED)
                if not over.is_set():
                    return await coming
            finally:
                coming.cancel()
            await send({"type": "websocket.close", "code": POLICY})
            return {"type": "websocket.disconnect", "code": POLICY}

        try:
            with doorkeeper.staying(session_id, over.set):
                await app(scope, next_message, send)
        finally:
            shown_out.cancel()

    return looked_after


def _answer(doorkeeper: Doorkeeper, session_id: str, app: ASGIApp) -> ASGIApp:
    """End an answer that is streamed, or that a socket without websockets waits for; an ordinary one is finished."""

    async def looked_after(scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        goes_on, begun, shown_out = scope["path"].startswith(SOCKETS), False, False

        def show_out() -> None:
            nonlocal shown_out
            if goes_on and not shown_out:
                shown_out = True
                task.cancel()

        async def noted(message: Message) -> None:
            nonlocal goes_on, begun
            if message["type"] == "http.response.start":
                begun = True
                goes_on |= Headers(raw=message["headers"]).get("content-type", "").startswith("text/event-stream")
            await send(message)

        try:
            with doorkeeper.staying(session_id, show_out):
                await app(scope, receive, noted)
        except asyncio.CancelledError:
            if not shown_out:
                raise
            task.uncancel()
            await _end(send, begun=begun)

    return looked_after


async def _end(send: Send, *, begun: bool) -> None:
    """Finish an answer that was cut off, or say why there is none."""
    if not begun:
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b"" if begun else b'{"detail":"Please log in."}'})
