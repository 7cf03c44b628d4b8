"""A PostgreSQL that goes away: restarted in the middle, cut off at a commit, or gone for good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import postgres_fixtures
import psycopg
import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import IntegrityError
from store_fixtures import mission, store

from core.errors import StoreUnavailable
from core.events import Event, MissionEnded, TextStreamed
from core.missions import Status, now
from memory import tables
from memory.checkpoints import open_checkpointer
from memory.database import Database
from memory.journal import Journal
from memory.missions import Missions
from memory.postgres import PostgresDatabase


@pytest.fixture
async def database(postgres: str) -> AsyncIterator[Database]:
    async with store(postgres) as database:
        yield database


def conversation(name: str, user_id: str = "ada") -> dict[str, Any]:
    return {"id": name, "user_id": user_id, "title": name, "created_at": now(), "updated_at": now()}


async def names(database: Database) -> list[str]:
    async with database.reading() as connection:
        return list((await connection.execute(select(tables.conversations.c.id).order_by("id"))).scalars())


def text(offset: int) -> TextStreamed:
    return TextStreamed(mission_id="m", step="report", offset=offset, text=f"word {offset}")


async def test_a_restart_of_the_server_loses_nothing_and_stops_nobody(postgres: str) -> None:
    server = postgres_fixtures.server()
    async with store(postgres) as worker, store_again(postgres) as web, open_checkpointer(worker) as checkpoints:
        missions = Missions(worker)
        await missions.accept(mission("m"), "message", "g")
        writer = await Journal(worker).writer("m", await missions.start_attempt("m"))
        following = asyncio.create_task(collect(Journal(web).follow("m")))
        saver: Any = checkpoints.for_run()
        accepted: list[str] = []
        done = asyncio.Event()

        async def work() -> None:
            n = 0
            while not done.is_set():
                writer.add(text(n))
                await writer.flush()
                await missions.accept(mission(f"m{n}", f"c{n}"), f"message-{n}", "g")
                accepted.append(f"m{n}")
                await saver.aput(place("m"), checkpoint(n), {}, {})
                assert (await missions.get(f"m{n}")).status is Status.PENDING
                n += 1

        working = asyncio.create_task(work())
        for _ in range(3):
            before = len(accepted)
            while len(accepted) < before + 5 and not working.done():
                await asyncio.sleep(0.01)
            await asyncio.to_thread(server.control, "restart", "-m", "immediate")
        before = len(accepted)
        while len(accepted) < before + 5 and not working.done():
            await asyncio.sleep(0.01)
        done.set()
        await working
        writer.add(MissionEnded(mission_id="m", status=Status.COMPLETED, answer="Done."))
        await writer.close()
        seen = await asyncio.wait_for(following, 10)
        assert [e.seq for e in seen] == list(range(1, len(accepted) + 3))
        assert seen == await Journal(worker).read("m")
        for name in accepted:
            assert (await missions.get(name)).mission.id == name
        found = await saver.aget_tuple(place("m"))
        assert found.checkpoint["channel_values"]["n"] == len(accepted) - 1


@asynccontextmanager
async def store_again(url: str) -> AsyncIterator[Database]:
    database = await PostgresDatabase.at(url)
    yield database
    await database.close()


async def collect(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


def place(thread: str) -> Any:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": ""}}


def checkpoint(n: int, **values: Any) -> Any:
    return {"v": 4, "id": f"1ef4f797-8335-6428-8001-{n:012x}", "ts": "", "channel_values": {"n": n} | values,
            "channel_versions": {}, "versions_seen": {}}  # fmt: skip


class Proxy:
    """Stands between us and the server, and breaks the connection when it is told to."""

    def __init__(self, socket: str) -> None:
        self._socket, self.port = socket, 0
        self.cut = ""  # "before": the next COMMIT never arrives; "after": it does, but its answer never comes back
        self.cuts = 0

    async def serve(self) -> None:
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, there = await asyncio.open_unix_connection(self._socket)
        answers = asyncio.create_task(self._copy(back, writer))
        while data := await reader.read(65536):
            if self.cut and b"COMMIT" in data:
                how, self.cut = self.cut, ""
                self.cuts += 1
                answers.cancel()
                if how == "after":
                    there.write(data)
                    await there.drain()
                    await back.read(1)  # it has committed
                break
            there.write(data)
        writer.close()
        there.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)


@pytest.mark.parametrize("how", ["before", "after"])
async def test_a_commit_without_an_answer_is_neither_lost_nor_done_twice(postgres: str, how: str) -> None:
    folder = postgres.split("host=")[1]
    proxy = Proxy(f"{folder}/.s.PGSQL.5432")
    await proxy.serve()
    name = postgres_fixtures.name_in(postgres)
    async with store(f"postgresql://staffwork@127.0.0.1:{proxy.port}/{name}") as database:
        runs = 0

        def work(connection: Connection) -> int:
            nonlocal runs
            runs += 1
            connection.execute(insert(tables.conversations), conversation(f"run {runs}"))
            return runs

        proxy.cut = how
        assert await database.apply(work) == (2 if how == "before" else 1)
        assert proxy.cuts == 1
        assert await names(database) == [f"run {runs}"]
        await Missions(database).accept(mission("m"), "message", "g")
        writer = await Journal(database).writer("m", await Missions(database).start_attempt("m"))
        writer.add(text(0))
        proxy.cut = how
        await writer.flush()
        writer.add(text(1))
        await writer.close()
        assert [e.seq for e in await Journal(database).read("m")] == [1, 2, 3]
        assert proxy.cuts == 2


async def test_what_may_wait_is_committed_in_order_and_overtaken_by_nothing(database: Database) -> None:
    order: list[str] = []

    def add(name: str, user_id: str = "ada", soon: bool = True) -> asyncio.Future[Any]:
        def work(connection: Connection) -> None:
            connection.execute(insert(tables.conversations), conversation(name, user_id))

        done = database.submit(work, soon=soon, first=lambda: order.append(name))
        done.add_done_callback(lambda d: order.append(f"{name} {'failed' if d.exception() else 'stands'}"))
        return done

    await asyncio.gather(add("first"), add("second"))
    waiting = [add("a"), add("bad", "nobody"), add("c")]
    assert order == ["first", "second", "first stands", "second stands"]  # it may wait, and does
    await add("urgent", soon=False)
    order = order[4:]
    assert order[:4] == ["urgent", "a", "bad", "c"]
    assert order.index("c stands") < order.index("urgent stands")
    assert [isinstance(o, IntegrityError) for o in await asyncio.gather(*waiting, return_exceptions=True)] == [
        False, True, False,
    ]  # fmt: skip
    assert await names(database) == ["a", "c", "first", "second", "urgent"]


async def test_whoever_reads_does_not_notice_that_the_connection_was_lost(database: Database, postgres: str) -> None:
    await database.write((insert(tables.conversations), conversation("a")))
    async with database.reading() as connection:
        query = select(tables.conversations.c.id)
        assert (await connection.execute(query)).scalars().all() == ["a"]
        for _ in range(3):
            with psycopg.connect(postgres, autocommit=True) as other:
                others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
                other.execute(f"{others} AND pid <> pg_backend_pid()")
            assert (await connection.execute(query)).scalars().all() == ["a"]
            assert await names(database) == ["a"]
            await database.write((tables.conversations.update().values(title="changed"), None))


async def test_what_was_committed_unnoticed_is_not_written_again(database: Database) -> None:
    await Missions(database).accept(mission("m"), "message", "g")
    writer = await Journal(database).writer("m", await Missions(database).start_attempt("m"))
    writer.add(text(0))
    await writer.flush()
    stored = (await Journal(database).read("m"))[1]
    writer._outbox.problem = StoreUnavailable("as if nobody had heard of the commit")
    writer._outbox.put(stored)
    writer.add(text(1))
    await writer.close()
    assert [getattr(e, "text", "") for e in await Journal(database).read("m")] == ["", "word 0", "word 1"]


async def test_a_server_that_stays_away_is_a_plain_error(postgres: str) -> None:
    server = postgres_fixtures.server()
    database = await PostgresDatabase.at(postgres, busy_seconds=0.5)
    await asyncio.to_thread(server.control, "stop", "-m", "fast")
    try:
        for attempt in (
            database.write((insert(tables.users), {})),
            names(database),
            PostgresDatabase.at(postgres, busy_seconds=0.2),
        ):
            with pytest.raises(StoreUnavailable, match="cannot be reached"):
                await attempt
        assert "cannot be reached" in await database.check()
    finally:
        await asyncio.to_thread(server.control, "start")
    assert await database.check() == ""
    assert await names(database) == []
    await database.close()
