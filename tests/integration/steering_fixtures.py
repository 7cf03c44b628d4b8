"""A desk with the real queue and dispatcher over it: missions that are given orders, put down, and taken up again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mission_fixtures import Desk, Script, open_desk

from core.events import Event
from core.missions import Mission, Status, new_id, now
from core.steering import Order, OrderKind
from graphs.dispatch_durable import DurableDispatcher
from graphs.ordering import checked
from graphs.standing import Standing
from memory.claims import Queue, Rules
from memory.orders import Orders

RULES = Rules(per_user=4, attempts=3, ageing_seconds=300, lease_seconds=6)


@dataclass
class House:
    """A desk whose missions are dispatched."""

    desk: Desk
    queue: Queue
    orders: Orders
    dispatcher: DurableDispatcher
    order_ids: list[str] = field(default_factory=list)

    async def submit(self, goal: str = "Do it.", conversation_id: str | None = None, **terms: Any) -> Mission:
        mission = Mission(
            id=new_id(),
            conversation_id=conversation_id or new_id(),
            user_id=terms.pop("user_id", self.desk.user_id),
            goal=goal,
            created_at=now(),
            **terms,
        )
        await self.desk.missions.accept(mission, new_id(), title=goal)
        await self.dispatcher.submit(await self.desk.missions.get(mission.id))
        return mission

    async def give(self, mission: Mission, kind: OrderKind, **more: Any) -> str:
        """Give an order as the office does; returns its id."""
        order = Order(id=more.pop("id", new_id()), mission_id=mission.id, kind=kind, by=self.desk.user_id, **more)
        order = checked(order, await self.standing(mission))
        await self.orders.give(order)
        await self.dispatcher.order_came(mission.id, kind)
        return order.id

    async def standing(self, mission: Mission) -> Standing:
        return Standing(await self.events(mission))

    async def events(self, mission: Mission, kind: type[Any] | None = None) -> list[Any]:
        events: list[Event] = await self.desk.journal.read(mission.id)
        return [e for e in events if kind is None or isinstance(e, kind)]

    async def status(self, mission: Mission) -> Status:
        return (await self.desk.missions.get(mission.id)).status

    async def started(self, mission: Mission, task_id: str) -> None:
        """Return once everybody can see that a task has begun."""

        async def seen() -> bool:
            return (await self.standing(mission)).tasks.get(task_id, Status.PENDING) is not Status.PENDING

        await eventually(seen)

    async def until(self, mission: Mission, status: Status) -> list[Event]:
        """Return the events once the mission stands at `status`; fails if it does not come to that."""

        async def stands() -> bool:
            return await self.status(mission) is status

        await eventually(stands, lambda: f"{mission.id} does not become {status}")
        return await self.events(mission)


async def eventually(
    holds: Callable[[], Any], words: Callable[[], str] = lambda: "it does not happen", seconds: float = 60
) -> None:
    """Return when `holds` does; fails after `seconds`."""
    end = asyncio.get_running_loop().time() + seconds
    while True:
        found = holds()
        if await found if asyncio.iscoroutine(found) else found:
            return
        assert asyncio.get_running_loop().time() < end, words()
        await asyncio.sleep(0.01)


@asynccontextmanager
async def open_house(
    folder: Path,
    script: Script,
    functions: dict[str, Callable[..., Any]] | None = None,
    *,
    at_once: int = 4,
    rules: Rules = RULES,
    drain_seconds: float = 5,
    **limits: Any,
) -> AsyncIterator[House]:
    """Open a house over a folder; the same folder opened again goes on where it stood."""
    async with open_desk(folder, script, functions, durable=True, **limits) as desk:
        queue = Queue(desk.database, rules)
        dispatcher = DurableDispatcher(queue, desk.runner, at_once, drain_seconds)
        await dispatcher.start()
        try:
            yield House(desk, queue, Orders(desk.database), dispatcher)
        finally:
            await dispatcher.stop()
