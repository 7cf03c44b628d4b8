"""Trying it without a key: the sample questions bring their files along, through the same reception as any upload."""

from __future__ import annotations

from pathlib import Path

import pytest
from served_fixtures import serve

from chat.incoming import GivenFile, Incoming
from chat.lobby import SAMPLE_STARTERS, SAMPLES, STARTERS, starters, with_samples
from core.settings import Settings


@pytest.mark.parametrize("number", range(len(SAMPLE_STARTERS)))
async def test_a_sample_question_brings_its_files_and_is_answered(tmp_path: Path, number: int) -> None:
    _, goal, files = SAMPLE_STARTERS[number]
    async with (
        serve(tmp_path, model="", compatible_base_url="") as house,
        house.visitor("ada") as ada,
        house.tab(ada) as tab,
    ):
        await tab.say(goal)
        await tab.finished()
        assert "Not done" not in tab.answer["output"], tab.answer["output"]
        assert "Rehearsal" in tab.answer["output"]
        assert sorted(e["name"] for e in tab.elements.values() if e["name"] in dict(files)) == sorted(dict(files))
        async with house.tab(ada, tab.conversation_id) as again:
            await again.until(lambda t: {e["name"] for e in t.elements.values()} >= set(dict(files)))
            for element in (e for e in again.elements.values() if e["name"] in dict(files)):
                content = (await ada.get(element["url"])).content
                assert content == (SAMPLES / element["name"]).read_bytes()


def test_files_of_ones_own_take_the_place_of_the_samples():
    _, goal, _ = SAMPLE_STARTERS[0]
    own = [GivenFile("sales.csv", "text/csv", Path("mine"))]
    given = Incoming("1", "c", "ada", goal, own)
    assert with_samples(given) is given
    assert with_samples(Incoming("1", "c", "ada", "Something else")).files == ()


def test_samples_are_offered_until_a_model_is_connected():
    assert [label for label, _ in starters(Settings())] == [label for label, *_ in SAMPLE_STARTERS]
    assert starters(Settings(model="import:x:y")) == list(STARTERS)
    asked = [label for label, _ in starters(Settings(model="import:x:y"), "admin")]
    assert "How is the house doing?" in asked
    assert "How is the house doing?" not in [label for label, _ in STARTERS]
    assert starters(Settings(model="import:x:y"), "viewer") == starters(Settings(), "viewer") == []
