"""Branches in a whole office: a changed message is worked on in a branch, and deleting the original harms nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import BadInput, NotFound
from core.events import MissionEnded
from core.memories import Origin
from core.missions import Mission, Status, new_id, now
from core.settings import Settings
from graphs.branching import branch
from graphs.office import Office

LETTER = "The zebra crosses the river at midnight"


async def done(office: Office, mission: Mission) -> MissionEnded:
    events = [event async for event in office.follow(mission.id)]
    assert isinstance(events[-1], MissionEnded)
    assert events[-1].status is Status.COMPLETED
    return events[-1]


async def test_a_branch_is_worked_on_and_outlives_the_original(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text(LETTER)
    async with Office.open(settings) as office:
        user = (await office.people.ensure_local_owner()).id
        given = await office.receive(user, "old", "letter.txt", "text/plain", tmp_path / "letter.txt")
        for goal, files in (("Quote the letter", (given,)), ("What is 7 * 8?", ())):
            mission = Mission(
                id=new_id(), conversation_id="old", user_id=user, goal=goal, attachments=files, created_at=now()
            )
            await office.submit(mission)
            await done(office, mission)
        with pytest.raises(NotFound):
            await branch(office, "somebody else", mission.id, "Mine")
        with pytest.raises(BadInput):
            await branch(office, user, mission.id, "  ")

        changed = await branch(office, user, mission.id, "What is 9 * 9?", client_id="once")
        again = await branch(office, user, mission.id, "What is 9 * 9?", client_id="once")
        assert again == (await office.missions.get(changed.id)).mission
        assert "81" in (await done(office, changed)).answer
        same = await branch(office, user, mission.id, None)
        assert same.goal == mission.goal
        assert "56" in (await done(office, same)).answer
        assert len(await office.missions.of_conversation("old")) == 2

        await office.delete_conversation("old", user)
        with pytest.raises(NotFound):
            await office.missions.get(mission.id)
        for begun in (changed, same):
            shown = [row.mission.goal for row in await office.missions.in_view(begun.conversation_id)]
            assert shown == ["Quote the letter", begun.goal]
            [file] = await office.files.of_conversation(begun.conversation_id, user)
            assert office.blobs.path(file.attachment.hash).read_text() == LETTER
            found = await office.index.search(
                LETTER, user_id=user, conversation_id=begun.conversation_id, origins=[Origin.FILE]
            )
            assert [hit.passage.text for hit in found] == [LETTER]
        for begun in (changed, same):
            await office.delete_conversation(begun.conversation_id, user)
        assert not office.blobs._place(given.hash).exists()
        assert await office.index.search(LETTER, user_id=user, origins=[Origin.FILE]) == []
