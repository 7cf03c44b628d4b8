"""Checkpoints: kept in our file, read back as plain values only, in order whatever the clock does."""

from __future__ import annotations

import asyncio
import operator
import pickle
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, TypedDict

import aiosqlite
import ormsgpack
import psycopg
import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.base import id as checkpoint_ids
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from store_fixtures import open_at

from core.missions import Value
from memory.checkpoints import PlainSerializer, open_checkpointer
from memory.database import Database


class State(TypedDict):
    said: Annotated[list[Any], operator.add]


@asynccontextmanager
async def opened(place: Path | str) -> AsyncIterator[Any]:
    async with opened_on(await open_at(place)) as checkpoints:
        yield checkpoints


@asynccontextmanager
async def opened_on(database: Database) -> AsyncIterator[Any]:
    try:
        async with open_checkpointer(database) as checkpoints:
            yield checkpoints
    finally:
        await database.close()


async def run(path: Path | str, thread: str, *said: Any) -> list[Any]:
    """Run a small graph on the stored thread and return its whole state."""
    graph: Any = StateGraph(State)
    graph.add_node("echo", lambda state: {"said": [AIMessage(content=f"{len(state['said'])}")]})
    graph.add_edge(START, "echo")
    graph.add_edge("echo", END)
    async with opened(path) as checkpoints:
        compiled = graph.compile(checkpointer=checkpoints).copy(update={"checkpointer": checkpoints.for_run()})
        state = await compiled.ainvoke({"said": list(said)}, {"configurable": {"thread_id": thread}})
        return list(state["said"])


async def tamper(place: Path | str, *statements: tuple[str, tuple[Any, ...]]) -> None:
    """Change rows behind our back; `?` stands for a value."""
    if isinstance(place, Path):
        async with aiosqlite.connect(place) as connection:
            for statement, values in statements:
                await connection.execute(statement, values)
            await connection.commit()
        return
    async with await psycopg.AsyncConnection.connect(place) as other:
        for statement, values in statements:
            await other.execute(statement.replace("?", "%s"), values)


async def test_a_thread_is_found_again_beside_our_tables(place: Path | str) -> None:
    path = place
    database = await open_at(place)
    await run(path, "m1", HumanMessage(content="one"))
    assert [m.content for m in await run(path, "m1", HumanMessage(content="two"))] == ["one", "1", "two", "3"]
    assert [m.content for m in await run(path, "m2", HumanMessage(content="x"))] == ["x", "1"]
    async with opened(path) as checkpoints:
        await checkpoints.delete("m1")
    assert len(await run(path, "m1")) == 1
    assert len(await run(path, "m2")) == 3
    assert await database.check() == ""
    await database.close()


async def test_what_is_overtaken_before_it_is_committed_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "staffwork.db"
    graph: Any = StateGraph(State)
    steps = ["one", "two", "three", "four"]
    for name in steps:
        graph.add_node(name, lambda _, name=name: {"said": [name]})
    for before, after in pairwise([START, *steps, END]):
        graph.add_edge(before, after)
    at: Any = {"configurable": {"thread_id": "m"}}
    database, goes_on = await open_at(path), threading.Event()
    async with opened_on(database) as checkpoints:
        held = asyncio.create_task(database.apply(lambda _: goes_on.wait(60)))  # nothing is committed meanwhile
        compiled = graph.compile(checkpointer=checkpoints, interrupt_before=["four"])
        await compiled.ainvoke({"said": ["begin"]}, at)
        goes_on.set()
        assert await held
        await checkpoints.flush()
        [(stored,)] = await checkpoints.conn.execute_fetchall("SELECT count(*) FROM checkpoints")
        assert stored == 1
    async with opened(path) as checkpoints:  # and it goes on from there
        compiled = graph.compile(checkpointer=checkpoints)
        assert (await compiled.ainvoke(None, at))["said"] == ["begin", *steps]


