"""kill -9 in the middle of a mission: it continues, and no call that is on record as finished is made again."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from core.events import Event, MissionEnded, MissionStarted, ModelReplied, TaskEnded, ToolReturned
from core.missions import Status
from memory.database import Database
from memory.journal import Journal

HERE = Path(__file__).parent
MISSION = "the-mission"


def start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, str(HERE / "killed_mission.py"), str(folder)], cwd=HERE.parent.parent)


def lines(folder: Path) -> list[str]:
    log = folder / "calls.log"
    return log.read_text().splitlines() if log.exists() else []


def wait_for_line(folder: Path, count: int, child: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 30
    while len(lines(folder)) < count and child.poll() is None and time.monotonic() < end:
        time.sleep(0.002)


async def journal(folder: Path) -> list[Event]:
    database = await Database.open(folder / "staffwork.db")
    try:
        return await Journal(database).read(MISSION)
    finally:
        await database.close()


def finished(events: list[Event]) -> set[str]:
    models = {f"model {e.step}" for e in events if isinstance(e, ModelReplied)}
    tools = {f"tool {e.output.removeprefix('counted ')}" for e in events if isinstance(e, ToolReturned)}
    return models | tools


async def test_a_killed_mission_continues_without_repeating_what_was_finished(tmp_path: Path) -> None:
    moments = random.Random(7)
    kills = 0
    for round_ in range(8):
        known = finished(await journal(tmp_path)) if kills else set()
        before = len(lines(tmp_path))
        child = start(tmp_path)
        wait_for_line(tmp_path, before + 1 + moments.randint(2, 9), child)
        await asyncio.sleep(moments.random() * 0.03)
        if child.poll() is None and round_ < 7:  # the last one may come to its end
            child.send_signal(signal.SIGKILL)
            kills += 1
        child.wait(30)
        again = known & set(lines(tmp_path)[before:])
        assert not again, f"finished before the kill, and made again after it: {again}"
        events = await journal(tmp_path)
        if isinstance(events[-1], MissionEnded):
            break
    assert kills >= 3, "the test must have killed something"
    assert isinstance(events[-1], MissionEnded), "after the last kill the mission must have come to its end"
    assert (events[-1].status, events[-1].answer) == (Status.COMPLETED, "The end.")
    assert [e.seq for e in events] == list(range(1, len(events) + 1))
    results = {e.task_id: e.result for e in events if isinstance(e, TaskEnded)}
    assert results == {f"t{i}": f"Result of t{i}" for i in (1, 2, 3, 4)}, "no result may stand at another task"
    assert len([e for e in events if isinstance(e, ModelReplied)]) == 14
    assert len([e for e in events if isinstance(e, ToolReturned)]) == 16
    assert max(e.attempt for e in events if isinstance(e, MissionStarted)) == kills + 1
