"""A new key for the house: everything kept opens before, after, and wherever a rotation is broken off."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from credential_fixtures import KEY, SECRET, Safe, open_safe, safe_of
from killed_rotation import MOMENTS
from sqlalchemy import select, update
from test_terminal import Terminal

from core.errors import BadInput, Conflict
from memory import tables
from memory.credentials import Secret
from memory.database import Database
from memory.rotation import Rotation, sealed_columns
from memory.sealing import FILE, Sealer, key_of, new_key, read_keys

PROJECT = Path(__file__).resolve().parents[2]
NAMES = ("openai", "anthropic", "openrouter", "compatible", "search")


@pytest.fixture
async def safe(place: Path | str, tmp_path: Path) -> AsyncIterator[Safe]:
    async with open_safe(place, tmp_path / "data") as opened:
        for name in NAMES:
            await opened.credentials.put(name, Secret(key=f"{KEY}-{name}"), "ada", tested=True)
        yield opened


async def all_open(safe: Safe) -> bool:
    stored = await safe.credentials.stored()
    return {name: s.key for name, s in stored.secrets.items()} == {name: f"{KEY}-{name}" for name in NAMES}


async def keys_used(safe: Safe) -> set[str]:
    return {key_of(row.secret) for row in await safe.database.rows(select(tables.credentials))}


async def test_everything_is_sealed_anew_and_the_old_key_is_gone(safe: Safe) -> None:
    old, path = safe.sealer.current, safe.folder / FILE
    version = await safe.credentials.version()
    done = await safe.again().rotation.rotate()
    assert (done.secrets, done.resumed, done.keys.others, done.keys.unreadable) == (len(NAMES), False, (), ())
    assert await keys_used(safe) == {done.keys.current} != {old}
    assert await all_open(safe)  # the running house noticed by itself
    assert len(path.read_text().split()) == 1
    assert path.stat().st_mode & 0o777 == 0o600
    assert await safe.credentials.version() > version
    again = await safe.rotation.rotate()
    assert again.secrets == len(NAMES)
    assert again.keys.current != done.keys.current


async def test_every_sealed_column_is_found_by_its_mark() -> None:
    assert ("credentials", "secret") in {(c.table.name, c.name) for c in sealed_columns()}


async def test_secrets_written_while_a_rotation_is_at_work_open_afterwards(safe: Safe) -> None:
    async def write(number: int) -> None:
        for name in NAMES:
            await safe.credentials.put(name, Secret(key=f"{KEY}-{name}"), f"writer {number}", tested=True)

    async with asyncio.TaskGroup() as group:
        for number in range(3):
            group.create_task(write(number))
        group.create_task(safe.again().rotation.rotate())
    assert await all_open(safe)
    assert await keys_used(safe) == {Sealer.of(safe.folder).current}


async def test_a_row_nobody_can_open_is_named_and_left_and_its_key_is_kept(safe: Safe) -> None:
    row = (await safe.database.rows(select(tables.credentials).where(tables.credentials.c.name == "openai")))[0]
    broken = (
        update(tables.credentials)
        .where(tables.credentials.c.name == "openai")
        .values(secret=row.secret[:-6] + "AAAAAA")
    )
    await safe.database.write((broken, None))
    done = await safe.rotation.rotate()
    assert (done.secrets, done.keys.unreadable, len(done.keys.others)) == (4, ("credentials/secret/openai",), 1)
    await safe.credentials.put("openai", SECRET, "ada", tested=True)
    done = await safe.rotation.rotate()
    assert (done.resumed, done.keys.unreadable, done.keys.others) == (True, (), ())


async def test_two_rotations_at_once_are_one(safe: Safe) -> None:
    path = (safe.folder / FILE).with_name(".secrets.key.lock")
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="Another rotation"):
            await safe.rotation.rotate()
    assert await all_open(safe)


async def test_a_key_of_the_settings_is_rotated_by_naming_two(safe: Safe) -> None:
    old, new = (safe.folder / FILE).read_text().strip(), new_key()
    with pytest.raises(BadInput, match="secrets new"):
        await Rotation(safe.database, Sealer.of(safe.folder, old)).rotate()
    done = await Rotation(safe.database, Sealer.of(safe.folder, f"{new},{old}")).rotate()
    assert (done.secrets, done.keys.unreadable) == (len(NAMES), ())
    assert await keys_used(safe) == {Sealer(read_keys(new, "test")).current}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_rotation_that_is_killed_loses_nothing_and_is_finished_by_the_next(tmp_path: Path, moment: str) -> None:
    folder = tmp_path / "data"

    async def prepared() -> None:
        async with open_safe(folder / "staffwork.db", folder) as safe:
            for name in NAMES:
                await safe.credentials.put(name, Secret(key=f"{KEY}-{name}"), "ada", tested=True)

    async def afterwards() -> None:
        database = await Database.open(folder / "staffwork.db")
        try:
            safe = safe_of(database, folder)
            assert await all_open(safe), "a secret does not open after the kill"
            status = await safe.rotation.status()
            assert status.unfinished is (moment not in ("before", "old key gone"))
            done = await safe.rotation.rotate()
            assert done.resumed is status.unfinished
            assert (done.keys.others, done.keys.unreadable, done.keys.sealed) == ((), (), {done.keys.current: 5})
            assert await all_open(safe)
        finally:
            await database.close()

    asyncio.run(prepared())
    before = (folder / FILE).read_text()
    script = Path(__file__).with_name("killed_rotation.py")
    environ = os.environ | {"PYTHONPATH": str(PROJECT)}
    ended = subprocess.run([sys.executable, script, folder, moment], check=False, cwd=PROJECT, env=environ, timeout=120)
    assert ended.returncode == -signal.SIGKILL
    assert (before.strip() in (folder / FILE).read_text()) is (moment != "old key gone")
    asyncio.run(afterwards())


def test_the_terminal_rotates_and_says_where_things_stand(tmp_path: Path) -> None:
    terminal = Terminal(tmp_path)
    code, out, err = terminal.run("secrets", "status", "--json")
    assert code == 0, err
    first = json.loads(out)
    assert (first["sealed"], first["unreadable"], first["unfinished"]) == ({}, [], False)
    code, out, _ = terminal.run("secrets", "rotate")
    assert (code, "0 secrets were sealed anew" in out) == (0, True)
    with closing(sqlite3.connect(tmp_path / "data" / "staffwork.db")) as database:
        rows = database.execute("SELECT address FROM audit WHERE kind = ?", ("secrets_rotated",)).fetchall()
    assert rows == [("terminal",)]
    code, out, _ = terminal.run("secrets", "status")
    assert (code, first["current"] in out) == (0, False)
    key = terminal.run("secrets", "new")[1].strip()
    assert len(read_keys(key, "test")) == 1
    other = Terminal(tmp_path, secrets_key="too short")
    code, out, err = other.run("secrets", "status")
    assert (code, "STAFFWORK_SECRETS_KEY" in err, "too short" in err) == (2, True, False)
