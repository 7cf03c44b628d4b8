"""Things that go wrong once, at a chosen call of the database, a model or a tool, while a small mission runs."""

from __future__ import annotations

import asyncio
import random
import shutil
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from soak_checks import violations
from soak_following import Follower
from soak_house import House, mission, open_house, reception_of
from soak_outside import Outside, outside
from soak_person import orders
from soak_play import Actor
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection
from store_fixtures import open_at

from core.errors import StaffworkError
from core.missions import ENDED, Status
from core.settings import Settings
from graphs.reception import Reception
from graphs.standing import Standing
from memory.sqlite_database import SqliteDatabase

T = TypeVar("T")
POINTS = ("write", "written", "group", "read", "model", "tool", "tool done")
"""Before a write, after it, all of its commit; before a read, a model call, a tool call; after a tool has done its work."""


def sqlite(words: str) -> Callable[[], Exception]:
    return lambda: OperationalError("a statement", {}, sqlite3.OperationalError(words))


ERRORS: dict[str, Callable[[], BaseException]] = {
    "disk I/O error": sqlite("disk I/O error"),
    "database is locked": sqlite("database is locked"),
    "database or disk is full": sqlite("database or disk is full"),
    "OSError": lambda: OSError(5, "Input/output error"),
    "RuntimeError": lambda: RuntimeError("a bug"),
    "CancelledError": asyncio.CancelledError,
}
STORAGE = ("disk I/O error", "database is locked", "database or disk is full")


@dataclass(frozen=True)
class Fault:
    """Which call goes wrong, how, and how many in a row."""

    point: str
    number: int
    error: str
    times: int = 1

    def __str__(self) -> str:
        return f"{self.point} {self.number}: {self.error}{'' if self.times == 1 else f' x{self.times}'}"

    @property
    def of_storage(self) -> bool:
        """Say whether it is one that every program on a disk must expect, and that goes away by itself."""
        return self.error in STORAGE


@dataclass
class Faults:
    """Counts the calls of a mission, and lets the chosen ones go wrong."""

    fault: Fault | None = None
    calls: Counter[str] = field(default_factory=Counter)
    armed: bool = False
    raised: int = 0

    def due(self, point: str) -> bool:
        """Count a call; says whether it is one that goes wrong."""
        if not self.armed:
            return False
        self.calls[point] += 1
        fault = self.fault
        if fault is None or point != fault.point or not 0 <= self.calls[point] - fault.number < fault.times:
            return False
        self.raised += 1
        return True

    def hit(self, point: str) -> None:
        if self.due(point):
            raise self.error()

    def error(self) -> BaseException:
        assert self.fault is not None
        return ERRORS[self.fault.error]()


class FaultyDatabase(SqliteDatabase):
    """A file whose chosen calls go wrong."""

    faults: Faults

    def submit(self, work: Callable[[Connection], T], **how: Any) -> asyncio.Future[T]:
        def tried(connection: Connection) -> T:
            self.faults.hit("write")
            result = work(connection)
            self.faults.hit("written")
            if self.faults.due("group"):
                connection.exec_driver_sql("ROLLBACK")  # as SQLite does by itself when the disk is full
                raise self.faults.error()
            return result

        return super().submit(tried, **how)

    async def read(self, work: Callable[[Connection], T]) -> T:
        def tried(connection: Connection) -> T:
            self.faults.hit("read")
            return work(connection)

        return await super().read(tried)

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        async with super().reading() as connection:
            self.faults.hit("read")
            yield connection


class FaultyActor(Actor):
    """Plays a mission; chosen calls go wrong."""

    faults: Faults

    async def script(self, request: Any, site: Any) -> Any:
        self.faults.hit("model")
        return await super().script(request, site)

    async def _send(self, how: str, context: Any, number: int) -> str:
        self.faults.hit("tool")
        sent = await super()._send(how, context, number)
        self.faults.hit("tool done")
        return sent


