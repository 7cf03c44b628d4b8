"""The one translator from LangGraph's stream to our events; nobody else knows its modes, tuples and namespaces."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from langchain_core.messages import AIMessageChunk

from core.events import Event, TextStreamed
from core.missions import Value

STREAM: dict[str, Any] = {"stream_mode": ["tasks", "messages", "custom", "values"], "subgraphs": True, "version": "v2"}
"""How every mission graph is streamed."""

CHIEF_PAUSE, OPERATOR_PAUSE = 0.125, 0.5
"""Seconds between two pieces of text of the answer, and of an operator's work."""


class Translator:
    """Turns one run's stream into events; afterwards `waiting` tells whether the graph stopped at a question.

    `state` is the graph's state after its last step, as far as it was seen.
    """

    def __init__(self, mission_id: str) -> None:
        self._mission_id = mission_id
        self._written: dict[str, int] = {}
        self.waiting = False
        self.state: dict[str, Any] = {}

    async def translate(self, stream: AsyncIterator[dict[str, Any]]) -> AsyncIterator[Event]:
        """Yield an event for everything a view should know of."""
        async for part in stream:
            data = part["data"]
            match part["type"]:
                case "custom" if isinstance(data, Value):
                    yield data  # type: ignore[misc]
                case "tasks" if data.get("interrupts"):
                    self.waiting = True
                case "values" if not part["ns"]:
                    self.state = data
                case "messages":
                    if event := self._from_message(*data):
                        yield event
                case _:
                    pass  # starts and results of LangGraph's own tasks: our events say it in our words

    def _from_message(self, message: object, about: dict[str, Any]) -> Event | None:
        """Text of a plain LangChain model that somebody's node called without the gateway."""
        if not isinstance(message, AIMessageChunk) or not message.text:
            return None
        step = str(about.get("langgraph_node", "model"))
        offset = self._written.get(step, 0)
        self._written[step] = offset + len(message.text)
        return TextStreamed(mission_id=self._mission_id, step=step, offset=offset, text=message.text)


class TextStream:
    """Gathers a model's text and tells it at most once per pause: the page, not the model, is the bottleneck.

    Nothing is held longer than that: a model that stops to think leaves the text as far as it came. `close` it at the end.
    """

    def __init__(self, tell: Callable[[str, int], None], pause: float) -> None:
        self._tell, self._pause = tell, pause
        self._held: list[str] = []
        self._told = 0
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, piece: str, offset: int) -> None:
        """Take a piece; offset 0 after text was told starts the text over."""
        if offset == 0 and (self._told or self._held):
            self._held, self._told = [], 0
            self._tell("", 0)
        if not piece:
            return
        self._held.append(piece)
        wait = self._last + self._pause - time.monotonic()
        if wait <= 0:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(wait, self.flush)

    @property
    def waits(self) -> bool:
        """Whether something is held that will be told by itself."""
        return self._timer is not None

    def close(self) -> None:
        """Tell no more by itself."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def flush(self) -> None:
        """Tell what is held back."""
        self.close()
        if self._held:
            text = "".join(self._held)
            self._tell(text, self._told)
            self._told += len(text)
            self._held = []
            self._last = time.monotonic()
