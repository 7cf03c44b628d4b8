"""The soak: missions in waves, workers killed at random moments, and a count of what came of it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from soak_checks import violations
from soak_following import Follower
from soak_house import LEASE, USER, add_user, mission, reception_of
from soak_outside import Outside, outside
from soak_person import orders
from soak_play import name_of, number_of
from soak_processes import Worker
from soak_terms import Count, Terms
from sqlalchemy import select
from store_fixtures import open_at

from core.errors import Conflict
from core.missions import ENDED, RESTING, Status
from core.settings import Settings
from core.steering import Order, OrderKind
from graphs.reception import Reception
from graphs.standing import Standing
from memory import tables

KILLS_EACH = 2
"""How often at most a mission loses the process that works on it."""


class Soak:
    """One database, its workers, and everything that those outside know of them."""

    def __init__(self, terms: Terms, place: Path | str, folder: Path, world: Outside, reception: Reception) -> None:
        self.terms, self.place, self.folder, self.world, self.reception = terms, place, folder, world, reception
        self.chance = random.Random(terms.seed)
        self.shared = isinstance(place, str)
        self.workers: list[Worker] = []
        self.starting: list[asyncio.Task[Worker]] = []  # while others go on working
        self.restarted = 0.0
        self.followers: dict[str, Follower] = {}
        self.count = Count(missions=terms.missions)

    async def start_worker(self) -> Worker:
        seed = self.chance.randrange(2**32)
        about = {"folder": str(self.folder / "house"), "shared": self.shared, "seed": seed}
        terms = self.terms
        worker = await Worker.start(
            place=str(self.place), port=self.world.port, pace=terms.pace, at_once=terms.at_once, **about
        )
        self.workers.append(worker)
        return worker

    # --- the door: by way of the one worker, or (several) of the web, which is this process -----------------------------

    async def submit(self, name: str) -> bool:
        """Give a mission; says whether it was acknowledged."""
        if self.shared:
            await self.reception.submit(mission(name))
            answer: str | None = "accepted"
        else:
            answer = await self.ask(f"submit {name}", name)
        if answer == "accepted" and name not in self.followers:
            self.followers[name] = Follower(self.reception.missions, self.reception.journal, name)
        return answer == "accepted"

    async def give(self, order: Order) -> bool:
        """Give an order; says whether it was acknowledged, or refused in words."""
        if not self.shared:
            return await self.ask(f"order {order.model_dump_json()}", order.id) is not None
        with suppress(Conflict):  # it is too late for it
            await self.reception.give(order)
        return True

    async def ask(self, line: str, name: str) -> str | None:
        return await self.workers[0].ask(line, name) if self.workers else None

    async def submit_all(self, names: Sequence[str]) -> None:
        """Give every mission until it is acknowledged, over all kills; some are then ordered to stop."""

        async def one(name: str) -> None:
            await asyncio.sleep(self.chance.random() * self.terms.span / 2)
            while not await self.submit(name):
                await asyncio.sleep(0.05)
            if name.startswith("soak") and number_of(name) % 10 == 7:
                await asyncio.sleep(self.chance.random() * self.terms.span / 2)
                stop = Order(id=f"stop-{name}", mission_id=name, kind=OrderKind.STOP, by=USER)
                while not await self.give(stop):
                    await asyncio.sleep(0.05)

        async with asyncio.TaskGroup() as group:
            for name in names:
                group.create_task(one(name))

    # --- what goes wrong ------------------------------------------------------------------------------------------------

    async def owned(self, names: Sequence[str]) -> dict[str, list[str]]:
        """Map each worker to the missions it has at this moment."""
        m = tables.missions.c
        query = select(m.id, m.owner).where(m.id.in_(names), m.status == Status.IN_PROGRESS.value)
        found: dict[str, list[str]] = {worker.id: [] for worker in self.workers}
        for row in await self.reception.database.rows(query):
            found.setdefault(row.owner, []).append(row.id)
        return found

    async def kill(self, names: Sequence[str]) -> None:
        """Kill a worker, unless a mission it has was hit often enough, and start another."""
        if len(self.workers) < 2:
            await self.started()
        owned = await self.owned(names)
        may = [w for w in self.workers if all(self.count.hits[n] < KILLS_EACH for n in owned[w.id])]
        if not may:
            return
        victim = self.chance.choice([w for w in may if owned[w.id]] or may)  # better one that is at work
        self.workers.remove(victim)
        await victim.kill()
        self.count.kills += 1
        self.count.hits.update(owned[victim.id])
        self.count.may_repeat += len(owned[victim.id]) * self.terms.calls_at_once
        if not self.shared:
            await self.world.quiet()
        self.restarted = time.monotonic()  # the start of a process counts
        self.starting.append(asyncio.create_task(self.start_worker()))
        if not self.shared:
            await self.started()

    async def started(self) -> None:
        """Return when every worker works that was to be started."""
        while self.starting:
            await self.starting.pop()

    async def freeze(self, names: Sequence[str]) -> None:
        """Freeze a worker until others have brought to rest what it had, and wake it: it must change nothing."""
        if len(self.workers) < 2:
            await self.started()
        end, theirs = time.monotonic() + 15, list[str]()
        while not theirs:  # what it had may have ended in the moment in which it was frozen
            owned = await self.owned(names)
            sleeper = max(self.workers, key=lambda worker: len(owned[worker.id]))
            began = time.monotonic()
            sleeper.freeze()
            theirs = list((await self.owned(names))[sleeper.id])
            if theirs or time.monotonic() > end:
                break
            sleeper.thaw()
            await asyncio.sleep(0.01)
        self.count.frozen += len(theirs)
        self.count.may_repeat += len(theirs) * self.terms.calls_at_once
        await asyncio.sleep(LEASE)
        if theirs:
            await self.until(theirs, set(RESTING), 60)
            self.count.slowest = max(self.count.slowest, time.monotonic() - began)
        before = {name: await self.reception.journal.read(name) for name in theirs}
        self.restarted = time.monotonic()
        sleeper.thaw()
        await asyncio.sleep(1)
        for name, events in before.items():
            if await self.reception.journal.read(name) != events:
                self.count.wrong.append(f"{name}: a frozen process woke and wrote")

    # --- one wave -------------------------------------------------------------------------------------------------------

    async def wave(self, names: Sequence[str]) -> None:
        giving, blows = asyncio.create_task(self.submit_all(names)), self.terms.kills + self.terms.frozen
        for number in range(blows):
            await asyncio.sleep(self.chance.uniform(0.1, 1) * self.terms.span / blows * 1.5)
            if self.terms.frozen and number == blows - 1:
                await self.freeze(names)
            else:
                await self.kill(names)
        await self.started()
        await giving
        await self.settle_all(names)

    async def settle_all(self, names: Sequence[str]) -> None:
        """Wait until all have come to rest, measure it, and bring them to their end."""
        resting = await self.until(names, set(RESTING), 60)
        self.count.slowest = max(self.count.slowest, time.monotonic() - self.restarted)
        self.count.states.update(resting.values())
        await self.world.quiet()
        await self.settle(names)

    async def until(self, names: Sequence[str], wanted: set[Status], seconds: float) -> dict[str, str]:
        """Return the status of each mission once all of them are in one of those wanted."""
        end, m = time.monotonic() + seconds, tables.missions.c
        while True:
            rows = await self.reception.database.rows(select(m.id, m.status).where(m.id.in_(names)))
            found = {row.id: row.status for row in rows}
            if len(found) == len(names) and all(Status(s) in wanted for s in found.values()):
                return found
            late = {n: found.get(n, "lost") for n in names if found.get(n) not in wanted}
            assert time.monotonic() < end, f"not at rest: {late}"
            await asyncio.sleep(0.02)

    async def settle(self, names: Sequence[str]) -> None:
        """Be the person who decides and answers, by what really happened outside, until all missions have ended."""
        async with asyncio.timeout(90):
            while True:
                found = await self.until(names, set(RESTING), 60)
                open_ = [name for name, status in found.items() if Status(status) not in ENDED]
                if not open_:
                    return
                for name in open_:
                    await self.decide(name)
                await asyncio.sleep(0.05)

    async def decide(self, name: str) -> None:
        for order in orders(self.world, name, Standing(await self.reception.journal.read(name))):
            await self.give(order)
            self.count.decisions += order.kind is OrderKind.SETTLE

    # --- all of it ------------------------------------------------------------------------------------------------------

    async def run(self) -> Count:
        began, terms = time.monotonic(), self.terms
        for _ in range(terms.workers):
            await self.start_worker()
        names = list(terms.names) or [name_of(n) for n in range(terms.missions)]
        for first in range(0, len(names), terms.wave):
            await self.wave(names[first : first + terms.wave])
        self.count.seconds = time.monotonic() - began
        return await self.close()

    async def finish(self, names: Sequence[str]) -> Count:
        """Bring these missions to their end, and count."""
        await self.settle_all(names)
        return await self.close()

    async def close(self) -> Count:
        """Stop the workers in order, and count what came of it all."""
        for worker in self.workers:
            if code := await worker.stop():
                self.count.wrong.append(f"a worker ended with {code}")
        await self.check()
        return self.count

    async def check(self) -> None:
        count = self.count
        count.acknowledged = len(self.followers)
        for name, follower in self.followers.items():
            followed = await follower.finish()
            count.events += len(followed)
            count.ends[(await self.reception.missions.get(name)).status.value] += 1
            count.wrong += await violations(self.reception, self.world, name, followed)
        count.repeated = sum(self.world.calls.values()) - len(self.world.calls)


@asynccontextmanager
async def opened(terms: Terms, place: Path | str, folder: Path) -> AsyncIterator[Soak]:
    """Open the world outside, and a soak over a database."""
    database = await open_at(place)
    soak: Any = None
    try:
        await add_user(database)
        async with outside() as world:
            soak = Soak(terms, place, folder, world, reception_of(database, Settings(data_dir=folder / "web")))
            yield soak
    finally:
        await asyncio.gather(*(soak.starting if soak else ()), return_exceptions=True)  # they are among those to kill
        for worker in soak.workers if soak else ():
            await worker.kill()
        await database.close()


async def soak(terms: Terms, place: Path | str, folder: Path) -> Count:
    """Run all of it over an empty database."""
    async with opened(terms, place, folder) as it:
        return await it.run()
