"""Those who stay: a socket, an answer that is streamed, or a body still on its way ends with the session it was let in with."""

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


class _Answer:
    """One answer, and whether it has to end with its session: one that is streamed, or whose question has not come whole.

    Any other is finished.
    """

    def __init__(self, task: asyncio.Task[object], receive: Receive, send: Send, *, goes_on: bool) -> None:
        self._task, self._receive, self._send = task, receive, send
        self._goes_on, self._over, self._awaited, self._whole = goes_on, False, False, False
        self.begun = self.cut_off = False

    def show_out(self) -> None:
        """Hear that the session has ended."""
        self._over = True
        if self._goes_on or self._awaited:
            self._cut()

    async def receive(self) -> Message:
        """Take the next part of the body; once the session has ended, nothing is done with the rest of it."""
        if self._over and not self._whole:
            self._cut()
            await asyncio.sleep(0)  # ends here
        self._awaited = not self._whole
        try:
            message = await self._receive()
        finally:
            self._awaited = False
        self._whole = self._whole or not message.get("more_body", False)
        return message

    async def send(self, message: Message) -> None:
        """Send a part of the answer."""
        if message["type"] == "http.response.start":
            self.begun = True
            kind = Headers(raw=message["headers"]).get("content-type", "")
            self._goes_on = self._goes_on or kind.startswith("text/event-stream")
        await self._send(message)

    def _cut(self) -> None:
        if not self.cut_off:
            self.cut_off = True
            self._task.cancel()


def _answer(doorkeeper: Doorkeeper, session_id: str, app: ASGIApp) -> ASGIApp:
    """End answers that would outlive the session."""

    async def looked_after(scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None
        answer = _Answer(task, receive, send, goes_on=scope["path"].startswith(SOCKETS))
        try:
            with doorkeeper.staying(session_id, answer.show_out):
                await app(scope, answer.receive, answer.send)
        except asyncio.CancelledError:
            if not answer.cut_off:
                raise
            task.uncancel()
            await _end(send, begun=answer.begun)

    return looked_after


async def _end(send: Send, *, begun: bool) -> None:
    """Finish an answer that was cut off, or say why there is none."""
    if not begun:
        await send({"type": "http.response.start", "status": 401, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b"" if begun else b'{"detail":"Please log in."}'})
