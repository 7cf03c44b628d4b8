"""The rehearsal model: deterministic and offline, it drives the real graph through the interface of every other model.

It understands nothing and claims nothing that it did not get from a tool; every answer carries a visible mark.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

from agents.llm import rehearsal_chief, rehearsal_operator, rehearsal_report
from agents.llm.calls import ModelRequest, Tokens
from agents.llm.delta_chat import DeltaChat
from agents.llm.rehearsal_words import Move
from agents.llm.streams import Delta, ToolPiece
from agents.role_tools import FINISH, MAKE_PLAN, REVIEW

_WORDS_AT_ONCE = 5
_PIECES = re.compile(rf"(?:\S+\s*){{1,{_WORDS_AT_ONCE}}}|\s+")


class RehearsalChat(DeltaChat):
    """Plays every role; which one is asked for shows in the tools offered."""

    embedder: Any  # core.ports.Embedder

    @property
    def _llm_type(self) -> str:
        return "rehearsal"

    async def deltas(self, request: ModelRequest) -> AsyncIterator[Delta]:
        move = await self._move(request)
        for number, piece in enumerate(_PIECES.findall(move.text)):
            if number % 4 == 3:
                await asyncio.sleep(0)  # a long answer must not hold up the others
            yield Delta(text=piece)
        pieces = [
            ToolPiece(i, f"rehearsal-{len(request.messages)}-{i}", name, json.dumps(arguments, ensure_ascii=False))
            for i, (name, arguments) in enumerate(move.calls)
        ]
        if pieces:
            yield Delta(tool_calls=pieces)
        yield Delta(usage=_tokens(request, move), finish="tool_calls" if pieces else "stop")

    async def _move(self, request: ModelRequest) -> Move:
        offered = {tool.name for tool in request.tools}
        if MAKE_PLAN in offered:
            return await rehearsal_chief.decide(request, self.embedder)
        if FINISH in offered:
            return rehearsal_operator.decide(request)
        if REVIEW in offered:
            return rehearsal_report.review(request)
        return rehearsal_report.report(request)


def _tokens(request: ModelRequest, move: Move) -> Tokens:
    """Count four characters as a token, tools included; nobody charges for them."""
    told = sum(len(str(m.text)) for m in request.messages)
    told += sum(len(t.description) + len(json.dumps(t.parameters)) for t in request.tools)
    said = len(move.text) + sum(len(json.dumps(arguments)) for _, arguments in move.calls)
    return Tokens(tokens_in=told // 4, tokens_out=said // 4)
