"""kill -9 while a due time is taken up: afterwards its mission is there once, and is run once, by the real office."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from schedule_fixtures import MONDAY, Bench, Clock
from store_fixtures import store

from core.events import MissionEnded, MissionStarted
from core.missions import Status
from core.settings import Settings
from graphs.office import Office
from graphs.schedules import Scheduler
from memory.database import Database
from memory.schedules import Schedules

HERE = Path(__file__).parent


@pytest.mark.parametrize(("point", "left"), [("within", 0), ("before", 1)])
async def test_a_due_time_survives_the_process_that_took_it_up(tmp_path: Path, point: str, left: int):
    path = tmp_path / "staffwork.db"
    async with store(path) as database:
        added = await Bench(database, Clock()).add(goal="What is 12 * 12?")
    command = [sys.executable, str(HERE / "killed_scheduler.py"), str(tmp_path), point]
    killed = await asyncio.to_thread(subprocess.run, command, cwd=HERE.parent.parent, timeout=60, check=False)
    assert killed.returncode == -signal.SIGKILL
    database = await Database.open(path)
    assert len(await Bench(database, Clock()).accepted()) == left
    await database.close()
    async with Office.open(Settings(data_dir=tmp_path)) as office:
        again = Scheduler(office.submit, Schedules(office.database), Clock(MONDAY + timedelta(hours=1, seconds=9)))
        for _ in range(3):
            await again.look()
        found = await office.schedules.get(added.id, "ada")
        assert found.last_mission_id is not None
        async with asyncio.timeout(30):
            events = [event async for event in office.follow(found.last_mission_id)]
        assert isinstance(events[-1], MissionEnded)
        assert (events[-1].status, "144" in events[-1].answer) == (Status.COMPLETED, True)
        assert len([e for e in events if isinstance(e, MissionStarted)]) == 1
        assert len(await office.missions.recent(None, 10)) == 1


async def test_the_office_keeps_schedules_where_it_is_asked_to(tmp_path: Path):
    settings = Settings(data_dir=tmp_path)
    async with Office.open(settings, keep_schedules=True) as office:
        user = await office.people.ensure_local_owner()
        fields = {"goal": "What is 12 * 12?", "cron": "* * * * *", "timezone": "UTC"}
        added = await office.schedules.add(user.id, fields)
        due = {"next_at": MONDAY - timedelta(days=1000)}  # overdue: it must not wait for the next full minute
        await office.schedules._store.change(added.id, user.id, 1, due)
        async with asyncio.timeout(30):
            while (found := await office.schedules.get(added.id, user.id)).last_status is not Status.COMPLETED:
                await asyncio.sleep(0.02)
        assert found.last_words.startswith("More than 100 times were missed; started once")
    async with Office.open(settings, at_work=False) as office:  # others only look
        await office.schedules._store.change(added.id, user.id, 2, due)
        assert (await office.schedules.get(added.id, user.id)).next_at == due["next_at"]