async def test_a_thread_begun_with_the_librarys_versions_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "staffwork.db"
    graph: Any = StateGraph(State)
    graph.add_node("echo", lambda _: {"said": ["x"]})
    graph.add_edge(START, "echo")
    graph.add_edge("echo", END)
    at: Any = {"configurable": {"thread_id": "m"}}
    async with opened(path) as checkpoints:
        old = AsyncSqliteSaver(checkpoints.conn, serde=PlainSerializer())
        await graph.compile(checkpointer=old).ainvoke({"said": ["old"]}, at)
    async with opened(path) as checkpoints:
        compiled = graph.compile(checkpointer=checkpoints)
        assert (await compiled.ainvoke({"said": ["new"]}, at))["said"] == ["old", "x", "new", "x"]


async def test_the_connection_is_set_up_like_the_others(tmp_path: Path) -> None:
    async with opened(tmp_path / "staffwork.db") as checkpoints:
        found = {}
        for name in ("journal_mode", "synchronous", "temp_store", "busy_timeout"):
            (row,) = await checkpoints.conn.execute_fetchall(f"PRAGMA {name}")
            found[name] = row[0]
    assert found["journal_mode"] == "wal"
    assert found["temp_store"] == 2
    assert found["busy_timeout"] == 15000


class Touch:
    """Writes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def hostile(canary: Path) -> dict[str, tuple[str, bytes]]:
    """Rows an attacker with write access could leave; each would make the canary if it were built."""
    shell = f"touch {canary}"
    pack = ormsgpack.packb

    def extension(code: int, *parts: Any) -> tuple[str, bytes]:
        return "msgpack", pack(ormsgpack.Ext(code, pack(parts)))

    return {
        "single argument": extension(0, "os", "system", shell),
        "arguments": extension(1, "os", "system", [shell]),
        "keywords": extension(2, "os", "system", {"command": shell}),
        "method": extension(3, "os", "system", shell, "__call__"),
        "method of a safe type": extension(3, "pathlib", "Path", str(canary), "touch"),
        "pydantic 1": extension(4, "subprocess", "Popen", {"args": shell, "shell": True}),
        "pydantic 2": extension(5, "subprocess", "Popen", {"args": shell, "shell": True}, "__init__"),
        "nested": ("msgpack", pack({"a": [ormsgpack.Ext(1, pack(["os", "system", [shell]]))]})),
        "pickle": ("pickle", pickle.dumps(Touch(canary))),
        "json": ("json", b'{"lc": 2, "type": "constructor", "id": ["os", "system"], "args": ["%s"]}' % shell.encode()),
        "json of the core": (
            "json",
            b'{"lc": 1, "type": "constructor", "id": ["langchain_core", "prompts", "PromptTemplate"], '
            b'"kwargs": {"template": "x"}}',
        ),
    }


NAMES = sorted(hostile(Path("x")))


@pytest.mark.parametrize("name", NAMES)
async def test_a_hostile_row_executes_nothing(place: Path | str, tmp_path: Path, name: str) -> None:
    path, canary = place, tmp_path / "canary"
    kind, payload = hostile(canary)[name]
    await run(path, "m", HumanMessage(content="one"))
    changes = ["checkpoints SET type = ?, checkpoint = ?", "writes SET type = ?, value = ?"]
    if isinstance(place, str):
        changes = ["checkpoint_blobs SET type = ?, blob = ?", "checkpoint_writes SET type = ?, blob = ?"]
    await tamper(place, *((f"UPDATE {change}", (kind, payload)) for change in changes))
    async with opened(path) as checkpoints:
        for serializer in (checkpoints.serde, getattr(checkpoints, "jsonplus_serde", checkpoints.for_run().serde)):
            try:
                built = serializer.loads_typed((kind, payload))
            except ValueError:
                continue
            assert _plain(built), built
    with suppress(
        ValueError, TypeError, KeyError, AttributeError
    ):  # a tampered thread may fail; it must not run anything
        await run(path, "m", HumanMessage(content="two"))
    await asyncio.sleep(0.05)  # a process started by the payload would need a moment
    assert not canary.exists()


def _plain(value: Any) -> bool:
    match value:
        case dict():
            return all(_plain(part) for part in value.values())
        case list() | tuple():
            return all(_plain(part) for part in value)
        case _:
            return value is None or isinstance(value, str | int | float | bytes)


def test_the_payloads_are_dangerous_to_the_default_serializer(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    JsonPlusSerializer(allowed_msgpack_modules=True).loads_typed(hostile(canary)["arguments"])
    assert canary.exists()


class Own(Value):
    name: str


def test_our_own_classes_come_back_as_plain_values() -> None:
    serializer = PlainSerializer()
    written = serializer.dumps_typed({"own": Own(name="x"), "message": HumanMessage(content="hi"), "when": {1, 2}})
    read = serializer.loads_typed(written)
    assert read == {"own": {"name": "x"}, "message": HumanMessage(content="hi"), "when": {1, 2}}
    assert type(read["own"]) is dict


async def test_new_checkpoints_sort_after_the_stored_ones_when_the_clock_was_set_back(place: Path | str) -> None:
    path = place
    await run(path, "m", HumanMessage(content="one"))
    ahead = checkpoint_ids.UUID(int=_two_days_ahead().int, version=6)
    newest = "checkpoint_id = (SELECT max(checkpoint_id) FROM checkpoints)"  # as if written two days from now
    await tamper(place, (f"UPDATE checkpoints SET checkpoint_id = ? WHERE {newest}", (str(ahead),)))
    before = checkpoint_ids._last_v6_timestamp
    try:
        assert [m.content for m in await run(path, "m", HumanMessage(content="two"))] == ["one", "1", "two", "3"]
        assert [m.content for m in await run(path, "m", HumanMessage(content="three"))][-2:] == ["three", "5"]
        assert checkpoint_ids.uuid6() > ahead
    finally:
        checkpoint_ids._last_v6_timestamp = before


def _two_days_ahead() -> checkpoint_ids.UUID:
    present = checkpoint_ids.uuid6()
    time_ahead = present.time + 2 * 86400 * 10_000_000
    high, low = time_ahead >> 12, time_ahead & 0xFFF
    return checkpoint_ids.UUID(int=(high << 80) | (6 << 76) | (low << 64) | (present.int & ((1 << 64) - 1)))


async def test_in_postgresql_runs_side_by_side_do_not_wait_for_each_other(postgres: str) -> None:
    async with opened(postgres) as checkpoints:
        one, other = checkpoints.for_run(), checkpoints.for_run()
        async with one.lock:  # held by the library around every statement
            async with asyncio.timeout(30):
                assert await other.aget_tuple({"configurable": {"thread_id": "m"}}) is None
        assert type(other.serde) is PlainSerializer


async def test_in_postgresql_what_a_task_returned_does_not_outrun_the_journal(postgres: str) -> None:
    """A report that is kept is not made again: what it is made of must stand in the journal before it."""
    committed, asked = asyncio.Event(), asyncio.Event()

    async def before() -> None:
        asked.set()
        await committed.wait()

    async with opened(postgres) as checkpoints:
        saver, at = checkpoints.for_run(before), {"thread_id": "m", "checkpoint_ns": "", "checkpoint_id": "1"}
        await saver.aput_writes(
            {"configurable": at}, [("__return__", "t1/1")], "a step's name: its reply is looked for"
        )
        report = saver.aput_writes({"configurable": at}, [("__return__", {"task_id": "t1"})], "a report")
        keeping = asyncio.create_task(report)
        await asyncio.wait_for(asked.wait(), 20)
        assert await _kept(postgres) == 1
        committed.set()
        await keeping
        assert await _kept(postgres) == 2


async def _kept(postgres: str) -> int:
    async with await psycopg.AsyncConnection.connect(postgres) as connection:
        found = await (await connection.execute("SELECT count(*) FROM checkpoint_writes")).fetchone()
    assert found is not None
    return int(found[0])
