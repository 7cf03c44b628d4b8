"""Deleted words are in no file of the database any more: not in rows, not in the log, not in old parts of the indexes."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import Connection, delete, insert, select, text
from store_fixtures import store

from core.errors import StoreUnavailable
from core.memories import Origin
from core.missions import now
from memory import tables
from memory.database import Database
from memory.overwriting import INDEXES, Soon, merge_away
from memory.sqlite_database import SqliteDatabase

WORD = "zebracrossing"
_P = tables.passages


async def fill(database: Database, *talks: tuple[str, str, int]) -> None:
    """Keep passages of some conversations (name, words, how many) in one transaction: they make one part of the index."""
    about = [
        {"id": name, "user_id": "ada", "title": "", "created_at": now(), "updated_at": now()} for name, _, _ in talks
    ]
    rows = [
        {
            "id": f"{name}{number}", "user_id": "ada", "conversation_id": name, "origin": Origin.FILE.value,
            "origin_id": name, "name": "notes", "text": f"{words} {number} of {name}", "position": number,
        }
        for name, words, count in talks for number in range(count)
    ]  # fmt: skip
    await database.write((insert(tables.conversations), about), (insert(_P), rows))


def found(folder: Path) -> list[str]:
    """Name the files that still hold the end of the word (indexes leave out what a word shares with its neighbour)."""
    return sorted(path.name for path in folder.iterdir() if path.is_file() and WORD[2:].encode() in path.read_bytes())


def whole(index: str) -> Callable[[Connection], object]:
    """Have SQLite compare an index with its rows; raises if they differ."""
    return lambda connection: connection.execute(text(f"INSERT INTO {index}({index}) VALUES ('integrity-check')"))


@pytest.mark.parametrize("how", ["settled", "closed"])
async def test_deleted_words_are_gone_from_the_files(tmp_path: Path, how: str) -> None:
    async with store(tmp_path / "staffwork.db") as database:
        await fill(database, ("kept", "the harbour sleeps", 300), ("lost", f"the {WORD} opens", 3))
        await database.write((delete(_P).where(_P.c.conversation_id == "lost"), None))
        assert found(tmp_path), "rows are gone, and the words are still in the file"
        if how == "settled":
            await database.settle()
            assert found(tmp_path) == []
        else:
            database.settle_soon()
        kept = await database.rows(select(_P.c.id).where(_P.c.conversation_id == "kept"))
        assert len(kept) == 300
    assert found(tmp_path) == []


async def test_what_stays_is_found_as_before_and_a_second_time_nothing_is_done(tmp_path: Path) -> None:
    async with store(tmp_path / "staffwork.db") as database:
        for number in range(40):
            await fill(database, (f"kept{number}", "the harbour sleeps", 3))
        query = text("SELECT rowid FROM passages_fts WHERE passages_fts MATCH 'harbour' ORDER BY 1")
        before = await database.rows(query)
        await merge_away(database)
        assert await database.rows(query) == before
        assert len(before) == 120
        for index in INDEXES:
            [row] = await database.rows(text(f"SELECT count(DISTINCT segid) FROM {index}_idx"))
            assert row[0] <= 1
            await database.apply(whole(index))


async def test_many_deletions_are_settled_once_and_the_end_waits_for_it() -> None:
    done: list[int] = []

    async def work() -> None:
        await asyncio.sleep(0)
        done.append(1)

    soon = Soon(work)
    for _ in range(50):
        soon.ask()
    assert done == []
    await soon.end()
    assert done == [1]
    await Soon(work).end()
    assert done == [1], "nothing was due"


class FullDisk:
    """A connection whose log cannot be carried over into the file; all else works."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def execute(self, statement: str, *given: Any) -> Any:
        if "wal_checkpoint" in statement:
            raise sqlite3.OperationalError("database or disk is full")
        return self._connection.execute(statement, *given)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)


async def test_a_full_disk_after_a_deletion_is_said_plainly_and_keeps_no_database_from_being_closed(
    tmp_path: Path,
) -> None:
    database = await Database.open(tmp_path / "staffwork.db")
    driver: Any = cast(SqliteDatabase, database)._writer._driver
    driver._connection = FullDisk(driver._connection)
    with pytest.raises(StoreUnavailable, match="disk is full"):
        await database.settle()
    database.settle_soon()
    late = database.submit(lambda connection: connection.execute(select(1)).scalar_one(), soon=True)
    await database.close()
    assert late.result() == 1, "what was queued is committed"
