"""What the chat costs a person who has used it for years: the list of 1,000 conversations, search in them, and one of 200 missions.

`python -m bench.chat_scale` prints a table, writes results/chat_scale.json, and fails over the limits (list 100 ms, opening 1 s).
A mission is played once and its events are stored again and again under other ids. Times are those of a client on loopback.
"""

from __future__ import annotations

import asyncio
import json
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "integration"))
logging.disable(logging.WARNING)

import httpx  # noqa: E402
from served_fixtures import given, serve, until_at_rest  # noqa: E402
from sqlalchemy import Connection, select  # noqa: E402

from core.events import Event, MissionAccepted  # noqa: E402
from core.missions import Mission, new_id, now  # noqa: E402
from memory.event_rows import add_rows  # noqa: E402
from memory.missions import accept_mission, start_attempt  # noqa: E402
from memory.projections import project  # noqa: E402
from memory.tables import missions  # noqa: E402

CONVERSATIONS, MISSIONS, ROUNDS = 1_000, 200, 9
LIST_SECONDS, OPEN_SECONDS = 0.1, 1.0
WORDS = ["budget", "forecast", "supplier", "harbour", "meadow", "invoice", "printer", "contract", "summer", "winter"]


async def store(office: Any, user_id: str, talk: str, goal: str, events: list[Event]) -> None:
    """Store a mission with the events of one that was played, at once: nobody is to take it up."""
    mission = Mission(id=new_id(), conversation_id=talk, user_id=user_id, goal=goal, created_at=now())
    theirs = [
        event.model_copy(update={"mission_id": mission.id})
        for event in events
        if not isinstance(event, MissionAccepted)
    ]

    def work(connection: Connection) -> None:
        accept_mission(connection, mission, new_id(), goal[:60])
        start_attempt(connection, mission.id)
        number = connection.execute(select(missions.c.number).where(missions.c.id == mission.id)).scalar_one()
        add_rows(connection, number, theirs)
        project(connection, theirs)

    await office.database.apply(work)


async def median(work: Callable[[], Awaitable[httpx.Response]]) -> tuple[float, int]:
    """Do it once, then ROUNDS times: the median in seconds, and the size of the answer in bytes."""
    answer, took = await work(), []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        answer = await work()
        took.append(time.perf_counter() - begun)
        assert answer.status_code == 200, answer.text
    return statistics.median(took), len(answer.content)


async def measure(client: httpx.AsyncClient, long: str) -> dict[str, tuple[float, int]]:
    threads = {"pagination": {"first": 35}, "filter": {}}
    looked_for = {"pagination": {"first": 20}, "filter": {"search": "harbour 73"}}
    cases: dict[str, Callable[[], Awaitable[httpx.Response]]] = {
        "list beside the chat": lambda: client.post("/project/threads", json=threads),
        "all conversations (REST)": lambda: client.get("/api/conversations?limit=500"),
        "all conversations (page)": lambda: client.get("/conversations"),
        "news": lambda: client.get("/api/news"),
        "search box": lambda: client.post("/project/threads", json=looked_for),
        "search, a common word": lambda: client.get("/api/search?query=harbour"),
        "opening 200 missions": lambda: client.get(f"/project/thread/{long}"),
    }
    return {name: await median(work) for name, work in cases.items()}


async def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        async with serve(Path(folder)) as house, house.visitor("ada") as client:
            office, user_id = house.office, (await house.office.people.by_name("ada")).id
            played = await given(client, "Work it out")
            await until_at_rest(client, played, "completed")
            events = await office.journal.read(played)
            for number in range(CONVERSATIONS):
                words = f"{WORDS[number % len(WORDS)]} {WORDS[number % 7]} {number}"
                await store(office, user_id, f"talk-{number}", f"Please look into {words}", events)
            long = "talk-of-many"
            for number in range(MISSIONS):
                await store(office, user_id, long, f"Question {number}", events)
            found = await measure(client, long)
    return report(found, len(events))


def report(found: dict[str, tuple[float, int]], events: int) -> int:
    limits = {name: OPEN_SECONDS if name.startswith("opening") else LIST_SECONDS for name in found}
    print(f"{CONVERSATIONS} conversations, {MISSIONS} missions in one, {events} events each; median of {ROUNDS}")
    print(f"{'':28}{'ms':>9}{'limit':>9}{'kB':>9}")
    for name, (seconds, size) in found.items():
        print(f"{name:28}{seconds * 1000:9.1f}{limits[name] * 1000:9.0f}{size / 1000:9.1f}")
    rows = {name: {"ms": round(s * 1000, 1), "bytes": size} for name, (s, size) in found.items()}
    (HERE / "results" / "chat_scale.json").write_text(json.dumps(rows, indent=2) + "\n")
    late = [name for name, (seconds, _) in found.items() if seconds > limits[name]]
    print(f"over the limit: {', '.join(late)}" if late else "all within the limits")
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
