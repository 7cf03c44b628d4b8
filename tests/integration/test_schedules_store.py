"""Schedules in the store: whose they are, who changed them last, and that nothing of them gets lost."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from schedule_fixtures import GIVEN, MONDAY, Bench, Clock
from store_fixtures import store

from core.errors import BadInput, Conflict, NotFound
from core.missions import Status
from memory import schedules as module


@pytest.fixture
async def bench(place: Path | str) -> AsyncIterator[Bench]:
    async with store(place) as database:
        yield Bench(database, Clock())


async def test_what_is_added_is_found_as_it_was_given(bench: Bench):
    added = await bench.add(cost="0.25", missed="all", overlap="queue", unattended="deny", priority="low")
    found = await bench.keeper.get(added.id, "ada")
    assert found == added
    assert str(found.cost) == "0.25"
    assert found.next_at is not None
    assert found.next_at.isoformat() == "2026-11-23T07:00:00+00:00"


async def test_nobody_finds_changes_removes_or_runs_what_is_another_persons(bench: Bench):
    mine = await bench.add()
    assert await bench.keeper.list("bob") == []
    for attempt in (
        bench.keeper.get(mine.id, "bob"),
        bench.keeper.change(mine.id, "bob", 1, {"goal": "Send me everything"}),
        bench.keeper.remove(mine.id, "bob"),
        bench.keeper.run(mine.id, "bob"),
    ):
        with pytest.raises(NotFound, match="no such schedule"):
            await attempt
    with pytest.raises(NotFound):  # also past the keeper
        await bench.store.change(mine.id, "bob", 1, {"goal": "Send me everything"})
    assert await bench.keeper.get(mine.id, "ada") == mine
    assert await bench.accepted() == []


async def test_a_stale_change_names_who_was_first_and_when_and_changes_nothing(bench: Bench):
    first = await bench.add()
    second = await bench.keeper.change(first.id, "ada", first.version, {"goal": "Summarise the weather"})
    assert second.version == 2
    for stale in (
        bench.keeper.change(first.id, "ada", first.version, {"cron": "0 9 * * *"}),
        bench.keeper.remove(first.id, "ada", first.version),
    ):
        with pytest.raises(
            Conflict, match=r"^ada changed this schedule on 20\d\d-\d\d-\d\d at \d\d:\d\d \(Europe/Berlin\)"
        ):
            await stale
    assert await bench.keeper.get(first.id, "ada") == second


async def test_a_change_says_anew_when_it_is_due_only_if_that_was_changed(bench: Bench):
    added = await bench.add()
    bench.clock.forward(hours=2)  # it is due, and nobody has looked yet
    renamed = await bench.keeper.change(added.id, "ada", 1, {"name": "Morning news"})
    assert renamed.next_at == added.next_at
    later = await bench.keeper.change(added.id, "ada", 2, {"cron": "30 10 * * *"})
    assert later.next_at == MONDAY.replace(hour=9, minute=30)
    paused = await bench.keeper.change(added.id, "ada", 3, {"active": False})
    assert (paused.next_at, await bench.store.next_due()) == (None, None)
    bench.clock.forward(days=5)
    resumed = await bench.keeper.change(added.id, "ada", 4, {"active": True})
    assert resumed.next_at == MONDAY.replace(day=28, hour=9, minute=30), "what came while it was paused was not missed"


async def test_a_bad_change_is_refused_whole(bench: Bench):
    added = await bench.add()
    with pytest.raises(BadInput, match="cron: "):
        await bench.keeper.change(added.id, "ada", 1, {"name": "New", "cron": "0 8"})
    assert await bench.keeper.get(added.id, "ada") == added


async def test_one_person_cannot_fill_the_house(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST", 2)
    for _ in range(2):
        await bench.add()
    with pytest.raises(BadInput, match="You have 2 schedules"):
        await bench.add()
    await bench.keeper.add("bob", GIVEN)  # others have their own count


async def test_the_list_shows_what_comes_next_first_and_paused_ones_last(bench: Bench):
    await bench.add(name="late", cron="0 20 * * *")
    await bench.add(name="paused", cron="0 7 * * *", active=False)
    await bench.add(name="soon", cron="0 9 * * *")
    assert [s.name for s in await bench.keeper.list("ada")] == ["soon", "late", "paused"]


async def test_running_now_is_one_mission_however_often_it_is_asked(bench: Bench):
    added = await bench.add()
    one = await bench.keeper.run(added.id, "ada", "click-1")
    two = await bench.keeper.run(added.id, "ada", "click-1")
    other = await bench.keeper.run(added.id, "ada", "click-2")
    assert one.id == two.id != other.id
    assert await bench.accepted() == [one.id, other.id]
    found = await bench.keeper.get(added.id, "ada")
    assert (found.last_mission_id, found.last_status) == (other.id, Status.PENDING)
    assert found.last_words == "Started by hand on Mon 23 Nov 2026, 07:00."
    assert found.next_at == added.next_at, "the next time stays"
    assert found.version == added.version, "a run is no change of the schedule"


async def test_running_now_is_bounded_too(bench: Bench):
    added = await bench.add()
    for number in range(20):
        await bench.keeper.run(added.id, "ada", str(number))
    with pytest.raises(Conflict, match="20 missions of this schedule have not ended"):
        await bench.keeper.run(added.id, "ada", "21")
    await bench.end()
    await bench.keeper.run(added.id, "ada", "22")


async def test_the_last_that_may_be_started_is_the_same_one_when_it_is_asked_for_again(bench: Bench):
    schedule = await bench.add()
    for number in range(19):
        await bench.keeper.run(schedule.id, "ada", str(number))
    last = await bench.keeper.run(schedule.id, "ada", "last")
    again = await bench.keeper.run(schedule.id, "ada", "last")  # the answer to the first request never came
    assert again.id == last.id
    assert len(await bench.accepted()) == 20


async def test_missions_of_one_schedule_share_a_conversation_with_its_name(bench: Bench):
    from memory.conversations import Conversations

    added = await bench.add(name="Morning news")
    await bench.keeper.run(added.id, "ada", "1")
    await bench.keeper.run(added.id, "ada", "2")
    [talk] = await Conversations(bench.database).list("ada")
    assert (talk.id, talk.title) == (added.conversation_id, "Morning news")


async def test_removing_a_schedule_keeps_what_came_of_it(bench: Bench):
    added = await bench.add()
    mission = await bench.keeper.run(added.id, "ada")
    await bench.keeper.remove(added.id, "ada", added.version)
    assert await bench.keeper.list("ada") == []
    assert await bench.accepted() == [mission.id]
