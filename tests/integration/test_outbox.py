"""The outbox: nobody is told too early that all is committed, and no crash can keep the later of two things alone."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest

from core.errors import Conflict, StoreUnavailable
from memory.database import Database
from memory.outbox import Outbox
from memory.postgres_gathering import Gatherer


class Queued:
    """A database whose commits end when the test says so."""

    go_on = Database.go_on

    def __init__(self) -> None:
        self.held_back: list[Callable[[], None]] = []
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
    await asyncio.wait_for(flushed, 30)
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


class Shared:
    """What a gatherer writes, transaction by transaction; each one ends when the test lets it go on."""

    def __init__(self) -> None:
        self.stored: list[list[str]] = []
        self.began, self.go_on = asyncio.Queue[None](), asyncio.Queue[Exception | None]()

    async def store(self, work: Callable[[Any], Any]) -> Any:
        self.began.put_nowait(None)
        words: list[str] = []
        problem = await self.go_on.get()
        if problem is not None:
            raise problem
        result = work(Line(words))
        self.stored.append(words)
        return result

    def lets(self, problem: Exception | None = None) -> None:
        self.go_on.put_nowait(problem)


class Line:
    """A connection that notes what is written on it, and forgets it if a savepoint is rolled back."""

    def __init__(self, words: list[str]) -> None:
        self.words = words

    @contextmanager
    def begin_nested(self) -> Iterator[None]:
        kept = self.words[:]
        try:
            yield
        except Exception:
            self.words[:] = kept
            raise


def over(gatherer: Gatherer) -> Database:
    """Give outboxes a database that gathers what they write."""

    class Gathered:
        held_back: ClassVar[list[Callable[[], None]]] = []
        go_on = Database.go_on
        hurry = gatherer.hurry

        def submit(self, work: Any, *, soon: bool, first: Callable[[], None]) -> asyncio.Future[Any]:
            return gatherer.submit(work, first)

    return cast(Database, Gathered())


def note(connection: Any, items: Sequence[str]) -> None:
    connection.words.extend(items)


async def test_on_postgres_too_what_is_put_later_is_not_committed_earlier() -> None:
    shared = Shared()
    database = over(Gatherer(shared.store))
    ledger, events = Outbox[str](database, note), Outbox[str](database, note)
    ledger.put("call 1")
    await asyncio.wait_for(shared.began.get(), 10)  # it is being written
    ledger.put("call 2")
    events.put("reply 2")
    events.hurry()  # somebody is looking: nothing waits for company
    shared.lets()
    shared.lets()
    await asyncio.wait_for(events.flush(), 10)
    assert shared.stored == [["call 1"], ["reply 2", "call 2"]], "they share a transaction: a crash keeps both, or none"


async def test_on_postgres_what_is_written_after_all_before_waits_for_what_an_outbox_still_keeps() -> None:
    shared = Shared()
    gatherer = Gatherer(shared.store)
    ledger = Outbox[str](over(gatherer), note)
    ledger.put("call 1")
    await asyncio.wait_for(shared.began.get(), 10)
    ledger.put("call 2")
    settled = asyncio.ensure_future(gatherer.settled())
    shared.lets()
    await asyncio.wait_for(shared.began.get(), 10)
    assert not settled.done(), "call 2 is not stored yet"
    shared.lets()
    await asyncio.wait_for(settled, 10)
    assert shared.stored == [["call 1"], ["call 2"]]


async def test_on_postgres_one_that_cannot_be_stored_does_not_tear_the_others_apart() -> None:
    shared = Shared()
    database = over(Gatherer(shared.store))
    ledger, events, overtaken = (Outbox[str](database, store) for store in (note, note, refuse))
    for outbox in (events, overtaken, ledger):
        outbox.put(str(len(shared.stored)))
    for _ in range(2):
        shared.lets()
    await asyncio.wait_for(events.flush(), 10)
    await asyncio.wait_for(ledger.flush(), 10)
    assert shared.stored == [["0", "0"]], "in one transaction, without the one that failed"
    assert isinstance(overtaken.problem, Conflict)


async def test_after_a_time_without_a_database_nothing_is_overtaken() -> None:
    shared = Shared()
    database = over(Gatherer(shared.store))
    ledger, events = Outbox[str](database, note), Outbox[str](database, note)
    ledger.put("call")
    shared.lets(StoreUnavailable("The disk is full."))
    with pytest.raises(StoreUnavailable):
        await ledger.flush()
    events.put("reply")
    shared.lets()
    await asyncio.wait_for(events.flush(), 10)
    assert shared.stored == [["call", "reply"]]


def refuse(_: object, items: Sequence[str]) -> None:
    raise Conflict(f"Another attempt has it, so not {items}.")
