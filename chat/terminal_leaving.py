"""Ctrl-C is never unheard: work is cancelled until it has ended.

A cancellation that comes at the very moment at which something waited for arrives can be lost on the way (in
`asyncio.wait_for` of Python 3.11, and in network libraries that cancel parts of their own work).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_AGAIN_SECONDS = 0.5


async def end(tasks: Collection[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended; what they raise is left to whoever asks them."""
    waiting = {task for task in tasks if not task.done()}
    while waiting:
        for task in waiting:
            task.cancel()
        _, waiting = await asyncio.wait(waiting, timeout=_AGAIN_SECONDS)


async def leavable(work: Coroutine[Any, Any, T]) -> T:
    """Do some work that needs no time to end; a cancellation reaches it for certain."""
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        await end({task})
        if task.cancelled():
            raise
    return task.result()
