"""The database: one writer that groups commits, readers beside it, and what happens when the file is not to be had."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from store_fixtures import store

from core.errors import BadInput, StoreUnavailable
from core.missions import now
from memory import tables
from memory.database import Database
from memory.sqlite_database import LOG_BYTES
from memory.writer import PAUSE_SECONDS


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with store(tmp_path / "staffwork.db") as database:
        yield database


def conversation(name: str, user_id: str = "ada") -> dict[str, Any]:
    return {"id": name, "user_id": user_id, "title": name, "created_at": now(), "updated_at": now()}


async def names(database: Database) -> list[str]:
    async with database.reading() as connection:
        return list((await connection.execute(select(tables.conversations.c.id).order_by("id"))).scalars())


def setting(connection: Connection, name: str) -> Any:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


async def test_a_damaged_file_is_said_until_it_is_whole_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def spoilt(found: list[str]) -> str:  # what SQLite would find; the file is not ours to break while it is open
        return found.pop(0)

    findings = ["The database is damaged.", ""]
    monkeypatch.setattr(database, "_examine", lambda: spoilt(findings))
    monkeypatch.setattr(database, "_checked_at", float("-inf"))
    assert [await database.check() for _ in range(3)] == ["The database is damaged."] * 3
    monkeypatch.setattr(database, "_checked_at", float("-inf"))
    assert await database.check() == ""


async def test_every_connection_is_set_up(database: Database) -> None:
    wanted = {"foreign_keys": 1, "temp_store": 2, "busy_timeout": 15000, "synchronous": 1, "journal_mode": "wal"}
    assert await database.apply(lambda c: {name: setting(c, name) for name in wanted}) == wanted
    async with database.reading() as one, database.reading() as two:
        for connection in (one, two):
            assert await connection.run_sync(lambda c: {name: setting(c, name) for name in wanted}) == wanted


async def test_a_durable_commit_is_synced_and_the_next_one_is_not(database: Database) -> None:
    def level(connection: Connection) -> Any:
        return setting(connection, "synchronous")

    async def asynchronously(connection: AsyncConnection) -> Any:
        return await connection.run_sync(level)

    assert await database.apply(level, durable=True) == 2
    assert await database.apply(level) == 1
    assert await database.transact(asynchronously, durable=True) == 2
    assert await database.transact(asynchronously) == 1


async def test_a_write_is_one_transaction(database: Database) -> None:
    add = insert(tables.conversations)
    with pytest.raises(IntegrityError):
        await database.write((add, conversation("a")), (add, conversation("b", user_id="nobody")))
    assert await names(database) == []
    await database.write(
        (add, [conversation("a"), conversation("b")]), (add, []), (add.values(**conversation("c")), None)
    )
    assert await names(database) == ["a", "b", "c"]


async def test_the_log_grows_to_its_size_before_it_is_carried_over(database: Database) -> None:
    pages, size = await database.apply(lambda c: (setting(c, "wal_autocheckpoint"), setting(c, "page_size")))
    assert pages * size == LOG_BYTES


async def test_the_first_write_that_may_wait_is_committed_at_once_and_the_next_ones_gather(database: Database) -> None:
    def add(name: str) -> asyncio.Future[Any]:
        return database.submit(
            lambda c: c.execute(insert(tables.conversations), conversation(name)).rowcount, soon=True
        )

    at_once, gathered = [], []
    for n in range(3):  # the best of three: other programs are at work here too
        await database.write((insert(tables.conversations), conversation(f"urgent {n}")))
        began = time.monotonic()
        await add(f"first {n}")
        at_once.append(time.monotonic() - began)
        await asyncio.gather(add(f"second {n}"), add(f"third {n}"))
        gathered.append(time.monotonic() - began)
        await asyncio.sleep(PAUSE_SECONDS)
    assert min(at_once) < PAUSE_SECONDS / 2
    assert min(gathered) >= PAUSE_SECONDS
    waiting = add("last")
    await database.write((insert(tables.conversations), conversation("also urgent")))
    assert waiting.done()  # an urgent one takes along what waits


async def test_concurrent_writes_share_commits_and_a_bad_one_fails_alone(database: Database) -> None:
    commits = 0

    def count(connection: Connection) -> None:
        def committed() -> int:
            nonlocal commits
            commits += 1
            return 0

        connection.connection.driver_connection.set_trace_callback(  # type: ignore[union-attr]
            lambda sql: committed() if sql == "COMMIT" else None
        )

    await database.apply(count)
    add = insert(tables.conversations)
    users = ["nobody" if n % 10 == 3 else "ada" for n in range(100)]
    results = await asyncio.gather(
        *(database.write((add, conversation(f"{n:03}", user))) for n, user in enumerate(users)), return_exceptions=True
    )
    failed = [n for n, result in enumerate(results) if result is not None]
    assert failed == list(range(3, 100, 10))
    assert all(isinstance(results[n], IntegrityError) for n in failed)
    assert await names(database) == [f"{n:03}" for n in range(100) if n % 10 != 3]
    assert commits <= 5


async def test_an_error_in_the_work_reaches_its_caller_and_leaves_nothing(database: Database) -> None:
    def work(connection: Connection) -> None:
        connection.execute(insert(tables.conversations), conversation("a"))
        raise BadInput("no")

    async def asynchronously(connection: AsyncConnection) -> None:
        await connection.run_sync(work)

    for attempt in (database.apply(work), database.transact(asynchronously)):
        with pytest.raises(BadInput):
            await attempt
    assert await names(database) == []


async def test_transactions_do_not_mix_with_writes(database: Database) -> None:
    async def slowly(connection: AsyncConnection) -> int:
        before = (await connection.execute(select(func.count()).select_from(tables.conversations))).scalar_one()
        await asyncio.sleep(0.02)
        await connection.execute(insert(tables.conversations), conversation(f"slow{before}"))
        after = (await connection.execute(select(func.count()).select_from(tables.conversations))).scalar_one()
        return int(after - before)

    add = insert(tables.conversations)
    results = await asyncio.gather(
        database.transact(slowly),
        *(database.write((add, conversation(f"quick{n}"))) for n in range(5)),
        database.transact(slowly),
    )
    assert (results[0], results[-1]) == (1, 1)
    assert len(await names(database)) == 7


async def test_a_cancelled_transaction_leaves_the_writer_usable(database: Database) -> None:
    started = asyncio.Event()

    async def stuck(connection: AsyncConnection) -> None:
        await connection.execute(insert(tables.conversations), conversation("a"))
        started.set()
        await asyncio.sleep(60)

    task = asyncio.create_task(database.transact(stuck))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await database.write((insert(tables.conversations), conversation("b")))
    assert await names(database) == ["b"]


async def test_readers_cannot_write_and_do_not_wait_for_the_writer(database: Database) -> None:
    async with database.reading() as connection:
        with pytest.raises(StoreUnavailable):
            async with database.reading() as other:
                await other.execute(insert(tables.conversations), conversation("a"))

        async def writing(writer: AsyncConnection) -> list[str]:
            await writer.execute(insert(tables.conversations), conversation("a"))
            return list((await connection.execute(select(tables.conversations.c.id))).scalars())

        assert await asyncio.wait_for(database.transact(writing), 30) == []
        assert list((await connection.execute(select(tables.conversations.c.id))).scalars()) == ["a"]


def hold(path: Path, release: threading.Event) -> Callable[[], None]:
    held = threading.Event()

    def run() -> None:
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        held.set()
        release.wait(10)
        other.execute("COMMIT")
        other.close()

    thread = threading.Thread(target=run)
    thread.start()
    held.wait(5)
    return thread.join


async def test_a_write_waits_while_another_program_holds_the_file(tmp_path: Path) -> None:
    async with store(tmp_path / "staffwork.db") as database:
        release = threading.Event()
        join = hold(tmp_path / "staffwork.db", release)
        writing = asyncio.create_task(database.write((insert(tables.conversations), conversation("a"))))
        await asyncio.sleep(0.2)  # the event loop is free meanwhile
        assert not writing.done()
        assert await asyncio.wait_for(names(database), 30) == []
        release.set()
        await asyncio.wait_for(writing, 30)
        await asyncio.to_thread(join)
        assert await names(database) == ["a"]


async def test_a_lock_that_lasts_too_long_is_a_plain_error_and_passes(tmp_path: Path) -> None:
    async with store(tmp_path / "staffwork.db", busy_seconds=0.2) as database:
        release = threading.Event()
        join = hold(tmp_path / "staffwork.db", release)

        async def asynchronously(connection: AsyncConnection) -> None:
            await connection.execute(insert(tables.conversations), conversation("a"))

        began = time.monotonic()
        for attempt in (
            database.write((insert(tables.conversations), [conversation("a"), conversation("b")])),
            database.transact(asynchronously),
        ):
            with pytest.raises(StoreUnavailable, match="Another program"):
                await attempt
        assert 0.3 < time.monotonic() - began < 14, "the usual patience would have been 15 seconds each"
        assert "Another program" in await database.check()
        release.set()
        await asyncio.to_thread(join)
        assert await database.check() == ""
        assert await names(database) == []
        await database.write((insert(tables.conversations), conversation("c")))
        assert await names(database) == ["c"]


async def test_a_full_disk_is_a_plain_error_and_passes(database: Database) -> None:
    def limit(pages: int) -> Callable[[Connection], Any]:
        return lambda c: c.exec_driver_sql(f"PRAGMA max_page_count={pages}").scalar_one()

    await database.apply(limit(1))  # SQLite makes it the present size
    big = [conversation(f"{n}") | {"title": "x" * 5000} for n in range(50)]
    with pytest.raises(StoreUnavailable, match="disk is full"):
        await database.write((insert(tables.conversations), big))
    assert await names(database) == []
    await database.apply(limit(1_000_000))
    await database.write((insert(tables.conversations), big))
    assert len(await names(database)) == 50


async def test_what_was_queued_is_committed_by_closing(tmp_path: Path) -> None:
    async with store(tmp_path / "staffwork.db") as database:
        for n in range(5):
            database.submit(lambda c, n=n: c.execute(insert(tables.conversations), conversation(str(n))), soon=True)  # type: ignore[misc]
    with pytest.raises(StoreUnavailable):
        await database.write((insert(tables.conversations), conversation("late")))
    again = await Database.open(tmp_path / "staffwork.db")
    assert await names(again) == ["0", "1", "2", "3", "4"]
    await again.close()
