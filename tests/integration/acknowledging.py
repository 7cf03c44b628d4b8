"""A process that accepts missions and writes their events until it is killed; run by test_missions_store.py."""

from __future__ import annotations

import asyncio
import sys
from itertools import count
from pathlib import Path

from store_fixtures import open_at

from core.events import MissionStarted, TextStreamed
from core.missions import Mission, now
from memory import tables
from memory.journal import Journal
from memory.missions import Missions
from memory.statements import insert_into


async def one(missions: Missions, journal: Journal, name: str) -> None:
    mission = Mission(id=name, conversation_id=name, user_id="u", goal=name, created_at=now())
    await missions.accept(mission, f"{name}:message", title=name)
    print(f"accepted {name}", flush=True)
    writer = await journal.writer(name, await missions.start_attempt(name))
    writer.add(MissionStarted(mission_id=name))
    for n in range(20):
        writer.add(TextStreamed(mission_id=name, step="report", offset=n, text="word"))
        await asyncio.sleep(0)
    await writer.flush()
    print(f"flushed {name}", flush=True)


async def main(place: Path | str, prefix: str) -> None:
    database = await open_at(place)
    user = {"id": "u", "name": "u", "password_hash": "", "role": "owner", "created_at": now()}
    await database.apply(lambda c: c.execute(insert_into(c, tables.users).on_conflict_do_nothing(), user).rowcount)
    missions, journal = Missions(database), Journal(database)

    async def loop(lane: int) -> None:
        for n in count():
            await one(missions, journal, f"{prefix}.{lane}.{n}")

    await asyncio.gather(*(loop(lane) for lane in range(4)))


where = sys.argv[1]
asyncio.run(main(where if where.startswith("postgresql:") else Path(where), sys.argv[2]))
