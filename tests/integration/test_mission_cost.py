"""What a delegated mission asks of the file, counted: it must not creep back, nor grow with what is stored already."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, func, select

from core.events import MissionEnded, TaskEnded
from core.missions import Mission, Status, new_id, now
from core.settings import Settings
from graphs.office import Office
from memory.columns import WAITS
from memory.tables import passages

GOAL = "1. Calculate 17 * 23.\n2. Calculate 18 * 24.\n3. Calculate 19 * 25."
STATEMENTS, KILOBYTES = 160, 260
"""Of one mission with three operators, given to the driver and put in the log; about twice what was counted."""
FEW = {"users", "workers", "orders"}
"""Tables that stay small, whatever is done here."""

Asked = list[tuple[str, Any]]


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[Office]:
    async with Office.open(Settings(data_dir=folder, model="rehearsal:")) as office:
        await mission(office)  # what is loaded and prepared once
        yield office


async def mission(office: Office) -> None:
    """Run a mission to its end, and until its words are in the index."""
    user = await office.people.ensure_local_owner()
    given = Mission(id=new_id(), conversation_id=new_id(), user_id=user.id, goal=GOAL, created_at=now())
    await office.submit(given)
    events = [event async for event in office.follow(given.id)]
    assert isinstance(events[-1], MissionEnded)
    assert events[-1].status is Status.COMPLETED, events[-1].problem
    assert sum(isinstance(e, TaskEnded) for e in events) == 3
    told = select(func.count()).where(passages.c.conversation_id == given.conversation_id)
    async with asyncio.timeout(60):
        while [*await office.database.rows(told), *await office.database.rows(told.where(WAITS))] != [(2,), (0,)]:
            await asyncio.sleep(0.02)


@pytest.fixture
def asked() -> Iterator[Asked]:
    """Every statement that is given to a driver from here on, with its values."""
    found: Asked = []

    def note(_connection: object, _cursor: object, statement: str, values: Any, *_: object) -> None:
        found.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    yield found
    event.remove(Engine, "before_cursor_execute", note)


async def test_a_mission_asks_and_writes_no_more_than_it_must(tmp_path: Path, asked: Asked) -> None:
    async with house(tmp_path) as office:
        log = tmp_path / "staffwork.db-wal"
        before, written = len(asked), log.stat().st_size
        await mission(office)
        statements = [s for s, _ in asked[before:] if "FROM passages" not in s]  # the test itself waits with those
        assert 50 < len(statements) <= STATEMENTS, len(statements)
        assert 50 < (log.stat().st_size - written) / 1024 <= KILOBYTES


async def test_no_statement_of_a_mission_walks_through_a_table_that_grows(tmp_path: Path, asked: Asked) -> None:
    rounds: list[Asked] = []
    async with house(tmp_path) as office:
        for _ in range(2):  # what is done once in a process (the index compares its two sides) is in one of them only
            asked.clear()
            await mission(office)
            rounds.append(list(asked))
    with closing(sqlite3.connect(tmp_path / "staffwork.db")) as file:
        first, second = ({s for s, values in each if walks(file, s, values) - FEW} for each in rounds)
        assert walks(file, "SELECT * FROM missions WHERE goal = ?", ("x",)) == {"missions"}
    assert first & second == set()


def walks(file: sqlite3.Connection, statement: str, values: Any) -> set[str]:
    """Name the tables a statement walks through without an index."""
    if isinstance(values, Sequence) and values and isinstance(values[0], Sequence) and not isinstance(values[0], str):
        values = values[0]
    if not re.match(r"\s*(SELECT|WITH|INSERT|UPDATE|DELETE)\b", statement):
        return set()
    tables = {name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    plan = [row[3] for row in file.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    return {found[1] for line in plan if (found := re.fullmatch(r"SCAN (\w+)", line)) and found[1] in tables}
