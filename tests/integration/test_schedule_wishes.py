"""Missions of schedules are done as their person has chosen by the moment they run; where nobody is there, nobody is asked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from schedule_fixtures import Bench, Clock
from store_fixtures import store

from core.budget import Choices
from memory.conversations import Conversations
from memory.preferences import Preferences, Wishes

ALL = Wishes(
    models={"standard": "rehearsal:"}, approve_plan=True, step_mode=True, memory=False, cost=Decimal("0.25"), tokens=9_000,
    language="German",
)  # fmt: skip
CHOSEN = Choices(models=ALL.models, approve_plan=True, memory=False, tokens=9_000, language="German")


@pytest.fixture
async def bench(place: Path | str) -> AsyncIterator[Bench]:
    async with store(place) as database:
        yield Bench(database, Clock())


async def test_what_counts_is_what_is_chosen_when_it_runs(bench: Bench):
    added = await bench.add()
    preferences = Preferences(bench.database)
    await preferences.put(Wishes(language="French", cost=Decimal(9)), "ada")
    await preferences.put(Wishes(language="Polish"), "bob")
    await preferences.put(ALL, "ada")  # after the schedule was made, before it is due
    bench.clock.forward(hours=1)
    await bench.look()
    [mission] = bench.given
    assert (mission.choices, mission.cost, mission.step_mode) == (CHOSEN, Decimal("0.25"), True)
    assert mission.unattended == "park", "it waits for a decision as long as it takes"
    await bench.end()
    await preferences.put(Wishes(language="Czech"), "ada", added.conversation_id)
    await preferences.put(Wishes(), "ada")
    bench.clock.forward(days=1)
    await bench.look()
    assert (bench.given[-1].choices, bench.given[-1].cost) == (Choices(language="Czech"), None)
    by_hand = await bench.keeper.run(added.id, "ada")
    assert by_hand.choices == Choices(language="Czech")


async def test_what_nobody_can_be_asked_is_not_asked(bench: Bench):
    added = await bench.add(unattended="deny", cost="3")
    await Preferences(bench.database).put(ALL, "ada")
    bench.clock.forward(hours=1)
    await bench.look()
    [mission] = bench.given
    assert mission.choices == CHOSEN.model_copy(update={"approve_plan": False})
    assert (mission.step_mode, mission.unattended, mission.cost) == (False, "deny", Decimal(3)), (
        "its own limit comes first"
    )
    await bench.end()
    await Conversations(bench.database).change(added.conversation_id, "ada", step_mode=True)
    bench.clock.forward(days=1)
    await bench.look()
    assert bench.given[-1].step_mode is False


async def test_nothing_chosen_is_as_the_house_has_it(bench: Bench):
    await bench.add()
    bench.clock.forward(hours=1)
    await bench.look()
    assert (bench.given[0].choices, bench.given[0].cost, bench.given[0].step_mode) == (Choices(), None, False)
