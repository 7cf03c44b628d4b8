"""A server in a process of its own, the real command beside it, and a person at a terminal who reads and types."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import IO, Any

from served_fixtures import play
from test_terminal import Terminal
from wire_servers import Script, WireServer

PATIENCE = 30.0


@contextmanager
def played_desk(folder: Path, script: Script = play, **settings: Any) -> Iterator[Terminal]:
    """A terminal over a data folder, with a model played on loopback."""
    with WireServer(script) as model:
        yield Terminal(folder, model="compatible:m", compatible_base_url=model.base_url, port=0, **settings)


@contextmanager
def served(desk: Terminal) -> Iterator[subprocess.Popen[str]]:
    """The server over a desk's data folder, for as long as this lasts (a test may end it before)."""
    process = desk.start("serve")
    assert process.stdout is not None
    assert "Staffwork is ready" in process.stdout.readline(), process.stderr and process.stderr.read()
    drains = [Thread(target=pipe.read, daemon=True) for pipe in (process.stdout, process.stderr) if pipe]
    for drain in drains:
        drain.start()
    try:
        yield process
    finally:
        process.terminate()
        process.wait(40)


def until(holds: Callable[[], Any], words: Callable[[], str] = lambda: "it does not happen") -> Any:
    """Return what `holds` returns once that is true."""
    end = time.monotonic() + PATIENCE
    while not (found := holds()):
        assert time.monotonic() < end, words()
        time.sleep(0.02)
    return found


class Seat:
    """A person at a terminal: runs one command with a keyboard."""

    def __init__(self, desk: Terminal, *words: str) -> None:
        self._keys, keyboard = pty.openpty()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "chat.terminal", *words],
            cwd=Path(__file__).parents[2],
            env=desk.environment,
            stdin=keyboard,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        os.close(keyboard)
        self.said, self._read, self._out = "", 0, b""
        self._threads = [Thread(target=self._listen, args=(self._process.stderr,), daemon=True)]
        self._threads.append(Thread(target=self._collect, daemon=True))
        for thread in self._threads:
            thread.start()

    def _listen(self, pipe: IO[bytes]) -> None:
        while more := os.read(pipe.fileno(), 4096):
            self.said += more.decode()

    def _collect(self) -> None:
        assert self._process.stdout is not None
        self._out = self._process.stdout.read()

    def reads(self, words: str) -> str:
        """Wait until something new is said; returns what was said up to there."""
        at = until(lambda: self.said.find(words, self._read) + 1, lambda: f"{words!r} is not said: {self.said}")
        heard = self.said[self._read : at - 1 + len(words)]
        self._read = at - 1 + len(words)
        return heard

    def types(self, line: str) -> None:
        """Type a line and the return key ("\\x04" is Ctrl-D)."""
        os.write(self._keys, line.encode() if line == "\x04" else f"{line}\n".encode())

    def presses(self, number: int) -> None:
        """Send a signal, as Ctrl-C does."""
        self._process.send_signal(number)

    def leaves(self) -> tuple[int, str]:
        """Wait for the end; returns the exit code and standard output."""
        code = self._process.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        os.close(self._keys)
        return code, self._out.decode()
