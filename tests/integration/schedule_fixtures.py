"""What tests of schedules share: a clock that obeys, a schedule of ada's, and a scheduler over a real store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from core.missions import Mission, Status
from graphs.schedule_keeping import ScheduleKeeper
from graphs.schedules import Scheduler
from memory import tables
from memory.database import Database
from memory.schedules import Schedule, Schedules

MONDAY = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)  # 07:00 in Berlin
GIVEN = {"name": "News", "goal": "Summarise the news", "cron": "0 8 * * *", "timezone": "Europe/Berlin"}


class Clock:
    """Stands still unless it is moved."""

    def __init__(self, moment: datetime = MONDAY) -> None:
        self.moment = moment

    def __call__(self) -> datetime:
        return self.moment

    def forward(self, **much: float) -> None:
        self.moment += timedelta(**much)

    def back(self, **much: float) -> None:
        self.moment -= timedelta(**much)


class Bench:
    """A scheduler and its keeper; missions are accepted for real, and nobody runs them unless the test ends them."""

    def __init__(self, database: Database, clock: Clock, submit: Callable[[Mission], Awaitable[None]] | None = None):
        self.database, self.clock, self.given = database, clock, list[Mission]()
        self.store = Schedules(database)
        self.scheduler = Scheduler(submit or self._submit, self.store, clock)
        self.keeper = ScheduleKeeper(self.store, submit or self._submit, clock)

    async def _submit(self, mission: Mission) -> None:
        self.given.append(mission)

    async def add(self, **more: Any) -> Schedule:
        return await self.keeper.add("ada", GIVEN | more)

    async def look(self) -> float:
        return await self.scheduler.look()

    async def accepted(self) -> list[str]:
        """Name the missions in the database, oldest first."""
        query = select(tables.missions.c.id).order_by(tables.missions.c.number)
        async with self.database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def end(self, status: Status = Status.COMPLETED) -> None:
        """Bring every mission to an end (or to where it waits)."""
        await self.database.write((update(tables.missions).values(status=status.value), None))

    async def words(self, schedule: Schedule) -> str:
        return (await self.store.get(schedule.id, "ada")).last_words
