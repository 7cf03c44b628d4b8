"""Running one of our own programs in a process of its own, which may crash, swell or hang without harm to anyone."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import ToolFailure

_MOST_OUTPUT = 8_000_000  # bytes
# Nothing of our own environment: keys have no business in there. Fewer malloc arenas need less address space.
_ENVIRONMENT = {"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "2", "RUST_BACKTRACE": "0", "TZ": "UTC"}


async def run_confined(module: str, request: Mapping[str, Any], descriptors: Sequence[int], died: str) -> Any:
    """Send a program one JSON request, with open files under their own numbers, and return the "result" of its reply.

    Raises ToolFailure with the program's own words for a "problem", and with `died` if it ended without a reply.
    Cancelling kills the process.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-B", "-X", "utf8", "-m", module),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env=_ENVIRONMENT,
        cwd="/",
        pass_fds=tuple(descriptors),
        start_new_session=True,
    )
    try:
        output = await _converse(process, json.dumps(request).encode())
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return result_of(output, died)


async def _converse(process: asyncio.subprocess.Process, request: bytes) -> bytes:
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(request)
        await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        return b""  # it died before it read the request; the empty reply says so
    output = bytearray()
    while chunk := await process.stdout.read(65_536):
        output += chunk
        if len(output) > _MOST_OUTPUT:
            process.kill()
            return b""
    return bytes(output)


def result_of(output: bytes, died: str) -> Any:
    """Take the "result" out of a reply, which a file may have made its reader say; raises ToolFailure (see run_confined)."""
    try:
        reply = json.loads(output)
        if "problem" not in reply:
            return reply["result"]
        problem = str(reply["problem"])
    except (ValueError, KeyError, TypeError, RecursionError):
        raise ToolFailure(died) from None
    raise ToolFailure(problem)
