"""One place in a mission is one call: other arguments, calls at once, attempts that are over, records that cannot be written."""

from __future__ import annotations

import asyncio

import pytest
from effect_fixtures import PERSON, MemoryEffects, World, context, gate, interrupt, letter, send_once, tools

from core.errors import Conflict, StoreUnavailable


async def test_other_arguments_at_the_same_step_never_get_the_outcome_of_the_first() -> None:
    store, world = MemoryEffects(), World()
    call = send_once(store, world)
    await call(letter("hello"), context())
    for again in (letter("good day"), letter("hello", "post")):
        outcome = await call(again, context())
        assert (outcome.status, outcome.choices) == ("unsettled", PERSON)
        assert "this step began something else (send)" in outcome.output
    assert world.sent == {"hello": 1}
    assert (await call(letter("good day"), context(decided="retry"))).output == "Sent: good day"
    assert (await call(letter("hello", "post"), context(decided="skip"))).status == "refused"
    assert world.sent == {"hello": 1, "good day": 1}
    assert (await call(letter("hello"), context())).output == "Sent: hello", "the first is still on record"


async def test_what_may_be_repeated_gives_way_when_the_course_changes() -> None:
    store, world = MemoryEffects(), World()
    call = send_once(store, world)
    assert (await call(letter("one", "note"), context())).status == "ok"
    assert (await call(letter("two", "note"), context())).output == "Sent: two"
    assert (await call(letter("three"), context())).output == "Sent: three", "nothing before it could do harm"
    assert (await call(letter("four", "note"), context())).output == "Sent: four", "it can do no harm itself"


async def test_the_same_step_called_twice_at_once_runs_once() -> None:
    for kind in ("once", "idempotent"):
        store, world = MemoryEffects(), World()
        box = gate(store, *tools(world, kind))
        outcomes = await asyncio.gather(*(box.call(letter(), context()) for _ in range(8)))
        assert world.sent == {"hello": 1}
        assert all(o == outcomes[0] for o in outcomes)


async def test_who_waits_for_the_same_call_hears_that_it_was_cancelled() -> None:
    store, world = MemoryEffects(), World(on_send=lambda: asyncio.sleep(60))
    call = send_once(store, world)
    first, second = (asyncio.create_task(call(letter(), context())) for _ in range(2))
    while not world.sent:
        await asyncio.sleep(0)
    first.cancel()
    assert (await second).status == "unsettled"
    assert world.sent == {"hello": 1}


async def test_an_attempt_that_was_overtaken_begins_nothing() -> None:
    store, world = MemoryEffects(attempt=2), World()
    for name in ("send", "note"):
        with pytest.raises(Conflict):
            await send_once(store, world)(letter(name=name), context(attempt=1))
    assert not world.sent


async def test_what_cannot_go_on_record_is_not_begun() -> None:
    store, world = MemoryEffects(full="begin"), World()
    with pytest.raises(StoreUnavailable):
        await send_once(store, world)(letter(), context())
    assert not world.sent


async def test_a_result_that_cannot_be_stored_is_told_all_the_same() -> None:
    store, world = MemoryEffects(full="finish"), World()
    outcome = await send_once(store, world)(letter(), context())
    assert (outcome.status, outcome.output) == ("ok", "Sent: hello")
    store.full = ""
    assert (await send_once(store, world)(letter(), context())).status == "unsettled", "after a crash nobody knows"
    assert world.sent == {"hello": 1}


async def test_a_decision_that_cannot_be_stored_is_not_taken_for_an_end() -> None:
    store, world = MemoryEffects(), World()
    await interrupt(store, world)
    store.full = "finish"
    with pytest.raises(StoreUnavailable):
        await send_once(store, world)(letter(), context(decided="skip"))


async def test_a_call_that_is_cancelled_while_its_result_is_stored_is_done() -> None:
    store, world = MemoryEffects(), World()
    task = asyncio.create_task(send_once(store, world)(letter(), context()))
    while "before finish" not in store.fuse.passed:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await send_once(store, world)(letter(), context())).status == "ok"
    assert world.sent == {"hello": 1}


async def test_secrets_are_stored_nowhere() -> None:
    store, world = MemoryEffects(), World()
    call = send_once(store, world)
    assert (await call(letter("hunter22"), context())).output == "Sent: [secret]"
    world.on_send = lambda: asyncio.sleep(60)
    told = await send_once(store, world, seconds=0.02)(letter("hunter22"), context("t1/2.0"))
    assert "“Send [secret]” took too long" in told.output
    assert "hunter22" not in repr(store.rows)


async def test_what_had_to_be_repaired_is_the_same_call_again() -> None:
    store, world = MemoryEffects(), World()
    call = send_once(store, world)
    first = await call(letter("a\x00b\ud800"), context())
    assert "cannot be stored were replaced" in first.output
    assert await call(letter("a\x00b\ud800"), context()) == first
    assert sum(world.sent.values()) == 1
