"""The tool for a conversation's own past: what was said, which missions there were, what was done. It only reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Protocol

from pydantic import Field

from core.memories import Past
from core.ports import ToolContext
from tools.define import Tool, define

Kind = Literal["messages", "missions", "steps"]
_WORDS = 300  # characters of one thing


class Pasts(Protocol):
    """Knows what happened in conversations; of another user's, nothing."""

    async def of_conversation(
        self, conversation_id: str, user_id: str, *, kind: Kind, text: str, mission: str, limit: int
    ) -> Sequence[Past]:
        """Return the newest things of a kind, oldest first; `text` must stand in them, `mission` begins the id of theirs."""
        ...


class PastTools:
    """Questions to the past are filters, never a query a model wrote; whose past it is, the gate says."""

    def __init__(self, pasts: Pasts) -> None:
        self._pasts = pasts

    def tools(self) -> list[Tool]:
        return [
            define(self.query_history, "Look into this conversation's {kind}", taints=True)
        ]  # answers rest on files

    async def query_history(
        self,
        context: ToolContext,
        kind: Annotated[
            Kind,
            Field(
                description="messages: what was said; missions: goals and how they ended; steps: what operators did."
            ),
        ] = "messages",
        text: Annotated[str, Field(description="Only where this stands.", max_length=200)] = "",
        mission: Annotated[str, Field(description="Only of the mission with this id.", max_length=64)] = "",
        limit: Annotated[int, Field(ge=1, le=50)] = 20,
    ) -> str:
        """Look into the past of this conversation, newest first cut off at the limit."""
        found = await self._pasts.of_conversation(
            context.conversation_id, context.user_id, kind=kind, text=text.strip(), mission=mission.strip(), limit=limit
        )
        if not found:
            what = f" in which “{text.strip()[:60]}” stands" if text.strip() else ""
            return f"There are no {kind}{what} in this conversation."
        return "\n".join(_line(past) for past in found)


def _line(past: Past) -> str:
    words = " ".join(past.words.split())
    cut = words if len(words) <= _WORDS else words[: _WORDS - 1].rstrip() + "…"
    return f"{past.at:%Y-%m-%d %H:%M} UTC, mission {past.mission_id[:13]}, {past.place}: {cut}"
