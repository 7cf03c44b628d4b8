"""A conversation that is deleted while somebody is at work in it, in another process for one: nothing of it is left behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from mission_fixtures import calls, plans, says
from sqlalchemy import text
from steering_fixtures import eventually, open_house

from memory.conversations import Conversations
from memory.database import Database


async def left_of(database: Database, mission_id: str) -> list[str]:
    """Name the tables that still say where a mission stood."""
    found = []
    for table in ("checkpoints", "writes"):
        query = text(f"SELECT count(*) FROM {table} WHERE thread_id = :id").bindparams(id=mission_id)
        [(count,)] = await database.rows(query)
        found += [table] * bool(count)
    return found


async def test_where_its_mission_stood_is_forgotten_too(tmp_path: Path) -> None:
    asked, go_on = asyncio.Event(), asyncio.Event()

    async def script(_: Any, site: Any) -> Any:
        if site.step == "plan":
            return plans({"operator": "analyst", "goal": "Do it."})
        if site.step == "t1/1":
            asked.set()
            await go_on.wait()
            return calls(("finish", {"status": "completed", "summary": "done", "result": "the secret words"}))
        return says("Done.")

    async with open_house(tmp_path, script) as house:
        mission = await house.submit()
        await asyncio.wait_for(asked.wait(), 20)
        database = house.desk.database
        await Conversations(database).delete(mission.conversation_id, "ada")
        go_on.set()
        await eventually(lambda: house.dispatcher.running(mission.conversation_id) is None)
    async with open_house(tmp_path, script) as house:
        assert await left_of(house.desk.database, mission.id) == []
