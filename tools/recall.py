"""The tools for what is known: find it again, keep it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from core.errors import BadInput
from core.memories import Memory, Recollection
from core.missions import derived_id
from core.missions import now as moment
from core.ports import Memories, PassageIndex, ToolContext
from tools.define import Tool, ToolResult, define


class RecallTools:
    """Files, messages and memories of the user, by words and by meaning."""

    def __init__(self, index: PassageIndex, memories: Memories) -> None:
        self._index, self._memories = index, memories

    def tools(self) -> list[Tool]:
        return [
            define(self.recall, "Recall {query}", taints=True),  # passages of files, and answers made of them
            # Its id is made of its text, so the same fact twice is one.
            define(self.remember, "Remember: {text}", risk="write", effect="idempotent", undo=UNDO),
        ]

    async def recall(
        self,
        context: ToolContext,
        query: Annotated[str, Field(description="What to look for, in words.", min_length=1, max_length=1000)],
        scope: Annotated[
            Literal["conversation", "everything"],
            Field(description="This conversation only, or all conversations and memories of the user."),
        ] = "conversation",
    ) -> ToolResult:
        """Find what files, earlier messages and memories say about something, closest first, with its source."""
        conversation = context.conversation_id if scope == "conversation" else None
        found = await self._index.search(query, user_id=context.user_id, conversation_id=conversation)
        if not found:
            wider = ' scope="everything" looks further.' if conversation else ""
            return ToolResult(f"Nothing is known about that in {_WHERE[scope]}.{wider}")
        lines = [_line(number, recollection) for number, recollection in enumerate(found, 1)]
        return ToolResult("\n\n".join(lines), tuple(recollection.as_source() for recollection in found))

    async def remember(
        self,
        context: ToolContext,
        text: Annotated[str, Field(description="One fact, in one or two sentences.", max_length=2000)],
    ) -> str:
        """Keep a fact about the user or their work for later conversations, when the user would want that."""
        if not (fact := " ".join(text.split())):
            raise BadInput("There is nothing in this text to remember.")
        memory = Memory(
            id=derived_id("memory", context.user_id, fact),  # the same fact told twice is one memory
            user_id=context.user_id,
            text=fact,
            conversation_id=context.conversation_id,
            mission_id=context.mission_id,
            operator=context.operator,
            created_at=moment(),
        )
        await self._memories.keep(memory)
        await self._index.add([memory.as_passage()])
        return f"Remembered: {fact}"


UNDO = "Change or delete it on the page of what is remembered (/memories)."
_WHERE = {"conversation": "this conversation", "everything": "all conversations"}


def _line(number: int, found: Recollection) -> str:
    passage = found.passage
    place = f", page {passage.page}" if passage.page else f", line {passage.line}" if passage.line else ""
    return f"{number}. {passage.name}{place} ({passage.origin}): {passage.text}"
