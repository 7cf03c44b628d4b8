"""A small part of `make soak`, with fixed seeds: processes are killed at random moments, and everybody keeps count."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from soak_drive import soak
from soak_terms import THIRTY_TASKS, Terms


async def test_missions_survive_two_kills_each(tmp_path: Path) -> None:
    count = await soak(Terms(missions=20, wave=20, span=1.2, seed=3), tmp_path / "staffwork.db", tmp_path)
    assert count.wrong == []
    assert count.acknowledged == 20
    assert count.kills == 2
    assert count.hits.total() >= 4, "the kills must have hit missions at work"
    assert count.slowest <= 10


async def test_thirty_tasks_keep_their_results_and_repeat_only_what_was_under_way(tmp_path: Path) -> None:
    terms = replace(THIRTY_TASKS, missions=1, names=["dag-0000"], seed=1, span=2.5)
    count = await soak(terms, tmp_path / "staffwork.db", tmp_path)
    assert count.wrong == [], "results belong to their tasks, made of the results they needed"
    assert count.hits.total() >= 1
    assert count.repeated <= count.may_repeat
