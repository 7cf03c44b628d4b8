"""Nothing outside happens twice unseen: on record before it is done, done, on record again - and what is not known is said."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from effect_fixtures import PERSON, MemoryEffects, World, context, gate, interrupt, letter, send_once, tools

from core.decisions import ToolCall
from core.ports import ToolContext, ToolOutcome
from tools.define import ToolResult, Verdict, define


async def test_a_call_is_on_record_before_it_runs_and_after() -> None:
    store, world = MemoryEffects(), World()
    seen: list[ToolOutcome | None] = []
    world.on_send = lambda: seen.append(next(iter(store.rows.values())).outcome)
    outcome = await send_once(store, world)(letter(), context())
    assert seen == [None], "the intent stood there, without a result"
    [row] = store.rows.values()
    assert (row.effect.step, row.effect.tool, row.effect.attempt, row.effect.durable) == ("t1/1.0", "send", 1, True)
    assert row.outcome == outcome
    assert outcome.status == "ok"


async def test_what_is_done_is_answered_from_the_record_with_all_it_brought() -> None:
    store, world = MemoryEffects(), World()
    first = await send_once(store, world)(letter(), context())
    store.attempt = 2
    again = await send_once(store, world)(letter(), context(attempt=2))
    assert again == first
    assert again.sources
    assert again.artifacts
    assert world.sent == {"hello": 1}


async def test_reading_writes_nothing_and_is_done_each_time() -> None:
    store = MemoryEffects()
    for _ in range(2):
        assert (await send_once(store, World())(letter("page", "read"), context())).output == "page"
    assert store.writes == 0


async def test_a_call_that_was_interrupted_is_not_repeated_but_told() -> None:
    store, world = MemoryEffects(), World()
    await interrupt(store, world)
    outcome = await send_once(store, world)(letter(), context())
    assert (outcome.status, outcome.choices) == ("unsettled", PERSON)
    assert "“Send hello” was begun and then interrupted: it may or may not have happened" in outcome.output
    assert "say that it happened, have it done all the same, or leave it out" in outcome.output
    assert world.sent == {"hello": 1}


async def test_an_idempotent_call_that_was_interrupted_is_made_again_under_the_same_key() -> None:
    store, world = MemoryEffects(), World()
    await interrupt(store, world)
    box = gate(store, *tools(world, "idempotent"))
    assert (await box.call(letter(), context())).status == "ok"
    assert world.sent == {"hello": 2}
    assert len(set(world.keys)) == 1
    assert next(iter(store.rows.values())).runs == 2


async def test_the_key_belongs_to_mission_step_and_arguments_alone() -> None:
    world = World()
    places = [context(), context(attempt=9), context("t1/1.1"), context().model_copy(update={"mission_id": "other"})]
    for place in places:
        store = MemoryEffects(attempt=place.attempt)
        await send_once(store, world)(letter(), place)
        await send_once(MemoryEffects(attempt=place.attempt), world)(letter("else"), place)
    assert all(world.keys)
    assert world.keys[0] == world.keys[2], "another attempt is the same call"
    assert len(set(world.keys)) == 6


@pytest.mark.parametrize("happened", [True, False])
async def test_a_tool_that_can_look_settles_it_itself(happened: bool) -> None:
    store, world = MemoryEffects(), World()
    await interrupt(store, world, verify=True)
    if not happened:
        world.sent.clear()
    outcome = await send_once(store, world, verify=True)(letter(), context())
    assert (outcome.status, outcome.output) == ("ok", "Sent: hello")
    assert world.sent == {"hello": 1}
    assert next(iter(store.rows.values())).runs == (1 if happened else 2)


async def test_a_check_can_be_asked_for_again_when_it_could_not_tell() -> None:
    store, world = MemoryEffects(), World(blind=True)
    await interrupt(store, world, verify=True)
    call = send_once(store, world, verify=True)
    for decided in ("", "check", "check"):
        outcome = await call(letter(), context(decided=decided))
        assert (outcome.status, outcome.choices) == ("unsettled", ("check", *PERSON))
        assert "have it checked" in outcome.output
    world.blind = False
    assert (await call(letter(), context(decided="check"))).status == "ok"
    assert world.sent == {"hello": 1}


@pytest.mark.parametrize(
    ("decided", "status", "words", "sent"),
    [
        ("happened", "ok", "You said that this happened.", 1),
        ("skip", "refused", "Skipped by the user.", 1),
        ("retry", "ok", "Sent: hello", 2),
    ],
)
async def test_a_decision_is_carried_out_once_and_stays(decided: Any, status: str, words: str, sent: int) -> None:
    store, world = MemoryEffects(), World()
    await interrupt(store, world)
    call = send_once(store, world)
    for _ in range(2):  # the decision is on record in the mission too, and comes again with each attempt
        outcome = await call(letter(), context(decided=decided, decision="order 1"))
        assert (outcome.status, outcome.output.startswith(words)) == (status, True)
    assert (await call(letter(), context())) == outcome
    assert world.sent == {"hello": sent}


@pytest.mark.parametrize("decision", ["order 1", ""])
async def test_a_retry_that_is_interrupted_too_needs_another_decision(decision: str) -> None:
    store, world = MemoryEffects(), World()
    await interrupt(store, world)
    world.on_send = lambda: asyncio.sleep(60)
    again = context(decided="retry", decision=decision)
    assert (await send_once(store, world, seconds=0.01)(letter(), again)).status == "unsettled"
    world.on_send = lambda: None
    assert (await send_once(store, world)(letter(), again)).status == "unsettled"
    assert world.sent == {"hello": 2}
    assert (await send_once(store, world)(letter(), context(decided="retry", decision="order 2"))).status == "ok"
    assert world.sent == {"hello": 3}


@pytest.mark.parametrize("kind", ["slow", "bug", "own timeout"])
async def test_nobody_is_told_that_it_failed_while_nobody_knows(kind: str) -> None:
    store, world = MemoryEffects(), World()

    async def wrong() -> None:
        if kind == "slow":
            await asyncio.sleep(60)
        raise TimeoutError if kind == "own timeout" else ZeroDivisionError

    world.on_send = wrong
    call = send_once(store, world, seconds=0.02)
    outcome = await call(letter(), context())
    assert (outcome.status, outcome.choices) == ("unsettled", PERSON)
    assert ("took too long" if kind == "slow" else "broke down") in outcome.output
    assert (await call(letter(), context())).status == "unsettled", "also at the next look"
    assert world.sent == {"hello": 1}


@pytest.mark.parametrize(("happened", "status"), [(True, "ok"), (False, "timeout")])
async def test_a_check_tells_what_became_of_a_call_that_was_too_slow(happened: bool, status: str) -> None:
    store, world = MemoryEffects(), World()

    async def slow() -> None:
        if not happened:
            world.sent.clear()
        await asyncio.sleep(60)

    world.on_send = slow
    outcome = await send_once(store, world, verify=True, seconds=0.02)(letter(), context())
    assert outcome.status == status
    assert next(iter(store.rows.values())).outcome == outcome


async def test_an_idempotent_call_that_is_too_slow_has_simply_failed() -> None:
    store, world = MemoryEffects(), World(on_send=lambda: asyncio.sleep(60))
    outcome = await gate(store, *tools(world, "idempotent"), seconds=0.02).call(letter(), context())
    assert outcome.status == "timeout"


@pytest.mark.parametrize(("text", "status"), [("no stamp", "failed"), ("no way", "refused"), ("no address", "failed")])
async def test_what_a_tool_says_itself_is_certain(text: str, status: str) -> None:
    store, world = MemoryEffects(), World()
    call = send_once(store, world)
    first = await call(letter(text), context())
    assert (first.status, first.output) == (status, text)
    assert await call(letter(text), context()) == first


@pytest.mark.parametrize("check", ["raises", "hangs", "nonsense"])
async def test_a_check_that_fails_cannot_tell(check: str) -> None:
    store, world = MemoryEffects(), World()
    await interrupt(store, world)

    async def look(given: ToolContext, arguments: Any) -> ToolResult | Verdict:
        if check == "raises":
            raise ZeroDivisionError
        if check == "hangs":
            await asyncio.sleep(60)
        return None  # type: ignore[return-value]

    box = gate(store, define(world.send, "Send {text}", risk="write", verify=look), seconds=0.02)
    assert (await box.call(letter(), context())).status == "unsettled"
    assert world.sent == {"hello": 1}
    world.on_send = lambda: asyncio.sleep(60)
    assert (await box.call(letter(), context("t1/2.0"))).status == "unsettled", "too slow, and nobody can tell"


async def test_grants_and_arguments_are_checked_before_anything_goes_on_record() -> None:
    store, world = MemoryEffects(), World()
    call = send_once(store, world)
    bad = [{}, {"text": 7}, {"text": "x", "more": 1}, {"text": float("nan")}, {"text": 2**70}, {"text": "x" * 10**7}]
    for arguments in bad:
        assert (await call(ToolCall(id="1", name="send", arguments=arguments), context())).status == "failed"
    nobody = context().model_copy(update={"granted": ()})
    assert (await call(letter(), nobody)).status == "refused"
    assert not store.rows


def test_a_tool_says_what_a_repetition_does() -> None:
    async def act(context: ToolContext) -> str:
        """Act."""
        return ""

    async def look(context: ToolContext, arguments: Any) -> Verdict:
        return Verdict.UNKNOWN

    assert define(act, "Act").effect == "none"
    assert define(act, "Act", risk="write").effect == "once"
    assert define(act, "Act", risk="write", effect="idempotent").effect == "idempotent"
    with pytest.raises(ValueError, match="it has an effect"):
        define(act, "Act", risk="write", effect="none")
    with pytest.raises(ValueError, match="must not be repeated"):
        define(act, "Act", risk="write", effect="idempotent", verify=look)
