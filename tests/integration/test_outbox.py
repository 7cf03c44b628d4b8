"""The outbox: nobody is told too early that all is committed, and no crash can keep the later of two things alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from core.errors import StoreUnavailable
from memory.database import Database
from memory.outbox import Outbox


class Queued:
    """A database whose commits end when the test says so."""

    def __init__(self) -> None:
        self.writes: list[tuple[Callable[[Any], int], Callable[[], None], asyncio.Future[int]]] = []

    def submit(self, work: Any, *, soon: bool, first: Callable[[], None]) -> asyncio.Future[int]:
        done = asyncio.get_running_loop().create_future()
        self.writes.append((work, first, done))
        return done

    def hurry(self) -> None: ...

    def commit(self) -> None:
        work, first, done = self.writes.pop(0)
        first()
        done.set_result(work(None))


async def test_a_flush_in_the_moment_of_a_commit_waits_for_what_came_after_it() -> None:
    database, stored = Queued(), list[str]()

    def store(_: object, items: Sequence[str]) -> None:
        stored.extend(items)

    outbox: Outbox[str] = Outbox(cast(Database, database), store)
    outbox.put("a")
    work, first, done = database.writes.pop(0)
    first()
    outbox.put("b")
    flushed = asyncio.ensure_future(outbox.flush())  # runs before anybody has heard of the commit
    done.set_result(work(None))
    for _ in range(5):
        await asyncio.sleep(0)
    assert not flushed.done(), "b is not committed yet"
    database.commit()
    await asyncio.wait_for(flushed, 5)
    assert stored == ["a", "b"]


async def test_what_is_put_later_is_not_committed_earlier(tmp_path: Path) -> None:
    database = await Database.open(tmp_path / "staffwork.db")
    at_work, go_on = asyncio.Event(), threading.Event()
    loop, groups = asyncio.get_running_loop(), list[tuple[str, list[str]]]()

    def first(_: object, items: Sequence[str]) -> None:
        groups.append(("first", list(items)))
        loop.call_soon_threadsafe(at_work.set)
        go_on.wait(10)

    def second(_: object, items: Sequence[str]) -> None:
        groups.append(("second", list(items)))

    one: Outbox[str] = Outbox(database, first)
    two: Outbox[str] = Outbox(database, second)
    one.put("1")
    two.put("2")
    await asyncio.wait_for(at_work.wait(), 10)  # one is being written, two is next in the same commit
    one.put("1, later")
    two.put("2, after that")
    go_on.set()
    await two.flush()
    await one.flush()
    assert groups[:2] == [("first", ["1"]), ("second", ["2"])]
    assert groups.index(("first", ["1, later"])) < groups.index(("second", ["2, after that"]))
    await database.close()


async def test_what_could_not_be_stored_is_tried_again_without_being_asked() -> None:
    database, stored = Queued(), list[str]()

    def store(_: object, items: Sequence[str]) -> None:
        stored.extend(items)

    outbox: Outbox[str] = Outbox(cast(Database, database), store)
    outbox.put("a")
    _, _, done = database.writes.pop(0)
    done.set_exception(StoreUnavailable("The disk is full."))
    async with asyncio.timeout(30):
        while not database.writes:
            await asyncio.sleep(0.01)
    database.commit()
    await outbox.flush()
    assert stored == ["a"]
