"""Small Python without a sandbox of the system: an interpreter that has no files, no network and no environment to give."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from pydantic import Field
from pydantic_monty import CollectStreams, Monty, MontyError, OSPolicy, ResourceLimits

from core.errors import ToolFailure
from core.ports import ToolContext

SECONDS = 5.0
MEMORY = 100_000_000  # bytes
_LONGEST = 10_000  # characters shown of a result
_LIMITS: ResourceLimits = {"max_feed_duration_secs": SECONDS, "max_memory": MEMORY, "max_recursion_depth": 200}
_POLICY: OSPolicy = {"sleep": "zero", "timezone": "utc"}


async def evaluate_python(
    context: ToolContext,
    code: Annotated[
        str, Field(description="Lines of Python; the last expression is the result.", min_length=1, max_length=20_000)
    ],
) -> str:
    """Work something out with a little Python: text, lists, dicts, dates, json, re, math. No files, no other libraries, five
    seconds. Use it for exact counting, sorting and reshaping of what you have read."""
    return await asyncio.to_thread(_evaluate, code)


def _evaluate(code: str) -> str:
    printed = CollectStreams()
    try:
        # A worker process for each call: nothing stays behind, and one that crashes takes nobody along.
        with (
            Monty(request_timeout=2 * SECONDS) as workers,
            workers.checkout(limits=_LIMITS, os_policy=_POLICY) as session,
        ):
            result: Any = session.feed_run(code, print_callback=printed)
    except MontyError as error:
        said = "".join(text for _, text in printed.output)[-1000:]
        raise ToolFailure(f"{said}\n{error}".strip()[:2000]) from None
    lines = "".join(text for _, text in printed.output)
    shown = "" if result is None else repr(result)
    return (lines + shown).strip()[:_LONGEST] or "It ran, and neither printed nor returned anything."
