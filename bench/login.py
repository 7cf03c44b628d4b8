"""How long a wrong login takes, for a name that exists and for one that does not: it must not tell which it was."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from core.errors import Refused
from memory.database import Database
from memory.people import People

TRIES = 12


async def main() -> None:
    """Measure and print milliseconds: the median of each, and how far they lie apart."""
    with tempfile.TemporaryDirectory() as folder:
        database = await Database.open(Path(folder) / "staffwork.db")
        people = People(database)
        await people.create_owner(await people.new_setup_token(), "ada", "a long password")
        took: dict[str, list[float]] = {"known": [], "unknown": []}
        await _seconds(people, "warm", 0)
        for n in range(TRIES):  # in turns, so that what else the machine does falls on both
            took["known"].append(await _seconds(people, "ada", n))
            took["unknown"].append(await _seconds(people, f"nobody{n}", n + TRIES))
            await people._throttle.clear(["name:ada"])
        await database.close()
    medians = {name: statistics.median(values) * 1000 for name, values in took.items()}
    for name, value in medians.items():
        print(f"{name:8} {value:7.1f} ms")
    print(f"apart    {abs(medians['known'] - medians['unknown']):7.1f} ms")


async def _seconds(people: People, name: str, n: int) -> float:
    began = time.perf_counter()
    with suppress(Refused):
        await people.verify(name, "wrong password", f"10.0.{n}.1")
    return time.perf_counter() - began


if __name__ == "__main__":
    asyncio.run(main())
