"""Making everything in a room stand still, and go on again: from outside, process by process, whatever they do meanwhile."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.sandbox.census import count

_ROUNDS, _PAUSE = 400, 0.005  # looks at all processes, and seconds between two of them
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)
_STANDS = b"TtZXx"


def freeze(first: int) -> bool:
    """Stop every process below a room's first one; False if some did not stand still in the end. Blocking, up to 2 s."""
    for _ in range(_ROUNDS):
        standing = [
            _state(process) in _STANDS for process in _below(first)
        ]  # those that are new run, and are seen again
        if all(standing):
            return True
        _signal_all(first, signal.SIGSTOP)
        time.sleep(_PAUSE)
    return False


def thaw(first: int) -> None:
    """Let every process below a room's first one go on."""
    _signal_all(first, signal.SIGCONT)


def _below(first: int) -> list[int]:
    # The first one only buries the others; it is bubblewrap's own, and nothing in the room can change what it does.
    return [process for process in count(first).processes if process != first]


def _signal_all(first: int, number: signal.Signals) -> None:
    ours = _room_of(os.getpid())
    room = _room_of(first)
    if room is None or room == ours:
        return
    for process in _below(first):
        with _held(process) as handle:
            # Between the count and the handle another process may have come to this number.
            if handle is not None and _room_of(process) == room:
                with suppress(ProcessLookupError):
                    signal.pidfd_send_signal(handle, number)


@contextmanager
def _held(process: int) -> Iterator[int | None]:
    try:
        handle = os.pidfd_open(process)
    except (ProcessLookupError, ValueError):
        yield None
        return
    try:
        yield handle
    finally:
        os.close(handle)


def _room_of(process: int) -> int | None:
    """Name the room (process namespace) of a process."""
    with suppress(*_GONE):
        return os.stat(f"/proc/{process}/ns/pid").st_ino
    return None


def _state(process: int) -> bytes:
    with suppress(*_GONE):
        return Path(f"/proc/{process}/stat").read_bytes().rpartition(b") ")[2][:1]
    return b"X"
