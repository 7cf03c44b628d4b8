"""A program that lives on in the runner: one connection for all of its calls, and it ends with the connection."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from core.errors import BadInput, ToolFailure
from tools.sandbox.framing import Answered, Line, receive, send
from tools.sandbox.terms import Result

Answer = tuple[Answered, bytes, bytes]
GIVEN_UP = 15.0
"""Seconds after which nobody waits any longer for a runner to say that it has ended something."""
_GONE = "The runner went away, and the session with it. What it did to the files of this conversation stays."


class RemoteSession:
    """A program in a room of the runner (see sessions.Session)."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.why = ""
        self._giving_up: asyncio.TimerHandle | None = None
        self._answers = asyncio.Queue[Answer | None]()
        self._one_at_a_time = asyncio.Lock()
        self._life = asyncio.create_task(self._live())

    @property
    def ended(self) -> bool:
        return self._life.done()

    def end(self) -> None:
        with suppress(OSError):
            self._writer.write_eof()
        if self._giving_up is None and not self.ended:
            self._giving_up = asyncio.get_running_loop().call_later(GIVEN_UP, self._writer.transport.abort)

    async def gone(self) -> None:
        await asyncio.wait([self._life])

    async def ask(self, line: str, seconds: float) -> Result:
        async with self._one_at_a_time:
            try:
                with suppress(ConnectionError):
                    await send(self._writer, Line(line=line, seconds=seconds))
                answer = await self._answers.get()
                if answer is None or answer[0].over:
                    await self.gone()
            except asyncio.CancelledError:
                self.end()
                await asyncio.shield(self.gone())
                raise
        if answer is None:
            raise ToolFailure(_GONE)
        return result_of(*answer)

    async def _live(self) -> None:
        """Read what comes until the connection ends; the runner says why, if it knows."""
        try:
            while True:
                answer: Answered = await receive(self._reader, Answered)
                if answer.kind == "absent":
                    self.why = answer.words
                    continue
                out = await self._reader.readexactly(answer.out)
                await self._answers.put((answer, out, await self._reader.readexactly(answer.err)))
        except (asyncio.IncompleteReadError, ConnectionError, BadInput):
            return
        finally:
            if self._giving_up is not None:
                self._giving_up.cancel()
            self._writer.close()
            self._answers.put_nowait(None)


def result_of(answer: Answered, out: bytes, err: bytes) -> Result:
    """Make of an answer what a sandbox of one's own would return or raise."""
    match answer.kind:
        case "result":
            texts = out.decode(errors="replace"), err.decode(errors="replace")
            return Result(answer.status, answer.code, *texts, answer.seconds, answer.memory, answer.words)
        case "bad_input":
            raise BadInput(answer.words)
        case "absent":
            raise ToolFailure(f"Code cannot be run just now: {answer.words}")
    raise ToolFailure(answer.words or "The runner could not do it. Try again.")
