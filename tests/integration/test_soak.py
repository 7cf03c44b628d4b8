"""A small part of `make soak`, with fixed seeds: processes are killed at random moments, and everybody keeps count."""

from __future__ import annotations

from pathlib import Path

from soak_drive import Terms, soak


async def test_missions_survive_two_kills_each(tmp_path: Path) -> None:
    count = await soak(Terms(missions=20, wave=20, span=1.2, seed=3), tmp_path / "staffwork.db", tmp_path)
    assert count.wrong == []
    assert count.acknowledged == 20
    assert count.kills == 2
    assert count.hits.total() >= 4, "the kills must have hit missions at work"
    assert count.slowest <= 10
