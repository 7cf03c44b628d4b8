"""Ctrl-C is never unheard, even where a cancellation is lost on its way."""

from __future__ import annotations

import asyncio

import pytest

from chat.terminal_leaving import end, leavable


async def deaf(times: int, heard: list[int]) -> str:
    """Lose the first cancellations, as libraries do when what they wait for arrives at the same moment."""
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            heard.append(1)
            if len(heard) > times:
                raise


async def test_tasks_are_cancelled_until_they_have_ended() -> None:
    heard: list[int] = []
    task, done = asyncio.create_task(deaf(2, heard)), asyncio.create_task(asyncio.sleep(0, "done"))
    await asyncio.sleep(0)
    await end([task, done])
    assert task.cancelled()
    assert len(heard) == 3


async def test_work_that_loses_a_cancellation_is_left_all_the_same() -> None:
    heard: list[int] = []
    leaving = asyncio.create_task(leavable(deaf(1, heard)))
    await asyncio.sleep(0.01)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert len(heard) == 2


async def test_what_work_returns_or_raises_is_what_comes_of_it() -> None:
    async def fails() -> int:
        raise ValueError("words")

    assert await leavable(asyncio.sleep(0, 7)) == 7
    with pytest.raises(ValueError, match="words"):
        await leavable(fails())
