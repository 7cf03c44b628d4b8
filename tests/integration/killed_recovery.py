"""A process that works on one mission whose tasks fail and are tried again; killed at any moment by test_recovery_crash.py."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from mission_fixtures import open_desk
from recovery_fixtures import FAILED, Play, needs

from agents.llm.calls import CallSite
from core.decisions import Reply
from core.missions import Mission, now

MISSION = "the-mission"
TASKS = {"t1": {}, "t2": needs("t1"), "t3": needs("t1"), "t4": needs("t2", "t3"), "t5": {}}
FAILS = ("t1", "t5", "t1-retry1", "t2-retry2", "t5-retry1", "t5-retry2")


class Noted(Play):
    """Writes a line for each model call when it begins, outside of everything that is tested."""

    def __init__(self, folder: Path) -> None:
        super().__init__(TASKS, dict.fromkeys(FAILS, FAILED))
        self.folder = folder

    async def work(self, task_id: str, site: CallSite) -> Reply:
        log = os.open(self.folder / "calls.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.write(log, f"{site.step}\n".encode())
        os.close(log)
        await asyncio.sleep(0.02)
        return await super().work(task_id, site)


async def work(folder: Path) -> None:
    async with open_desk(folder, Noted(folder), durable=True, recovery_tries=2) as desk:
        mission = Mission(id=MISSION, conversation_id="talk", user_id="ada", goal="Go.", created_at=now())
        await desk.missions.accept(mission, "the-message", title="Go.")
        await desk.run(mission)


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1])))
