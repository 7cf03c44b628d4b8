"""The processes of the soak: started, asked, frozen and killed by the one that counts."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Worker:
    """One soak_worker.py; what it acknowledged is known here, what it did not answer is not."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._answers: dict[str, asyncio.Future[str | None]] = {}
        self.id = ""
        self._ready = asyncio.get_running_loop().create_future()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, **given: Any) -> Worker:
        """Start a process and return once it works."""
        command = [sys.executable, str(HERE / "soak_worker.py"), json.dumps(given)]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, cwd=HERE.parent.parent, stdin=pipe, stdout=pipe)
        worker = cls(process)
        worker.id = await asyncio.wait_for(worker._ready, 60)
        assert worker.id, "the worker ended before it was ready"
        return worker

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := (await self._process.stdout.readline()).decode():
            if not line.endswith("\n"):
                break  # killed in the middle of a word: not said
            what, name, *why = line.split(maxsplit=2)
            if what == "ready":
                self._ready.set_result(name)
            elif waiting := self._answers.pop(name, None):
                waiting.set_result(what if not why else f"{what} {why[0].strip()}")
        for waiting in [self._ready, *self._answers.values()]:
            if not waiting.done():
                waiting.set_result(None)
        self._answers.clear()

    async def ask(self, line: str, name: str) -> str | None:
        """Say a line and return what is answered of `name`; None if the process died before it answered."""
        if self._reading.done():
            return None
        assert self._process.stdin is not None
        answer = self._answers[name] = asyncio.get_running_loop().create_future()
        try:
            self._process.stdin.write(f"{line}\n".encode())
            await self._process.stdin.drain()
        except ConnectionError:
            pass  # it is dead: the reader says so
        return await answer

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def kill(self) -> None:
        """Kill it at once, and return when it is dead."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()
        await self._reading

    async def stop(self) -> int:
        """Let it stop in order; returns its exit code."""
        assert self._process.stdin is not None
        if self._process.returncode is None:
            self._process.stdin.close()
        code = await asyncio.wait_for(self._process.wait(), 40)
        await self._reading
        return code
