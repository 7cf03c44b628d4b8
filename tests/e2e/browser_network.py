"""A cable between a browser and the server that can be pulled out, or go dead without a word, and be put back."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self

Drop = Literal["cut", "silent"]


class Cable:
    """Forwards TCP connections on loopback to `port`; `drop` and `mend` are called by the test.

    `cut`: connections end at once and new ones are refused; `silent`: everything sent waits on the way, as on a train in a tunnel.
    """

    def __init__(self, port: int) -> None:
        self._to = port
        self._writers: set[asyncio.StreamWriter] = set()
        self._started = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(30), "the cable was not laid"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(30)

    def drop(self, how: Drop) -> None:
        asyncio.run_coroutine_threadsafe(self._drop(how), self._loop).result(30)

    def mend(self) -> None:
        self._loop.call_soon_threadsafe(self._flows.set)

    async def _drop(self, how: Drop) -> None:
        self._flows.clear()
        self._refuses = how == "cut"
        for writer in list(self._writers) if how == "cut" else ():
            writer.transport.abort()

    async def _serve(self) -> None:
        self._loop, self._stop, self._flows = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
        self._flows.set()
        self._refuses = False
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        await self._stop.wait()
        server.close()
        for writer in list(self._writers):
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._refuses and not self._flows.is_set():
            writer.transport.abort()
            return
        with suppress(OSError):
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
            self._writers |= {writer, back}
            try:
                await asyncio.gather(self._pass(reader, back), self._pass(there, writer))
            finally:
                self._writers -= {writer, back}
                writer.close()
                back.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65_536):
                await self._flows.wait()
                writer.write(data)
                await writer.drain()
        writer.close()
