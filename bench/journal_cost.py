"""What one delegated mission costs in the store: accepted, journalled, projected, charged and followed.

Prints a table and writes bench/results/journal_cost.json. Run: python -m bench.journal_cost
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from core.budget import Usage
from core.events import (
    Event,
    MissionEnded,
    MissionStarted,
    ModelAsked,
    ModelReplied,
    TaskEnded,
    TaskStarted,
    TextStreamed,
    ToolCalled,
    ToolReturned,
)
from core.missions import Mission, Status, new_id, now
from core.ports import LedgerRow
from memory import tables
from memory.database import Database
from memory.journal import Journal
from memory.ledger import Ledger
from memory.missions import Missions

RESULTS = Path(__file__).parent / "results" / "journal_cost.json"
WORDS = "The revenue of the northern region grew by twelve percent against the year before. " * 3


def events(mission_id: str) -> Iterator[Event | LedgerRow]:
    """One delegated mission: plan, three operators with two tool calls each, report; 11 model calls in all."""
    yield MissionStarted(mission_id=mission_id)
    yield from call(mission_id, "plan")
    tasks = [f"t{n}" for n in (1, 2, 3)]
    for task in tasks:
        yield TaskStarted(
            mission_id=mission_id, task_id=task, operator="analyst", title="Analyst", profile_version="1", goal=WORDS
        )
    for turn in (1, 2, 3):
        for task in tasks:
            yield from call(mission_id, f"{task}/{turn}", task)
            if turn < 3:
                step: dict[str, Any] = {"mission_id": mission_id, "task_id": task, "step": f"{task}/{turn}.0"}
                yield ToolCalled(**step, tool="query_table", arguments={"sql": WORDS}, intent="Query the table.")
                yield ToolReturned(**step, tool="query_table", status="ok", output=WORDS * 4, size=900, seconds=0.01)
    for task in tasks:
        yield TaskEnded(
            mission_id=mission_id,
            task_id=task,
            operator="analyst",
            status=Status.COMPLETED,
            summary=WORDS,
            result=WORDS * 4,
        )
    yield from call(mission_id, "report")
    yield MissionEnded(mission_id=mission_id, status=Status.COMPLETED, answer=WORDS * 5, usage=Usage(model_calls=11))


def call(mission_id: str, step: str, task_id: str | None = None) -> Iterator[Event | LedgerRow]:
    who: dict[str, Any] = {"mission_id": mission_id, "task_id": task_id, "step": step, "role": "operator", "model": "x"}
    yield ModelAsked(**who)
    for offset in range(0, 300, 100):
        yield TextStreamed(mission_id=mission_id, task_id=task_id, step=step, offset=offset, text=WORDS[:100])
    yield LedgerRow(**who, id=new_id(), provider="openai", tokens_in=300, tokens_out=80, seconds=0.4)
    yield ModelReplied(**who, text=WORDS, usage=Usage(model_calls=1, tokens_in=300, tokens_out=80))


async def mission(missions: Missions, journal: Journal, ledger: Ledger, pause: float) -> int:
    """Take one mission through the store with one follower, `pause` seconds between its events; returns the events."""
    given = Mission(id=new_id(), conversation_id=new_id(), user_id="u", goal=WORDS, created_at=now())
    await missions.accept(given, new_id(), title="Revenue")
    following = asyncio.create_task(count(journal.follow(given.id)))
    writer = await journal.writer(given.id, await missions.start_attempt(given.id))
    for item in events(given.id):
        if isinstance(item, LedgerRow):
            await ledger.record(item)
        else:
            writer.add(item)
        await asyncio.sleep(pause)
    await writer.close()
    return await following


async def count(followed: AsyncIterator[Event]) -> int:
    return len([event async for event in followed])


async def idle(pause: float) -> None:
    """The same loop with no store under it: what the measuring itself costs."""
    for _ in events("m"):
        await asyncio.sleep(pause)


def written() -> int:
    lines = Path("/proc/self/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("wchar"))


async def measure(path: Path, *, repeat: int, at_once: int, pause: float) -> dict[str, float]:
    database = await Database.open(path)
    user = {"id": "u", "name": "u", "password_hash": "", "role": "owner", "created_at": now()}
    await database.write((insert(tables.users), user))
    missions, journal, ledger = Missions(database), Journal(database), Ledger(database)
    await mission(missions, journal, ledger, 0)  # warm

    before = time.process_time()
    for _ in range(repeat):
        await asyncio.gather(*(idle(pause) for _ in range(at_once)))
    empty = time.process_time() - before

    cpu, wall, output = time.process_time(), time.perf_counter(), written()
    followed = 0
    for _ in range(repeat):
        followed = (await asyncio.gather(*(mission(missions, journal, ledger, pause) for _ in range(at_once))))[0]
    await ledger.flush()
    number = repeat * at_once
    result = {
        "events": followed,
        "cpu_ms": 1000 * (time.process_time() - cpu - empty) / number,
        "wall_ms": 1000 * (time.perf_counter() - wall) / repeat,
        "written_kb": (written() - output) / 1024 / number,
    }
    await database.close()
    return result | {"stored_kb": (await asyncio.to_thread(path.stat)).st_size / 1024 / (number + 1)}


def main() -> None:
    cases = {
        "one at a time, instant": {"repeat": 50, "at_once": 1, "pause": 0.0},
        "one at a time, 1 ms between events": {"repeat": 10, "at_once": 1, "pause": 0.001},
        "one at a time, 10 ms between events": {"repeat": 3, "at_once": 1, "pause": 0.01},
        "100 at once, 10 ms between events": {"repeat": 1, "at_once": 100, "pause": 0.01},
    }
    results = {}
    print(f"{'':38}{'events':>8}{'CPU ms':>9}{'wall ms':>9}{'written KB':>12}{'stored KB':>11}   (per mission)")
    for name, case in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            found = asyncio.run(measure(Path(folder) / "bench.db", **case))  # type: ignore[arg-type]
        results[name] = {key: round(value, 2) for key, value in found.items()}
        row = results[name]
        print(
            f"{name:38}{row['events']:>8.0f}{row['cpu_ms']:>9.2f}{row['wall_ms']:>9.1f}"
            f"{row['written_kb']:>12.1f}{row['stored_kb']:>11.1f}"
        )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
