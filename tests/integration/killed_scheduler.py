"""A process that takes up due times and is killed with SIGKILL at a given point; started by test_scheduler_kill.py."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from schedule_fixtures import MONDAY, Bench, Clock

from core.missions import Mission
from memory import schedules
from memory.database import Database


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def dies_before_handing_over(mission: Mission) -> None:
    die()


async def work(folder: Path, point: str) -> None:
    database = await Database.open(folder / "staffwork.db")
    bench = Bench(database, Clock(MONDAY + timedelta(hours=1)), dies_before_handing_over)
    if point == "within":  # the mission is written, and nothing is committed
        accept = schedules.accept_mission

        def dying(*given: Any) -> bool:
            accept(*given)
            die()
            return True

        schedules.accept_mission = dying
    await bench.look()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), sys.argv[2]))
