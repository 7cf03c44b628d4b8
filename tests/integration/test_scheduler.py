"""The scheduler: each due time exactly once, after downtime, with overlaps, and whatever the clock does."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest
from schedule_fixtures import MONDAY, Bench, Clock
from sqlalchemy import update
from store_fixtures import open_at, store

from core.errors import NotFound, StoreUnavailable
from core.missions import Mission, Status
from graphs import schedules
from graphs.schedules import LOOK_SECONDS
from memory import tables


@pytest.fixture
async def bench(place: Path | str) -> AsyncIterator[Bench]:
    async with store(place) as database:
        yield Bench(database, Clock())


async def test_it_sleeps_until_the_next_time_and_gives_it_once(bench: Bench):
    added = await bench.add()
    assert await bench.look() == LOOK_SECONDS
    bench.clock.forward(minutes=59, seconds=55)
    assert await bench.look() == 5.0
    assert bench.given == []
    bench.clock.forward(seconds=5)
    await bench.look()
    await bench.look()
    [mission] = bench.given
    assert (mission.goal, mission.origin) == ("Summarise the news", f"schedule:{added.id}")
    found = await bench.keeper.get(added.id, "ada")
    assert (found.last_at, found.last_mission_id, found.last_status) == (
        bench.clock.moment, mission.id, Status.PENDING,
    )  # fmt: skip
    assert found.next_at == bench.clock.moment + timedelta(days=1)


async def test_a_week_of_days_is_a_week_of_missions(bench: Bench):
    await bench.add()
    for _ in range(7 * 24 * 4):
        bench.clock.forward(minutes=15)
        await bench.look()
        await bench.end()
    assert len(await bench.accepted()) == 7


@pytest.mark.parametrize(("missed", "count"), [("skip", 0), ("latest", 1), ("all", 3)])
async def test_after_downtime_the_rule_for_missed_times_holds(bench: Bench, missed: str, count: int):
    added = await bench.add(missed=missed)
    bench.clock.forward(days=2, hours=6)
    await bench.look()
    assert len(await bench.accepted()) == count
    assert "3 times were missed" in await bench.words(added)
    await bench.end()
    bench.clock.forward(days=1)
    await bench.look()  # late again, by five hours
    assert len(await bench.accepted()) == {"skip": 0, "latest": 2, "all": 4}[missed]


async def test_an_overlap_is_skipped_until_the_mission_has_ended(bench: Bench):
    added = await bench.add(cron="0 * * * *")
    bench.clock.forward(hours=1)
    await bench.look()
    for status in (Status.IN_PROGRESS, Status.WAITING_ANSWER, Status.PAUSED, Status.NEEDS_ATTENTION):
        await bench.end(status)
        bench.clock.forward(hours=1)
        await bench.look()
        assert len(await bench.accepted()) == 1
        assert "has not ended" in await bench.words(added)
    await bench.end(Status.FAILED)
    bench.clock.forward(hours=1)
    await bench.look()
    assert len(await bench.accepted()) == 2


async def test_with_queue_missions_line_up_but_not_without_end(bench: Bench):
    added = await bench.add(cron="0 * * * *", overlap="queue")
    for _ in range(30):
        bench.clock.forward(hours=1)
        await bench.look()
    assert len(await bench.accepted()) == 20
    assert "20 missions of it have not ended" in await bench.words(added)


async def test_what_else_is_said_in_the_conversation_is_no_overlap(bench: Bench):
    added = await bench.add()
    question = Mission(
        id="q", conversation_id=added.conversation_id, user_id="ada", goal="And now?", created_at=bench.clock.moment
    )
    from memory.missions import Missions

    await Missions(bench.database).accept(question, "q-message", title="Now")
    bench.clock.forward(hours=1)
    await bench.look()
    assert len(await bench.accepted()) == 2


async def test_a_clock_two_days_ahead_and_back_causes_neither_storm_nor_silence(bench: Bench):
    added = await bench.add(cron="0 * * * *")
    await bench.look()
    bench.clock.forward(days=2)
    await bench.look()
    assert len(await bench.accepted()) == 1, "no storm: the missed ones are given once"
    await bench.end()
    bench.clock.back(days=2)
    await bench.look()
    assert (await bench.keeper.get(added.id, "ada")).next_at == MONDAY + timedelta(hours=1), "no silence"
    for _ in range(47):
        bench.clock.forward(hours=1)
        await bench.look()
        await bench.end()
    assert len(await bench.accepted()) == 48, "every hour of the two days; the newest one had been given already"
    bench.clock.forward(hours=1)
    await bench.look()
    assert len(await bench.accepted()) == 48, "that one: at most once, whatever the clock says"
    bench.clock.forward(hours=1)
    await bench.look()
    assert len(await bench.accepted()) == 49


async def test_a_clock_two_days_behind_gives_nothing_twice(bench: Bench):
    await bench.add(cron="0 * * * *")
    for _ in range(3):
        bench.clock.forward(hours=1)
        await bench.look()
        await bench.end()
    bench.clock.back(days=2)
    await bench.look()
    for _ in range(48):
        bench.clock.forward(hours=1)
        await bench.look()
        await bench.end()
    assert len(set(await bench.accepted())) == len(await bench.accepted()) == 3 + 45


async def test_a_clock_that_was_set_back_while_nothing_ran_is_noticed_at_the_start(bench: Bench):
    await bench.add()
    bench.clock.forward(days=2)
    await bench.look()
    await bench.end()
    bench.clock.back(days=2)
    again = Bench(bench.database, bench.clock)  # another process, which never saw the wrong time
    await again.look()
    bench.clock.forward(hours=1)
    await again.look()
    assert len(again.given) == 1


async def test_two_schedulers_at_once_give_each_time_exactly_once(bench: Bench, place: Path | str):
    clock, other = bench.clock, await open_at(place)
    benches = [bench, Bench(other, clock)]
    for number in range(12):
        await benches[0].add(name=f"n{number}", cron=f"{number} * * * *", overlap="queue", missed="all")
    for _ in range(18):
        clock.forward(minutes=10)
        await asyncio.gather(*(bench.look() for bench in benches for _ in range(2)))
    given = [mission.id for bench in benches for mission in bench.given]
    accepted = await bench.accepted()
    await other.close()
    assert len(given) == len(set(given)) == 36
    assert sorted(given) == sorted(accepted)


async def test_what_was_accepted_is_handed_over_at_the_next_look_if_the_store_was_busy(bench: Bench):
    handed, broken = list[str](), [True]

    async def submit(mission: Mission) -> None:
        if broken:
            raise StoreUnavailable("The disk is full.")
        handed.append(mission.id)

    bench = Bench(bench.database, bench.clock, submit)
    await bench.add()
    bench.clock.forward(hours=1)
    with pytest.raises(StoreUnavailable):
        await bench.look()
    broken.clear()
    await bench.look()
    await bench.look()
    assert handed == await bench.accepted()
    assert len(handed) == 1


async def test_one_that_cannot_be_handed_over_does_not_hold_up_the_others(bench: Bench):
    handed = list[str]()

    async def submit(mission: Mission) -> None:
        if mission.goal == "gone":
            raise NotFound("There is no such mission.")
        handed.append(mission.goal)

    bench = Bench(bench.database, bench.clock, submit)
    await bench.add(goal="gone")
    await bench.add(goal="here")
    bench.clock.forward(hours=1)
    await bench.look()
    assert handed == ["here"]


async def test_a_schedule_that_cannot_be_worked_out_is_put_aside_and_the_others_go_on(bench: Bench):
    broken, fine = await bench.add(name="broken"), await bench.add(name="fine")
    which = tables.schedules.c.id == broken.id
    await bench.database.write((update(tables.schedules).where(which).values(cron="no cron line"), None))
    bench.clock.forward(hours=1)
    await bench.look()
    assert len(bench.given) == 1
    assert (await bench.keeper.get(broken.id, "ada")).active is False
    assert "Paused, because" in await bench.words(broken)
    assert "Started for" in await bench.words(fine)


async def test_nobody_works_for_a_person_who_may_not_log_in(bench: Bench):
    await bench.add()
    ada = tables.users.c.id == "ada"
    await bench.database.write((update(tables.users).where(ada).values(active=False), None))
    bench.clock.forward(hours=1)
    assert await bench.look() == LOOK_SECONDS
    assert bench.given == []
    await bench.database.write((update(tables.users).where(ada).values(active=True), None))
    await bench.look()
    assert len(bench.given) == 1


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.01)


async def test_started_it_is_woken_by_whoever_adds_a_schedule(bench: Bench, place: Path | str):
    other = await open_at(place)
    await bench.scheduler.start()
    await bench.scheduler.start()  # starting twice is starting once
    await bench.look()
    for number, database in enumerate((bench.database, other), 1):  # in this process, and beside it
        before = Clock(MONDAY - timedelta(days=2))  # so that it is due at once
        await Bench(database, before).add(name=f"n{number}")
        await until(lambda: len(bench.given) == number)  # noqa: B023
    await bench.scheduler.stop()
    await bench.scheduler.stop()
    await other.close()
    assert len(set(await bench.accepted())) == 2


async def test_a_look_that_fails_is_followed_by_the_next(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    tried = list[str]()

    async def submit(mission: Mission) -> None:
        tried.append(mission.id)
        if len(tried) == 1:
            raise RuntimeError("a bug")

    monkeypatch.setattr(schedules, "LOOK_SECONDS", 0.05)
    bench = Bench(bench.database, bench.clock, submit)
    added = await bench.add()
    bench.clock.forward(hours=1)
    await bench.scheduler.start()
    await until(lambda: len(tried) == 2)
    await bench.scheduler.stop()
    assert tried == [tried[0]] * 2
    assert (await bench.keeper.get(added.id, "ada")).last_mission_id == tried[0]


async def test_random_days_lose_and_double_nothing(bench: Bench):
    """Looks, restarts and short pauses at random moments; each hour of five days has exactly one mission."""
    chance = random.Random(3)
    await bench.add(cron="0 * * * *", missed="all", overlap="queue")
    now, end = bench, MONDAY + timedelta(days=5)
    while bench.clock.moment < end:
        bench.clock.moment = min(end, bench.clock.moment + timedelta(minutes=chance.choice([1, 20, 70, 400])))
        if chance.random() < 0.3:
            now = Bench(bench.database, bench.clock)
        await now.look()
        await bench.end()
    assert len(await bench.accepted()) == 5 * 24
