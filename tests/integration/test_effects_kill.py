"""kill -9 in the middle of effects, many times: none happens twice, every open one is reported, what may be repeated is."""

from __future__ import annotations

import asyncio
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from effect_worker import MISSION, written
from store_fixtures import mission, open_at, store

from memory.effects import Effects
from memory.missions import Missions

HERE = Path(__file__).parent
KILLS, CALLS = 12, 40


@asynccontextmanager
async def service(requests: list[str]) -> AsyncIterator[int]:
    """Serve on loopback; each line is "key text", and counts once for each key."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if line := (await reader.readline()).decode().strip():
            requests.append(line)
            writer.write(b"ok\n")
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def life(folder: Path, place: Path | str, port: int, seconds: float | None) -> tuple[list[str], bool]:
    """Run the worker, kill it `seconds` after it is ready (None: never); returns what it said, and whether it was killed."""
    command = [sys.executable, str(HERE / "effect_worker.py"), str(folder), str(place), str(port), str(CALLS)]
    child = await asyncio.create_subprocess_exec(*command, cwd=HERE.parent.parent, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n"
    if seconds is not None:
        try:
            async with asyncio.timeout(seconds):
                await child.wait()
        except TimeoutError:
            child.kill()
    said = (await child.stdout.read()).decode().splitlines()
    await child.wait()
    return said, "end" not in said


async def test_killed_at_random_no_effect_happens_twice(place: Path | str, tmp_path: Path) -> None:
    moments, requests = random.Random(20261121), list[str]()
    async with store(place) as database:
        await Missions(database).accept(mission(MISSION), "message", "title")
    killed = 0
    async with service(requests) as port:
        for _ in range(KILLS):
            _said, dead = await life(tmp_path, place, port, moments.random() * 0.25)
            killed += dead
        said, dead = await life(tmp_path, place, port, None)
    assert killed >= KILLS // 2, "the test must have killed something"
    assert not dead
    check_appended(tmp_path, said)
    check_delivered(requests, said)
    repeated = len(requests) - CALLS
    database = await open_at(place)
    unsettled = {line for line in said if line.startswith("unsettled")}
    still_open = await Effects(database).open_of(MISSION)
    await database.close()
    assert len(still_open) == len(unsettled), "what is open on record, and nothing else, was reported"
    assert {effect.tool for effect in still_open} <= {"append"}
    assert repeated + len(unsettled) > 0, "the kills must have hit something in the middle"


def check_appended(folder: Path, said: list[str]) -> None:
    for name in ("append", "append_checked"):
        counted = Counter(written(folder, name))
        assert max(counted.values()) == 1, f"{name} happened twice: {counted.most_common(3)}"
        assert {line for line in counted if f"ok {line}" not in said and f"unsettled {line}" not in said} == set()
        lost = [line for n in range(CALLS) if f"ok {(line := f'{name} {n}')}" in said and line not in counted]
        assert lost == [], "reported as done, and never happened"
    assert f"ok append_checked {CALLS - 1}" in said
    assert [line for line in said if line.startswith("unsettled append_checked")] == [], "it can look for itself"


def check_delivered(requests: list[str], said: list[str]) -> None:
    keys: dict[str, set[str]] = {}
    for request in requests:
        key, line = request.split(" ", 1)
        keys.setdefault(line, set()).add(key)
    assert len(keys) == CALLS
    assert all(len(known_by) == 1 for known_by in keys.values()), "one call, one key, however often it is made"
    assert len(requests) >= CALLS
    assert len([line for line in said if line.startswith("ok deliver")]) == CALLS
