"""Opinions and memories as rows: kept once, and nobody's but their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError
from store_fixtures import mission, store

from core.errors import NotFound
from core.memories import Memory
from core.missions import now
from memory.branches import run_id
from memory.database import Database
from memory.feedback import Feedback
from memory.memories import Memories
from memory.missions import Missions


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as database:
        await Missions(database).accept(mission("m"), "message", "title")
        yield database


async def test_the_newest_opinion_of_a_person_counts_and_can_be_withdrawn(database: Database) -> None:
    feedback = Feedback(database)
    answer = run_id("m")
    with pytest.raises(NotFound):
        await feedback.give("ada", "c", "no answer", 1)
    first = await feedback.give("ada", "c", answer, 0, "too long")
    assert await feedback.give("ada", "c", answer, 1, "better") == first
    assert [(o.value, o.comment) for o in await feedback.of_conversation("c", "ada")] == [(1, "better")]
    assert await feedback.of_conversation("c", "bob") == []
    for attempt in (feedback.give("bob", "c", answer, 1), feedback.withdraw(first, "bob")):
        with pytest.raises(NotFound):
            await attempt
    await feedback.withdraw(first, "ada")
    assert await feedback.of_conversation("c", "ada") == []


async def test_a_memory_that_is_kept_again_changes_nothing(database: Database) -> None:
    memories = Memories(database)
    fact = Memory(id="x", user_id="ada", text="Tea, not coffee.", conversation_id="c", created_at=now())
    await memories.keep(fact)
    await memories.keep(fact.model_copy(update={"text": "Coffee."}))
    assert await memories.of_user("ada") == [fact]
    assert await memories.of_user("bob") == []
    with pytest.raises(IntegrityError):
        await memories.keep(fact.model_copy(update={"id": "y", "user_id": "nobody"}))
