"""What happens in the last moment of a mission, of an attempt or of a file: nobody waits for good, nothing is taken away."""

from __future__ import annotations

import asyncio
from pathlib import Path

from store_fixtures import mission, store

from core.budget import Usage
from core.events import MissionEnded
from core.missions import Status
from core.steering import Order, OrderGiven, OrderKind, OrderSettled
from memory.journal import Journal
from memory.missions import Missions


async def test_a_slow_follower_comes_to_the_end_though_orders_are_answered_behind_it(place: Path | str) -> None:
    """Orders of the last moment are answered after a mission's end: who is slow finds the end and the answer at once."""
    async with store(place) as database:
        missions, journal = Missions(database), Journal(database)
        await missions.accept(mission("m"), "message", "m")
        writer = await journal.writer("m", await missions.start_attempt("m"))
        following = journal.follow("m")
        assert (await anext(following)).kind == "mission_accepted"
        late = Order(id="late", mission_id="m", kind=OrderKind.STOP, by="ada")
        writer.add(MissionEnded(mission_id="m", status=Status.COMPLETED, usage=Usage()))
        await writer.flush()
        writer.add(OrderGiven(mission_id="m", order=late))
        writer.add(OrderSettled(mission_id="m", order_id="late", outcome="refused", words="This mission has ended."))
        await writer.flush()
        async with asyncio.timeout(20):
            rest = [event.kind async for event in following]
        assert rest == ["mission_ended", "order_given", "order_settled"]
