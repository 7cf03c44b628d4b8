"""A fact that a person has kept by hand: the same as an operator's, found again the same way."""

from __future__ import annotations

from core.memories import Memory, Origin, Passage
from core.missions import derived_id, now
from core.ports import Memories, PassageIndex


async def keep_fact(index: PassageIndex, memories: Memories, user_id: str, conversation_id: str, text: str) -> Memory:
    """Keep one fact for later conversations; the same one twice is one memory (see tools/recall.py)."""
    fact = " ".join(text.split())
    memory = Memory(
        id=derived_id("memory", user_id, fact),
        user_id=user_id,
        text=fact,
        conversation_id=conversation_id,
        created_at=now(),
    )
    await memories.keep(memory)
    passage = Passage(
        id=derived_id(memory.id, "0"),
        user_id=user_id,
        conversation_id=conversation_id,
        origin=Origin.MEMORY,
        origin_id=memory.id,
        name="memory",
        text=fact,
    )
    await index.add([passage])
    return memory
