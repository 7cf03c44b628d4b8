"""PostgreSQL only: addresses, errors, what its text can hold, and callers that leave."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import postgres_fixtures
import psycopg
import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection
from store_fixtures import mission, store

from core.errors import BadInput, StoreUnavailable
from core.missions import now
from core.settings import Settings
from memory import tables
from memory.checkpoints import open_checkpointer
from memory.database import Database, open_database
from memory.missions import Missions
from memory.postgres import PostgresDatabase
from memory.postgres_connection import connection_info
from memory.postgres_errors import in_plain_words


@pytest.fixture
async def database(postgres: str) -> AsyncIterator[Database]:
    async with store(postgres) as database:
        yield database


def conversation(name: str, user_id: str = "ada") -> dict[str, Any]:
    return {"id": name, "user_id": user_id, "title": name, "created_at": now(), "updated_at": now()}


async def names(database: Database) -> list[str]:
    async with database.reading() as connection:
        return list((await connection.execute(select(tables.conversations.c.id).order_by("id"))).scalars())


def place(thread: str) -> Any:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}


def checkpoint(n: int, **values: Any) -> Any:
    return {"v": 4, "id": f"1ef4f797-8335-6428-8001-{n:012x}", "ts": "", "channel_values": {"n": n} | values,
            "channel_versions": {}, "versions_seen": {}}  # fmt: skip


async def test_the_settings_choose_the_database(postgres: str, tmp_path: Path) -> None:
    for url, kind in ((postgres, "PostgresDatabase"), ("", "SqliteDatabase")):
        database = await open_database(Settings(data_dir=tmp_path / "data", database_url=url))
        assert type(database).__name__ == kind
        assert await database.check() == ""
        await database.close()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("mysql://ada@localhost/x", "no address of PostgreSQL"),
        ("{server}/nowhere?{host}", 'database "nowhere" does not exist'),
        ("postgresql://nobody:secret@/postgres?{host}", 'role "nobody" does not exist'),
    ],
)
async def test_an_address_that_is_wrong_is_a_plain_error_without_the_password(
    postgres: str, url: str, words: str
) -> None:
    given = url.format(server="postgresql://staffwork@", host=postgres.split("?")[1])
    with pytest.raises(BadInput, match=words) as caught:
        await PostgresDatabase.at(given)
    assert "STAFFWORK_DATABASE_URL" in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_errors_of_the_server_are_said_in_plain_words(database: Database) -> None:
    class Full(psycopg.OperationalError):
        sqlstate = "53100"

    assert "disk of the database server is full" in str(in_plain_words(Full()))
    async with database.reading() as connection:
        with pytest.raises(StoreUnavailable, match="read-only"):
            async with database.reading() as other:
                await other.execute(insert(tables.conversations), conversation("a"))
        await connection.execute(select(1))
    with pytest.raises(IntegrityError):
        await database.write((insert(tables.conversations), conversation("a", user_id="nobody")))
    with pytest.raises(IntegrityError):
        await database.write((insert(tables.conversations), [conversation("a"), conversation("a")]))
    assert await names(database) == []


async def test_a_lock_that_lasts_too_long_is_a_plain_error(postgres: str, database: Database) -> None:
    await database.write((insert(tables.conversations), conversation("a")))
    with psycopg.connect(connection_info(postgres)) as other:
        other.execute("UPDATE conversations SET title = 'held'")

        async def impatient(connection: AsyncConnection) -> None:
            await connection.exec_driver_sql("SET LOCAL lock_timeout = '50ms'")
            await connection.execute(tables.conversations.update().values(title="wanted"))

        with pytest.raises(StoreUnavailable, match="Another program holds the database"):
            await database.transact(impatient)
    async with database.reading() as connection:
        assert (await connection.execute(select(tables.conversations.c.title))).scalar_one() == "held"


async def test_a_process_frozen_in_the_middle_does_not_hold_others_up(postgres: str, database: Database) -> None:
    await database.write((insert(tables.conversations), conversation("a")))
    change = update(tables.conversations)
    frozen = await PostgresDatabase.at(f"{postgres}&options=-c%20idle_in_transaction_session_timeout%3D200ms")
    runs, thawed = 0, asyncio.Event()

    async def freezes(connection: AsyncConnection) -> None:
        nonlocal runs
        runs += 1
        await connection.execute(change.values(title=func.concat(tables.conversations.c.title, " frozen")))
        if runs == 1:
            await thawed.wait()

    freezing = asyncio.create_task(frozen.transact(freezes))
    while not runs:
        await asyncio.sleep(0.01)
    await database.write((change.values(title="not held up"), None))
    thawed.set()
    await freezing  # its transaction was ended, and is run again
    assert runs == 2
    async with database.reading() as connection:
        assert (await connection.execute(select(tables.conversations.c.title))).scalar_one() == "not held up frozen"
    await frozen.close()


async def test_text_that_postgresql_cannot_hold_is_stored_with_a_replacement(database: Database) -> None:
    goal = "before\x00after"
    await Missions(database).accept(mission("m", goal=goal), "message", goal)
    assert (await Missions(database).get("m")).mission.goal == "before\ufffdafter"
    async with open_checkpointer(database) as checkpoints:
        await checkpoints.aput(place("m"), checkpoint(1, goal="a\x00b\ud83d", big=2**70), {}, {})
        found = await checkpoints.aget_tuple(place("m"))
    assert found is not None
    assert found.checkpoint["channel_values"] == {"n": 1, "goal": "a\ufffdb?", "big": 2**70}


async def test_long_text_is_not_cut_or_refused(database: Database) -> None:
    await Missions(database).accept(mission("m" * 64, goal="g" * 1_000_000), "message", "t" * 5000)
    async with database.reading() as connection:
        query = select(func.length(tables.missions.c.goal))
        assert (await connection.execute(query)).scalar_one() == 1_000_000
    row = {"subject": "s" * 3000, "failures": 1, "last_at": now(), "blocked_until": None}
    await database.write((insert(tables.login_attempts), row))


async def test_a_caller_that_is_cancelled_does_not_take_its_work_along(database: Database) -> None:
    writing = asyncio.ensure_future(database.write((insert(tables.conversations), conversation("a"))))
    await asyncio.sleep(0)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    await database.write((insert(tables.conversations), conversation("b")))
    async with asyncio.timeout(30):
        while await names(database) != ["a", "b"]:
            await asyncio.sleep(0.01)


async def test_what_was_queued_is_committed_by_closing(postgres: str) -> None:
    async with store(postgres) as database:
        for n in range(5):
            database.submit(lambda c, n=n: c.execute(insert(tables.conversations), conversation(str(n))), soon=True)  # type: ignore[misc]
    with pytest.raises(StoreUnavailable, match="closed"):
        await database.write((insert(tables.conversations), conversation("late")))
    again = await PostgresDatabase.at(postgres)
    assert await names(again) == ["0", "1", "2", "3", "4"]
    await again.close()


def test_sqlite_needs_no_driver_of_postgresql(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys; from pathlib import Path; from memory.database import Database\n"
        f"async def main(): await (await Database.open(Path({str(tmp_path / 'staffwork.db')!r}))).close()\n"
        "asyncio.run(main()); print('psycopg' in sys.modules)"
    )
    root = Path(postgres_fixtures.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
