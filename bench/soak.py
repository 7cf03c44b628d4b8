"""Missions survive anything: hundreds of them, processes killed at random moments, and a count of what came of it.

`python -m bench soak [sqlite] [postgres] [dag] [locked] [faults]` (default: all) prints a table and writes
bench/results/soak.json; the exit code says whether everything held. What is done and checked is in
tests/integration/soak_*.py and faults.py.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "integration"))

from faults import Fault, Tried, every, some, tried  # noqa: E402
from faults import counted as count_calls  # noqa: E402
from soak_drive import opened, soak  # noqa: E402
from soak_terms import THIRTY_TASKS, Count, Terms  # noqa: E402

Rows = dict[str, tuple[Any, str]]

LATEST = 10.0
LOCKED_SECONDS = 30.0
LONGEST_ROW = 3
"""How many calls in a row a fault of the disk lasts, where it lasts."""


def file(folder: Path) -> tuple[Rows, list[str]]:
    """Missions on SQLite, one worker killed again and again."""
    return counted(asyncio.run(soak(Terms(), folder / "staffwork.db", folder)))


def postgres(folder: Path) -> tuple[Rows, list[str]]:
    """Missions on PostgreSQL: one web that submits and follows, three workers, killed and frozen."""
    first = Terms(missions=180, workers=3, kills=4, pace=0.25, span=6.0)
    last = Terms(missions=20, wave=10, workers=3, kills=1, frozen=True, pace=0.15, span=3.0, seed=11)
    killed = asyncio.run(soak(first, database(), folder / "killed"))
    frozen = asyncio.run(soak(last, database(), folder / "frozen"))
    return counted(killed + frozen)


def database() -> str:
    """Start a PostgreSQL, and make an empty database in it."""
    import postgres_fixtures

    return postgres_fixtures.server().create()


def dag(folder: Path) -> tuple[Rows, list[str]]:
    """Missions of thirty tasks each, under kills; nothing is swapped, and only what was under way is repeated."""
    return counted(asyncio.run(soak(THIRTY_TASKS, folder / "staffwork.db", folder)))


def locked(folder: Path) -> tuple[Rows, list[str]]:
    """Another program holds the database for 30 seconds while missions are at work; nothing is started again."""
    return counted(asyncio.run(_locked(folder / "staffwork.db", folder)))


async def _locked(place: Path, folder: Path) -> Count:
    names = [f"soak-{number:04}" for number in range(10)]
    async with opened(Terms(missions=len(names), pace=0.1, span=0.3), place, folder) as it:
        await it.start_worker()
        await it.submit_all(names)
        other = sqlite3.connect(place)
        other.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(LOCKED_SECONDS)
        other.rollback()
        other.close()
        it.restarted = time.monotonic()
        return await it.finish(names)


def faults(folder: Path) -> tuple[Rows, list[str]]:
    """Every call of the database, of models and tools goes wrong once, in every way it can."""
    logging.disable(logging.CRITICAL)  # things go wrong on purpose
    calls = asyncio.run(count_calls(folder))
    every_one = [*every(calls), *some(every(calls, LONGEST_ROW), 20, 1)]
    random.Random(1).shuffle(every_one)
    share = os.cpu_count() or 1
    began = time.monotonic()
    with ProcessPoolExecutor(share, mp_context=get_context("spawn")) as processes:
        found = list(processes.map(_share, [(folder / str(n), every_one[n::share]) for n in range(share)]))
    wrong = [f"{fault}: {problem}" for part in found for fault, problems in part.wrong.items() for problem in problems]
    return {
        "faults, each in a mission of its own": (len(every_one), ""),
        "faults that came": (sum(part.came for part in found), ""),
        "effects executed twice": (sum("was executed" in w for w in wrong), "0"),
        "missions that hung": (sum("hangs" in w for w in wrong), "0"),
        "anything wrong": (len(wrong), "0"),
        "seconds": (round(time.monotonic() - began), ""),
    }, wrong


def _share(given: tuple[Path, list[Fault]]) -> Tried:
    logging.disable(logging.CRITICAL)
    folder, chosen = given
    folder.mkdir()
    return asyncio.run(tried(folder, chosen, at_once=6))


PARTS: dict[str, Callable[[Path], tuple[Rows, list[str]]]] = {
    "sqlite": file,
    "postgres": postgres,
    "dag": dag,
    "locked": locked,
    "faults": faults,
}


def counted(count: Count) -> tuple[Rows, list[str]]:
    """Make rows of a count, and see that it is as it must be."""
    wrong = list(count.wrong)
    if count.slowest > LATEST:
        wrong.append(f"a mission needed {count.slowest:.1f} s to come to a definite state")
    if count.acknowledged != count.missions:
        wrong.append(f"{count.acknowledged} of {count.missions} missions were acknowledged")
    if count.repeated > count.may_repeat:
        wrong.append(f"{count.repeated} model calls were repeated, more than were under way when a process was lost")
    return rows(count), wrong


def rows(count: Count) -> Rows:
    """Say what was counted, and what it must be."""
    wrong = count.wrong
    return {
        "missions acknowledged": (f"{count.acknowledged} of {count.missions}", ""),
        "processes killed": (count.kills, ""),
        "missions hit (once, twice)": (
            f"{sum(n == 1 for n in count.hits.values())}, {sum(n == 2 for n in count.hits.values())}",
            "",
        ),
        "missions whose process froze and woke": (count.frozen, ""),
        "missions lost": (sum("lost" in w for w in wrong), "0"),
        "effects executed twice": (sum("was executed" in w for w in wrong), "0"),
        "definite state after restart, slowest s": (round(count.slowest, 1), f"<= {LATEST:.0f}"),
        "decisions of a person": (count.decisions, ""),
        "events followed, exactly once": (count.events, ""),
        "model calls repeated": (count.repeated, f"<= {count.may_repeat}"),
        "ends": (", ".join(f"{n} {state}" for state, n in count.ends.most_common()), ""),
        "anything wrong": (len(wrong), "0"),
        "seconds": (round(count.seconds), ""),
    }


def main(names: list[str]) -> int:
    results, good = {}, True
    for name in names or list(PARTS):
        with tempfile.TemporaryDirectory() as folder:
            found, wrong = PARTS[name](Path(folder))
        print(f"\n{name:<40} {'measured':>28}  target")
        for what, (value, target) in found.items():
            print(f"{what:<40} {value!s:>28}  {target}")
        for problem in wrong[:20]:
            print(f"  {problem}")
        sys.stdout.flush()
        results[name] = {what: value for what, (value, _) in found.items()} | {"wrong": wrong}
        good = good and not wrong
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    (folder / "soak.json").write_text(json.dumps(results, indent=1))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
