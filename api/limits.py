"""The largest body a request may have, enforced before and while it is read."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Send


class BodyLimit:
    """Counts a request's bytes as they come; over the limit the sender is told so and the rest is not read."""

    def __init__(self, most: int, receive: Receive, send: Send) -> None:
        self._most, self._receive, self._send = most, receive, send
        self._read = 0
        self._answered = self._over = False

    def too_large(self, headers: Headers) -> bool:
        """Say whether the announced length is over the limit already."""
        announced = headers.get("content-length", "")
        return announced.isdigit() and int(announced) > self._most

    async def receive(self) -> Message:
        if self._over:
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._read += len(message.get("body", b""))
        if self._read <= self._most:
            return message
        self._over = True
        if not self._answered:
            await self.refuse()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self._over:
            return  # the sender has had its answer
        self._answered = True
        await self._send(message)

    async def refuse(self) -> None:
        """Answer 413 in words the page shows to the person."""
        self._over = True
        words = f"This is too large: at most {self._most // (1024 * 1024)} MB are accepted."
        response = JSONResponse({"detail": words}, 413)
        await response({"type": "http"}, self._receive, self._send)
