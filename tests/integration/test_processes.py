"""Several processes on one database, each with a Database of its own: fenced, heard of, and in nobody's way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select, update
from store_fixtures import mission, open_at, store

from core.budget import Usage
from core.errors import Conflict
from core.events import Event, MissionEnded, TextStreamed
from core.missions import Status, now
from memory import tables
from memory.database import Database
from memory.journal import Journal
from memory.missions import Missions

Opener = Callable[[], Any]


@pytest.fixture
async def another(place: Path | str) -> AsyncIterator[Opener]:
    """Opens the same database once more, as another process would."""
    async with AsyncExitStack() as stack, store(place):

        async def opened() -> Database:
            database = await open_at(place)
            stack.push_async_callback(database.close)
            return database

        yield opened


def text(offset: int, mission_id: str = "m") -> TextStreamed:
    return TextStreamed(mission_id=mission_id, step="report", offset=offset, text=f"word {offset}")


def ended(mission_id: str = "m") -> MissionEnded:
    return MissionEnded(mission_id=mission_id, status=Status.COMPLETED, answer="Done.", usage=Usage())


async def collect(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


async def test_a_follower_in_another_process_sees_every_event_once_and_in_order(another: Opener) -> None:
    worker, web = await another(), await another()
    missions = Missions(worker)
    names = [f"m{n}" for n in range(4)]
    for name in names:
        await missions.accept(mission(name, f"c{name}"), f"message-{name}", name)
    journal = Journal(web)
    followers = [asyncio.create_task(collect(journal.follow(name, after=n))) for name in names for n in (0, 1)]

    async def work(name: str) -> None:
        writer = await Journal(worker).writer(name, await missions.start_attempt(name))
        for n in range(300):
            writer.add(text(n, name))
            if n % 10 == 0:
                await asyncio.sleep(0.002)
        writer.add(ended(name))
        await writer.close()

    await asyncio.gather(*(work(name) for name in names))
    seen = await asyncio.wait_for(asyncio.gather(*followers), 10)
    for number, events in enumerate(seen):
        stored = await journal.read(names[number // 2], after=number % 2)
        assert len(stored) == 302 - number % 2
        assert events == stored


async def test_a_mission_that_moves_between_processes_is_followed_in_both(another: Opener) -> None:
    places = [await another(), await another()]
    await Missions(places[0]).accept(mission("m"), "message", "g")
    journals = [Journal(database) for database in places]
    followers = [asyncio.create_task(collect(journal.follow("m"))) for journal in journals]
    for attempt in range(6):  # its worker changes, and changes back
        database, journal = places[attempt % 2], journals[attempt % 2]
        writer = await journal.writer("m", await Missions(database).start_attempt("m"))
        for n in range(20):
            writer.add(text(n))
            await asyncio.sleep(0)
        if attempt == 5:
            writer.add(ended())
        await writer.close()
    seen = await asyncio.wait_for(asyncio.gather(*followers), 10)
    assert [[e.seq for e in events] for events in seen] == [list(range(1, 123))] * 2


async def test_of_writers_in_several_processes_only_the_newest_attempt_writes(another: Opener) -> None:
    databases = [await another() for _ in range(3)]
    await Missions(databases[0]).accept(mission("m"), "message", "g")
    refused = 0

    async def attempt(database: Database) -> None:
        nonlocal refused
        for _ in range(10):
            writer = await Journal(database).writer("m", await Missions(database).start_attempt("m"))
            try:
                for n in range(5):
                    writer.add(text(n))
                    await writer.flush()
            except Conflict:
                refused += 1

    outcomes = await asyncio.gather(*(attempt(database) for database in databases), return_exceptions=True)
    assert all(o is None or isinstance(o, Conflict) for o in outcomes), outcomes
    events = await Journal(databases[0]).read("m")
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    attempts = [e.attempt for e in events]
    assert attempts == sorted(attempts), "an overtaken attempt wrote after a newer one"
    assert refused + sum(o is not None for o in outcomes) > 0, "nobody was ever overtaken: the test proves nothing"


async def test_work_that_reads_and_then_writes_loses_no_update(another: Opener) -> None:
    databases = [await another() for _ in range(3)]
    row = {"id": "c", "user_id": "ada", "title": "0", "created_at": now(), "updated_at": now()}
    await databases[0].write((insert(tables.conversations), row))
    which = tables.conversations.c.id == "c"

    def count(connection: Connection) -> None:
        title = connection.execute(select(tables.conversations.c.title).where(which)).scalar_one()
        connection.execute(update(tables.conversations).where(which).values(title=str(int(title) + 1)))

    await asyncio.gather(*(database.apply(count) for database in databases for _ in range(15)))
    async with databases[0].reading() as connection:
        assert (await connection.execute(select(tables.conversations.c.title))).scalar_one() == "45"


async def test_the_same_mission_given_to_two_processes_at_once_is_accepted_once(another: Opener) -> None:
    databases = [await another() for _ in range(3)]
    for n in range(5):
        given = mission(f"m{n}", f"c{n}")
        accepted = await asyncio.gather(*(Missions(d).accept(given, f"message-{n}", "g") for d in databases))
        assert sorted(accepted) == [False, False, True]


async def test_a_signal_is_heard_in_every_process_after_the_commit_only(another: Opener) -> None:
    here, there = await another(), await another()
    with here.signals.watching("queue") as mine, there.signals.watching("queue") as yours:
        await asyncio.sleep(0.3)  # the first who waits is woken once, when the connection for listening stands
        mine.clear()
        yours.clear()
        seen: list[bool] = []

        def work(connection: Connection) -> None:
            connection.execute(update(tables.users).values(role="owner"))
            here.signals.notify(connection, "queue")
            seen.append(mine.is_set())

        await here.apply(work)
        await asyncio.wait_for(asyncio.gather(mine.wait(), yours.wait()), 30)
        assert not any(seen)
        mine.clear()

        def fails(connection: Connection) -> None:
            here.signals.notify(connection, "queue")
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await here.apply(fails)
        assert not mine.is_set()
    assert not await here.signals.wait("queue", 0.01)
    waiting = asyncio.create_task(here.signals.wait("orders", 5))
    await asyncio.sleep(0)
    here.signals.wake("orders")
    assert await waiting


async def test_nobody_listens_once_nobody_waits(tmp_path: Path) -> None:
    async with store(tmp_path / "staffwork.db") as database:
        with database.signals.watching("queue"):
            assert database.signals.wanted
            listening: Any = database.signals._listening
            assert not listening.done()
        assert not database.signals.wanted
        await asyncio.wait_for(listening, 30)
