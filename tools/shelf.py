"""The tool for context documents: what the house has written down about something, or a draft for a person to look at."""

from __future__ import annotations

from typing import Annotated, Protocol

from pydantic import Field

from core.errors import BadInput, Conflict
from core.memories import Context
from core.missions import Source, derived_id, now
from core.ports import ToolContext
from tools.define import Tool, ToolResult, define

_MOST_FOUND = 3
_EMPTY = "(Nothing is written down about this yet. Say here what operators should know, then accept the document.)"


class Shelf(Protocol):
    """Where context documents stand."""

    async def find(self, user_id: str, topic: str) -> list[Source]:
        """Return the documents in force for a user that are about a topic, the closest first."""
        ...

    async def keep_draft(self, context: Context) -> bool:
        """Keep a draft; False if it is there already. Raises Conflict if its name is taken, BadInput if there are too many."""
        ...


class ShelfTools:
    """Finds documents for operators; what operators write themselves waits for a person."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf

    def tools(self) -> list[Tool]:
        undo = "Remove the draft on the page of context documents (/contexts)."
        return [
            define(
                self.request_context, "Look for what is written about {topic}", "write", effect="idempotent", undo=undo
            )
        ]

    async def request_context(
        self,
        context: ToolContext,
        topic: Annotated[str, Field(min_length=2, max_length=200)],
        notes: Annotated[str, Field(description="Kept as a draft if nothing is written.", max_length=8000)] = "",
    ) -> ToolResult:
        """Get what is written down here about a topic; else a draft is kept for the user."""
        topic = " ".join(topic.split())
        if not any(letter.isalnum() for letter in topic):
            raise BadInput("topic: it holds no words. Name what you want to know about.")
        if found := (await self._shelf.find(context.user_id, topic))[:_MOST_FOUND]:
            texts = [f"## {source.file}\n\n{source.quote}" for source in found]
            return ToolResult("\n\n".join(texts), tuple(found), changed=False)
        return await self._drafted(context, topic, notes.strip())

    async def _drafted(self, context: ToolContext, topic: str, notes: str) -> ToolResult:
        why = f"An operator ({context.operator or 'unknown'}) drafted it on {now():%Y-%m-%d}. {context.tainted}".strip()
        draft = Context(
            # Derived, so that one topic has one draft, whoever asks for it and whenever the call is made again.
            id=derived_id("context", context.user_id, topic.casefold()),
            owner=context.user_id,
            name=derived_id("draft", topic.casefold())[:8] + "-draft",
            title=topic,
            triggers=(topic,) if len(topic) <= 80 else (),
            text=notes or _EMPTY,
            draft=why,
            changed_by=context.user_id,
            changed_at=now(),
        )
        try:
            new = await self._shelf.keep_draft(draft)
        except Conflict:
            new = False
        if not new:
            words = (
                f"Nothing in force is written about “{topic}”. A draft waits for the user already. Go on without it."
            )
            return ToolResult(words, changed=False)
        return ToolResult(
            f"Nothing is written about “{topic}”. A draft was kept for the user, who can complete and accept it (/contexts); "
            "until then nobody is given it. Go on without it."
        )
