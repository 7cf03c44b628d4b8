"""Intents on the real store: on record for good, one to begin them, none for an attempt that is over."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from store_fixtures import mission, open_at, store

from core.decisions import ToolCall
from core.errors import Conflict, StoreUnavailable
from core.missions import Artifact, Source
from core.ports import Effect, Intent, ToolContext, ToolOutcome
from memory.conversations import Conversations
from memory.database import Database
from memory.effects import Effects
from memory.missions import Missions
from tools.define import define
from tools.toolbox import GatedToolbox

OUTCOME = ToolOutcome(
    status="ok",
    output="sent ✓ \ufffd",
    size=6,
    seconds=0.25,
    sources=(Source(file="post", quote="received", page=2),),
    artifacts=(Artifact(id="a", name="receipt.txt", hash="0" * 64, size=1, mime="text/plain"),),
)


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    async with store(place) as database:
        await Missions(database).accept(mission("m"), "message", title="m")
        await Missions(database).start_attempt("m")
        yield database


def effect(step: str = "t1/1.0", arguments: str = "a" * 64, attempt: int = 1, **more: Any) -> Effect:
    return Effect(mission_id="m", step=step, tool="send", arguments_hash=arguments, attempt=attempt, **more)


async def test_an_effect_begins_once_and_its_outcome_comes_back_whole(database: Database) -> None:
    effects = Effects(database)
    assert await effects.begin(effect()) == Intent(runs=1, mine=True)
    assert await effects.begin(effect()) == Intent(runs=1)
    await effects.finish(effect(), 1, OUTCOME)
    assert await effects.begin(effect()) == Intent(runs=1, outcome=OUTCOME)
    assert await effects.begin(effect(), after=1) == Intent(runs=1, outcome=OUTCOME), "done is done"


async def test_what_stands_there_survives_the_process(place: Path | str) -> None:
    async with store(place) as database:
        await Missions(database).accept(mission("m"), "message", title="m")
        await Missions(database).start_attempt("m")
        for step in ("one", "two"):
            await Effects(database).begin(effect(step))
        await Effects(database).finish(effect("two"), 1, OUTCOME)
    database = await open_at(place)
    try:
        assert await Missions(database).start_attempt("m") == 2
        effects = Effects(database)
        assert await effects.open_of("m") == [effect("one")]
        assert await effects.begin(effect("one", attempt=2)) == Intent(runs=1)
        assert await effects.begin(effect("two", attempt=2)) == Intent(runs=1, outcome=OUTCOME)
    finally:
        await database.close()


async def test_of_many_who_would_begin_the_same_one_does(database: Database) -> None:
    effects = Effects(database)
    begun = await asyncio.gather(*(effects.begin(effect()) for _ in range(20)))
    assert sum(intent.mine for intent in begun) == 1
    again = await asyncio.gather(*(effects.begin(effect(), after=1) for _ in range(20)))
    assert sum(intent.mine for intent in again) == 1
    assert {intent.runs for intent in again} == {2}


async def test_many_effects_of_one_mission_begin_and_end_at_once(database: Database) -> None:
    effects = Effects(database)

    async def one(number: int) -> None:
        this = effect(f"t1/{number}.0", durable=bool(number % 2))
        assert (await effects.begin(this)).mine
        await effects.finish(this, 1, OUTCOME)

    await asyncio.gather(*(one(number) for number in range(40)))
    assert await effects.open_of("m") == []


async def test_a_decision_lets_an_effect_begin_once(database: Database) -> None:
    effects = Effects(database)
    await effects.begin(effect())
    assert (await effects.begin(effect(), after=1, decision="order 1")).mine
    assert await effects.begin(effect(), after=2, decision="order 1") == Intent(runs=2)
    assert await effects.begin(effect(), after=1, decision="order 2") == Intent(runs=2), "it knows of one run only"
    assert await effects.begin(effect(), after=2, decision="order 2") == Intent(runs=3, mine=True)


async def test_only_the_last_run_can_be_finished_and_only_once(database: Database) -> None:
    effects = Effects(database)
    await effects.begin(effect())
    await effects.begin(effect(), after=1)
    with pytest.raises(Conflict, match="settled by somebody else"):
        await effects.finish(effect(), 1, OUTCOME)
    await effects.finish(effect(), 2, OUTCOME)
    await effects.finish(effect(), 2, OUTCOME)  # the same twice, after a commit that was thought lost
    with pytest.raises(Conflict):
        await effects.finish(effect(), 2, OUTCOME.model_copy(update={"output": "other"}))
    with pytest.raises(Conflict):
        await effects.finish(effect("never begun"), 1, OUTCOME)


async def test_other_arguments_at_the_same_step_stand_beside_it_only_if_asked(database: Database) -> None:
    effects = Effects(database)
    await effects.begin(effect())
    other = effect(arguments="b" * 64)
    assert await effects.begin(other) == Intent(runs=0, others=("send",))
    assert await effects.open_of("m") == [effect()], "nothing was written"
    assert await effects.begin(other, beside=True) == Intent(runs=1, mine=True)
    assert await effects.begin(effect()) == Intent(runs=1), "each is known by its own arguments"


async def test_an_attempt_that_was_overtaken_begins_nothing_but_may_say_what_it_did(database: Database) -> None:
    effects = Effects(database)
    await effects.begin(effect())
    await Missions(database).start_attempt("m")
    for late in (effect(), effect("t1/2.0")):
        with pytest.raises(Conflict, match="another one has taken it up"):
            await effects.begin(late, after=1)
    await effects.finish(effect(), 1, OUTCOME)
    assert await effects.begin(effect(attempt=2)) == Intent(runs=1, outcome=OUTCOME)
    with pytest.raises(Conflict):
        await effects.begin(effect().model_copy(update={"mission_id": "nobody's"}))


async def test_a_conflict_of_the_store_ends_the_attempt_and_is_no_failure_of_the_tool(database: Database) -> None:
    ran = []

    async def send(context: ToolContext, text: str) -> str:
        """Send."""
        ran.append(context.effect_key)
        return text

    context = ToolContext(
        mission_id="m", conversation_id="c", user_id="ada", task_id="t1", step="t1/1.0", granted=("send",)
    )
    tools = [define(send, "Send {text}", risk="write")]
    box = GatedToolbox(
        tools, seconds=5, output_bytes=1000, at_once=4, mask=lambda text: text, effects=Effects(database)
    )
    call = ToolCall(id="1", name="send", arguments={"text": "a\x00\ud800b" + "é" * 100_000})
    outcomes = await asyncio.gather(*(box.call(call, context) for _ in range(5)))
    assert {outcome.status for outcome in outcomes} == {"ok"}
    assert len(ran) == 1
    await Missions(database).start_attempt("m")
    with pytest.raises(Conflict):
        await box.call(call, context)
    assert await box.call(call, context.model_copy(update={"attempt": 2})) == outcomes[0]
    assert len(ran) == 1


async def test_nothing_begins_while_the_database_is_locked(tmp_path: Path) -> None:
    path = tmp_path / "staffwork.db"
    async with store(path, busy_seconds=0.1) as database:
        await Missions(database).accept(mission("m"), "message", title="m")
        await Missions(database).start_attempt("m")
        with closing(sqlite3.connect(path)) as other:
            other.execute("BEGIN EXCLUSIVE")
            with pytest.raises(StoreUnavailable):
                await Effects(database).begin(effect())
        assert await Effects(database).begin(effect()) == Intent(runs=1, mine=True)


async def test_effects_go_with_their_mission(database: Database) -> None:
    await Effects(database).begin(effect())
    await Conversations(database).delete("c", "ada")
    assert await Effects(database).open_of("m") == []
