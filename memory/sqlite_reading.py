"""Reading from the file on a few threads of their own: a query and its answer are one way there and back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine

from core.errors import StoreUnavailable

T = TypeVar("T")


class Readers:
    """Threads that have a connection each. Every statement sees everything that was committed before it.

    A connection that is asked through asyncio goes to its thread and back for each of a query's parts (cursor, statement,
    rows, closing), which costs more than SQLite's answer.
    """

    def __init__(self, engine: Engine, threads: int) -> None:
        self._engine = engine
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="reader")
        self._own = threading.local()
        self._lent: list[Connection] = []
        self._closing = False

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Run work that only reads on one of the threads; it must read its results to their end, and not keep them open."""
        if self._closing:
            raise StoreUnavailable("The database is closed.")
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._run, work)

    async def close(self) -> None:
        """Wait for what is under way and let go of the file."""
        self._closing = True
        await asyncio.to_thread(self._close)

    def _run(self, work: Callable[[Connection], T]) -> T:
        connection: Connection | None = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = self._engine.connect()
            self._lent.append(connection)
        return work(connection)

    def _close(self) -> None:
        self._threads.shutdown()
        for connection in self._lent:
            connection.close()
        self._engine.dispose()
