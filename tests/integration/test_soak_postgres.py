"""A small part of `make soak` on PostgreSQL: several workers, killed and frozen at random moments."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from soak_drive import soak
from soak_terms import Terms
from sqlalchemy import insert, update
from sqlalchemy.ext.asyncio import AsyncConnection
from store_fixtures import store

from core.errors import Conflict
from core.missions import now
from memory import tables
from memory.checkpoints import open_checkpointer
from memory.postgres import PostgresDatabase


async def test_missions_survive_killed_and_frozen_workers(postgres: str, tmp_path: Path) -> None:
    terms = Terms(missions=12, wave=12, workers=3, kills=1, frozen=True, pace=0.3, span=1, seed=11)
    count = await soak(terms, postgres, tmp_path)
    assert count.wrong == []
    assert count.acknowledged == 12
    assert count.kills == 1
    assert count.frozen > 0, "whoever was frozen must have been at work"
    assert count.slowest <= 40, "seconds until a mission of a lost process is at rest, on a busy machine"


async def test_a_process_frozen_after_many_rows_does_not_hold_others_up(postgres: str) -> None:
    thawed, held = asyncio.Event(), asyncio.Event()
    ada = update(tables.users).where(tables.users.c.id == "ada")
    impatient = "&options=-c%20idle_in_transaction_session_timeout%3D200ms"

    async def freezes(connection: AsyncConnection) -> None:
        if held.is_set():
            return
        rows = [
            {"id": f"c{n}", "user_id": "ada", "title": "", "created_at": now(), "updated_at": now()} for n in (1, 2)
        ]
        await connection.execute(ada.values(name="held"))
        await connection.execute(insert(tables.conversations), rows)
        held.set()
        await thawed.wait()

    async with store(postgres) as database:
        frozen = await PostgresDatabase.at(f"{postgres}{impatient}")
        freezing = asyncio.create_task(frozen.transact(freezes))
        await asyncio.wait_for(held.wait(), 10)
        async with asyncio.timeout(30):
            await database.write((ada.values(name="free"), None))
        thawed.set()
        await freezing
        await frozen.close()


async def test_where_the_graph_stands_does_not_outrun_the_journal(postgres: str) -> None:
    place: Any = {"configurable": {"thread_id": "m", "checkpoint_ns": ""}}
    here: Any = {"v": 4, "id": "1ef4f797-8335-6428-8001-000000000001", "ts": "", "channel_values": {},
                 "channel_versions": {}, "versions_seen": {}}  # fmt: skip

    async def overtaken() -> None:
        raise Conflict("Another attempt has it.")

    async with store(postgres) as database, open_checkpointer(database) as shared:
        with pytest.raises(Conflict):
            await shared.for_run(overtaken).aput(place, here, {}, {})
        assert await shared.aget_tuple(place) is None, "nothing is kept of a run that was overtaken"
