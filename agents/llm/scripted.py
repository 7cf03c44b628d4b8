"""A chat model that plays given replies: the fake that ships with the product, for tests, benchmarks and demonstrations."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson
from pydantic import Field, PrivateAttr

from agents.llm.calls import ModelRequest, Tokens
from agents.llm.catalog import estimate, estimate_request
from agents.llm.delta_chat import DeltaChat
from agents.llm.streams import Delta, ToolPiece
from core.decisions import ToolCall
from core.errors import ModelUnavailable

_PIECE = 4  # characters: about one token


@dataclass(frozen=True)
class ScriptedReply:
    """One reply to play: text and tool calls, paced in seconds; `error` is raised after the text instead of an end.

    `finish` "" ends the way the reply suggests; `usage` None is estimated.
    """

    text: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    first_token_seconds: float = 0.0
    token_seconds: float = 0.0
    finish: str = ""
    usage: Tokens | None = None
    error: Exception | None = None


Script = Callable[[ModelRequest], ScriptedReply]


class ScriptedChat(DeltaChat):
    """Plays the replies of a list in order, or those a function chooses for each request; `asked` keeps the requests."""

    free: ClassVar[bool] = True
    replies: Any = Field(default_factory=list)  # Sequence[ScriptedReply] or Script

    _asked: list[ModelRequest] = PrivateAttr(default_factory=list)

    @property
    def asked(self) -> list[ModelRequest]:
        return self._asked

    @property
    def _llm_type(self) -> str:
        return "staffwork-scripted"

    async def deltas(self, request: ModelRequest) -> AsyncIterator[Delta]:
        self._asked.append(request)
        reply = self._next(request)
        await asyncio.sleep(reply.first_token_seconds)
        for start in range(0, len(reply.text), _PIECE):
            yield Delta(reply.text[start : start + _PIECE])
            if reply.token_seconds:
                await asyncio.sleep(reply.token_seconds)
        if reply.error is not None:
            raise reply.error
        pieces = [_piece(index, call) for index, call in enumerate(reply.tool_calls)]
        usage = reply.usage or Tokens(estimate_request(request), estimate([reply.text, *(p.arguments for p in pieces)]))
        yield Delta(tool_calls=pieces, usage=usage, finish=reply.finish or ("tool_calls" if pieces else "stop"))

    def _next(self, request: ModelRequest) -> ScriptedReply:
        if callable(self.replies):
            chosen: ScriptedReply = self.replies(request)
            return chosen
        replies: Sequence[ScriptedReply] = self.replies
        if len(self._asked) > len(replies):
            raise ModelUnavailable("refused", "The script has no further reply.")
        return replies[len(self._asked) - 1]


def _piece(index: int, call: ToolCall) -> ToolPiece:
    return ToolPiece(index, call.id, call.name, orjson.dumps(call.arguments).decode())
