"""The window over a conversation: bounded, and cut back in blocks so that its beginning stays the same for several turns."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from core.memories import Origin, Passage, Recollection, Said
from core.missions import Mission, now
from core.settings import Settings
from graphs.briefing import BLOCK, LONGEST, Briefing, turn_id, window


def conversation(turns: int, characters: int = 400) -> list[Said]:
    return [Said(author="user" if i % 2 == 0 else "chief", text=f"{i} " + "x" * characters) for i in range(turns)]


def test_a_short_conversation_is_kept_whole() -> None:
    history = conversation(6)
    assert window(history, 3_000) == history


def test_a_long_conversation_stays_within_the_limit_and_keeps_the_newest() -> None:
    for turns in range(1, 200):
        history = conversation(turns)
        kept = window(history, 3_000)
        assert sum(len(m.text) // 4 + 4 for m in kept) <= 3_000
        assert not kept or kept[-1] == history[-1]


def test_the_beginning_of_the_window_moves_a_block_at_a_time() -> None:
    firsts = [window(conversation(turns), 3_000)[0].text.split()[0] for turns in range(1, 120)]
    changes = sum(a != b for a, b in pairwise(firsts))
    assert changes <= 120 // BLOCK
    assert all(int(first) % BLOCK == 0 for first in firsts)


def test_one_huge_message_is_cut_rather_than_dropped() -> None:
    [kept] = window([Said(author="user", text="y" * 1_000_000)], 3_000)
    assert len(kept.text) == LONGEST


class Talk:
    """A conversation with one earlier turn, no files, and an index that finds that turn and an older one."""

    async def history(self, conversation_id: str, before_mission: str) -> list[Said]:
        return [Said(author="user", text="The budget is 300.", mission_id="near")]

    async def set_aside(self, conversation_id: str) -> list[str]:
        return ["other version"]

    async def of_conversation(self, conversation_id: str, user_id: str) -> list[object]:
        return []

    async def tainted(self, conversation_id: str, but: str) -> bool:
        return False

    async def any_made(self, conversation_id: str) -> bool:
        return False

    async def search(self, query: str, **_: object) -> list[Recollection]:
        found = [
            (turn_id("near", "goal"), "The budget is 300."),
            (turn_id("other version", "answer"), "The budget was 500."),
            (turn_id("far", "goal"), "We meet on Mondays."),
        ]
        return [Recollection(passage=passage(origin_id, text), score=0.9) for origin_id, text in found]


def passage(origin_id: str, text: str) -> Passage:
    about = {"user_id": "ada", "conversation_id": "talk", "origin": Origin.MESSAGE, "name": "you said"}
    return Passage(id=origin_id, origin_id=origin_id, text=text, **about)


async def test_what_is_in_sight_or_said_in_another_version_is_not_recalled(tmp_path: Path) -> None:
    talk = Talk()
    parts = {name: talk for name in ("conversations", "files", "blobs", "reader", "index")}
    mission = Mission(id="m", conversation_id="talk", user_id="ada", goal="What is the budget?", created_at=now())
    brief = await Briefing(Settings(data_dir=tmp_path), **parts).assemble(mission)
    assert [m.text for m in brief.history] == ["The budget is 300."]
    assert [r.passage.text for r in brief.recalled] == ["We meet on Mondays."]
