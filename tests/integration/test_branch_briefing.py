"""What the Chief knows in a branch: the shared beginning with its files, and nothing of the other versions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from index_fixtures import opened, until_embedded
from store_fixtures import mission, store

from core.events import MissionEnded
from core.memories import Brief, Origin
from core.missions import Status
from core.settings import Settings
from graphs.briefing import Briefing
from memory.blobs import Blobs
from memory.conversations import Conversations
from memory.database import Database
from memory.documents import DocumentReader
from memory.files import Files
from memory.index import Index
from memory.journal import Journal
from memory.missions import Missions

CAT = "The kitten sleeps on the warm sofa all afternoon."
BILL = "Invoice 4711 over 3,200 euro is still unpaid."
STORM = "Heavy rain and storms are expected in the north."


@dataclass
class Desk:
    """A briefing over real parts, and turns held without a model."""

    database: Database
    index: Index
    blobs: Blobs
    briefing: Briefing
    conversations: Conversations

    async def turn(self, conversation_id: str, goal: str, answer: str, file: str = "") -> Brief:
        """Say something, with a file of this text; returns what the Chief knew."""
        given = ()
        if file:
            content = await self.blobs.put(file.encode())
            given = (
                await Files(self.database).receive(
                    "ada", conversation_id, name=f"{goal}.txt", content_hash=content, size=9, mime="text/plain"
                ),
            )
        this = mission(goal, conversation_id, "ada", goal, *given)
        await Missions(self.database).accept(this, f"message of {goal}", title=goal)
        brief = await self.briefing.assemble(this)
        writer = await Journal(self.database).writer(goal, await Missions(self.database).start_attempt(goal))
        writer.add(MissionEnded(mission_id=goal, status=Status.COMPLETED, answer=answer))
        await writer.close()
        await self.briefing.remember_turn(this, answer)
        return brief

    async def found(self, conversation_id: str, query: str, *origins: Origin) -> set[str]:
        await until_embedded(self.database)
        chosen = origins or tuple(Origin)
        hits = await self.index.search(query, user_id="ada", conversation_id=conversation_id, origins=chosen, limit=20)
        return {hit.passage.text for hit in hits}


@pytest.fixture
async def desk(place: Path | str, tmp_path: Path) -> AsyncIterator[Desk]:
    settings = Settings(data_dir=tmp_path / "data")
    async with store(place) as database, opened(database, tmp_path) as index:
        conversations, blobs = Conversations(database), Blobs(tmp_path / "blobs")
        parts = {"files": Files(database), "reader": DocumentReader(settings), "index": index}
        briefing = Briefing(settings, conversations=conversations, blobs=blobs, **parts)
        yield Desk(database, index, blobs, briefing, conversations)


async def branched(desk: Desk) -> None:
    """Hold `a` (pets, money with a bill) and branch `b` from it before money."""
    await desk.turn("a", "pets", "Noted, a kitten.", CAT)
    await desk.turn("a", "money", "The invoice is unpaid.", BILL)
    await desk.conversations.branch("a", "money", "ada", new="b")


async def test_the_brief_in_a_branch(desk: Desk) -> None:
    await branched(desk)
    await until_embedded(desk.database)
    brief = await desk.turn("b", "the kitten and the unpaid invoice", "Only the kitten.", STORM)
    assert [s.text for s in brief.history] == ["pets", "Noted, a kitten."]
    assert [f.name for f in brief.attachments] == ["pets.txt", "money.txt", "the kitten and the unpaid invoice.txt"]
    recalled = {r.passage.text for r in brief.recalled}
    assert CAT in recalled
    assert "The invoice is unpaid." not in recalled  # said in the other version only
    later = await desk.turn("a", "the kitten, and is rain expected?", "No.")
    assert not {STORM, "Only the kitten."} & {r.passage.text for r in later.recalled}


async def test_a_search_in_a_branch_finds_what_it_shares_and_what_is_its_own(desk: Desk) -> None:
    await branched(desk)
    await desk.turn("b", "weather", "Stay inside.", STORM)
    everything = "kitten invoice storms noted unpaid inside"
    shared, only_b = {CAT, "pets", "Noted, a kitten."}, {STORM, "weather", "Stay inside."}
    given_again = {BILL}  # it came with the message that was changed
    assert await desk.found("b", everything) == shared | only_b | given_again
    assert await desk.found("a", everything) == shared | {BILL, "money", "The invoice is unpaid."}
    assert await desk.found("b", "animals resting", Origin.FILE) >= {CAT}
    assert await desk.index.search(everything, user_id="bob", conversation_id="b") == []


async def test_it_is_found_when_the_original_is_gone(desk: Desk) -> None:
    await branched(desk)
    await desk.turn("b", "weather", "Stay inside.", STORM)
    await until_embedded(desk.database)
    # As the office does it.
    await desk.conversations.hand_over("a", "ada")
    await desk.index.forget_conversation("a", "ada")
    for content_hash in await desk.conversations.delete("a", "ada"):
        await desk.blobs.delete(content_hash)
    everything = "kitten invoice storms noted unpaid inside"
    assert await desk.found("b", everything) == {
        CAT,
        "pets",
        "Noted, a kitten.",
        STORM,
        "weather",
        "Stay inside.",
        BILL,
    }
    assert CAT in await desk.found("b", "animals resting", Origin.FILE)
    brief = await desk.turn("b", "what about the kitten?", "It sleeps.")
    assert [s.text for s in brief.history][:2] == ["pets", "Noted, a kitten."]
    for attachment in brief.attachments:
        assert desk.blobs.path(attachment.hash).exists()


async def test_a_branch_made_while_the_original_is_deleted_reads_its_files_again(desk: Desk) -> None:
    await desk.turn("a", "pets", "Noted, a kitten.", CAT)
    await desk.turn("a", "money", "The invoice is unpaid.")
    await desk.conversations.hand_over("a", "ada")
    await desk.index.forget_conversation("a", "ada")
    await desk.conversations.branch("a", "money", "ada", new="b")
    await desk.turn("b", "weather", "Stay inside.", STORM)
    assert await desk.conversations.delete("a", "ada") == []
    await desk.turn("b", "next", "Yes.")
    assert await desk.found("b", "kitten storms", Origin.FILE) == {CAT, STORM}