@dataclass
class Case:
    """One mission with one fault in it, and the next one in its conversation."""

    world: Outside
    folder: Path
    faults: Faults
    name: str
    empty: Path  # a database to be copied: migrating one for each case would take most of the time

    async def run(self, seconds: float = 40) -> list[str]:
        """Return what is wrong in the end."""
        try:
            async with asyncio.timeout(seconds):
                return await self._run()
        except TimeoutError:
            return [f"{self.name}: it hangs"]

    async def _run(self) -> list[str]:
        place = self.folder / "staffwork.db"
        self.folder.mkdir(parents=True)
        await asyncio.to_thread(shutil.copy, self.empty, place)
        outsider = await open_at(place)  # it looks from another connection, where nothing goes wrong
        seen = reception_of(outsider, Settings(data_dir=self.folder / "web"))

        async def opener(place: Path | str) -> FaultyDatabase:
            database = await FaultyDatabase.at(Path(place), 5)
            database.faults = self.faults
            return database

        actor = FaultyActor(self.world.port, 0.001, random.Random(1))
        object.__setattr__(actor, "faults", self.faults)
        try:
            async with open_house(place, self.folder, actor.script, actor.tools(), opener=opener) as house:
                self.faults.armed = True
                return await self._missions(house, seen)
        finally:
            await outsider.close()

    async def _missions(self, house: House, seen: Reception) -> list[str]:
        first, second = f"{self.name}-0013", f"{self.name}-0002"
        talk = f"talk-{self.name}"
        await _patiently(lambda: house.submit(mission(first, conversation_id=talk)))
        follower = Follower(seen.missions, seen.journal, first)
        await self._to_the_end(house, seen, first)
        self.faults.armed = False
        await _patiently(lambda: house.submit(mission(second, conversation_id=talk)))
        await self._to_the_end(house, seen, second)
        await house.reception.database.apply(lambda _: None)  # and with it all that waited to be written
        fault = self.faults.fault
        strict = fault is None or fault.of_storage
        wrong = await violations(seen, self.world, first, await follower.finish(), strict=strict)
        status = (await seen.missions.get(second)).status
        if status is not Status.COMPLETED:
            wrong.append(f"the next message is {status}")
        # A mission may fail of what is no passing trouble of the disk; it must say so in plain words.
        return [w for w in wrong if strict or ": failed: " not in w or w.endswith(": failed: ")]

    async def _to_the_end(self, house: House, seen: Reception, name: str) -> None:
        while (status := (await seen.missions.get(name)).status) not in ENDED:
            if status in (Status.NEEDS_ATTENTION, Status.WAITING_ANSWER):
                for order in orders(self.world, name, Standing(await seen.journal.read(name))):
                    await _patiently(lambda order=order: house.give(order))  # type: ignore[misc]
            await asyncio.sleep(0.02)


async def _patiently(action: Callable[[], Any]) -> None:
    """Do what a person does: try again what was refused in plain words, or failed."""
    for _ in range(20):
        try:
            return await action()  # type: ignore[no-any-return]
        except (StaffworkError, OperationalError, OSError, RuntimeError, asyncio.CancelledError):
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            await asyncio.sleep(0.05)
    raise AssertionError("it could not be done in twenty tries")


async def _empty(folder: Path) -> Path:
    place = folder / "empty.db"
    await (await open_at(place)).close()
    return place


async def counted(folder: Path) -> Counter[str]:
    """Count the calls of each kind that the small mission makes when nothing goes wrong."""
    faults = Faults()
    async with outside() as world:
        assert await Case(world, folder / "none", faults, "none", await _empty(folder)).run() == []
    return faults.calls


def every(calls: Counter[str], times: int = 1) -> list[Fault]:
    """List every fault: each call of each kind, with each error that can happen there (several in a row: of the disk)."""
    found = []
    for point in POINTS:
        errors = [name for name in ERRORS if name != "CancelledError" or point in ("model", "tool", "tool done")]
        if point == "group" or (times > 1 and point in ("write", "written", "read")):
            errors = list(STORAGE)
        elif point in ("model", "tool", "tool done"):
            errors = ["OSError", "RuntimeError", "CancelledError"]
        found += [Fault(point, n, error, times) for error in errors for n in range(1, calls[point] + 1)]
    return found


def some(faults: list[Fault], each: int, seed: int) -> list[Fault]:
    """Choose a few of each kind."""
    chance = random.Random(seed)
    kinds = [[f for f in faults if f.point == point] for point in POINTS]
    return [fault for kind in kinds for fault in chance.sample(kind, min(each, len(kind)))]


@dataclass
class Tried:
    """What came of many faults: which of them came at all (the number of calls differs a little), and what went wrong."""

    came: int = 0
    wrong: dict[str, list[str]] = field(default_factory=dict)


async def tried(folder: Path, faults: list[Fault], at_once: int = 12) -> Tried:
    """Run a mission for each fault."""
    places = asyncio.Semaphore(at_once)
    found = Tried()
    empty = await _empty(folder)

    async with outside() as world:

        async def one(number: int, fault: Fault) -> None:
            async with places:
                case = Case(world, folder / f"case{number}", Faults(fault), f"case{number}", empty)
                wrong = await case.run()
                found.came += case.faults.raised > 0
                if wrong:
                    found.wrong[str(fault)] = wrong

        async with asyncio.TaskGroup() as group:
            for number, fault in enumerate(faults):
                group.create_task(one(number, fault))
    return found
