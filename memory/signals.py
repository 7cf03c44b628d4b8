"""Wakes whoever waits for a change: in this process at once, in the others on the same database by way of it."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection

from memory.statements import on_postgres

log = logging.getLogger(__name__)
CHANNEL = "staffwork"
WORK = "work"
"""The topic of those who work on missions: one was accepted, or ordered something."""

_TOPICS = "topics to wake after the commit"
_TELL = "SELECT pg_notify(%s, %s)"
Listen = Callable[["Signals"], Coroutine[Any, Any, None]]


class Signals:
    """Hints that something changed, by topic: a mission's id, "orders", "queue". A hint is never the change itself.

    One may come twice, or without a change; after every change at least one comes, also when the connection to the
    database was lost meanwhile. So: register first (`watching`, `calling`), then read the database, then wait, and
    read again when woken.
    """

    def __init__(self, listen: Listen) -> None:
        self._listen = listen  # hears of other processes; begins with the first who waits
        self._listening: asyncio.Task[None] | None = None
        self._callbacks: dict[str, Counter[Callable[[], None]]] = {}
        self._name = uuid4().hex  # this process need not listen to itself

    @property
    def wanted(self) -> bool:
        """Say whether anybody waits for anything."""
        return bool(self._callbacks)

    def notify(self, connection: Connection, topic: str) -> None:
        """Within work that is written: wake everyone who waits for `topic`, in every process, once it is committed."""
        connection.info.setdefault(_TOPICS, set()).add(topic)
        self.tell_others(connection, topic)

    def tell_others(self, connection: Connection, topic: str) -> None:
        """The same for the other processes only. (On SQLite they notice every commit by themselves.)"""
        if on_postgres(connection):
            connection.exec_driver_sql(_TELL, (CHANNEL, f"{self._name} {topic}"))

    async def wait(self, topic: str, seconds: float) -> bool:
        """Wait for a change after this call, at most so long; says whether one came. See `watching` for a loop."""
        with self.watching(topic) as changed:
            try:
                async with asyncio.timeout(seconds):  # (wait_for would lose a cancellation that comes with the change)
                    await changed.wait()
            except TimeoutError:
                return False
            return True

    @contextmanager
    def watching(self, topic: str) -> Iterator[asyncio.Event]:
        """Lend an event that every change from now on sets; clear it, then read, then wait for it."""
        changed = asyncio.Event()
        with self.calling(topic, changed.set):
            yield changed

    @contextmanager
    def calling(self, topic: str, callback: Callable[[], None]) -> Iterator[None]:
        """Have `callback` called on the event loop with every change; it must be quick and not raise."""
        self._callbacks.setdefault(topic, Counter())[callback] += 1
        self.start()
        try:
            yield
        finally:
            waiting = self._callbacks[topic]
            waiting[callback] -= 1
            if not waiting[callback]:
                del waiting[callback]
            if not waiting:
                del self._callbacks[topic]

    def wake(self, topic: str) -> None:
        """Wake those who wait for `topic` in this process, now."""
        for callback in list(self._callbacks.get(topic, ())):
            callback()

    def wake_everyone(self) -> None:
        """Wake all who wait in this process: something may have been missed."""
        for topic in list(self._callbacks):
            self.wake(topic)

    def heard(self, message: str) -> None:
        """Take what another process told (see `tell_others`)."""
        sender, _, topic = message.partition(" ")
        if sender != self._name:
            self.wake(topic)

    def start(self) -> None:
        """Begin to listen to other processes; the first who waits does it."""
        if self._listening is None or self._listening.done():
            self._listening = asyncio.create_task(self._listen(self), name="signals")
            self._listening.add_done_callback(_ended)

    async def stop(self) -> None:
        """Stop listening to other processes."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait([self._listening])


def take_topics(connection: Connection) -> set[str]:
    """Take what `Signals.notify` noted on a connection: for the database, which wakes after the commit."""
    topics: set[str] = connection.info.pop(_TOPICS, set())
    return topics


def _ended(listening: asyncio.Task[None]) -> None:
    if not listening.cancelled() and (error := listening.exception()) is not None:
        log.error("nothing is heard of other processes any more", exc_info=error)
