"""The watchdog's timer: what is found is handed over without anybody asking, and nothing after the end."""

from __future__ import annotations

import asyncio

from watchdog_fixtures import Story

from core.budget import Budget
from core.events import Event
from core.steering import Intervened
from graphs.intervening import Finding, intervened
from graphs.minding import Minder
from graphs.watchdog import Limits


def stuck() -> list[Event]:
    """The events of a task that is stuck, without what was done about it."""
    story = Story()
    story.start()
    for _ in range(4):
        story.do("read_file", "the same page")
    return [e for e in story.past if not isinstance(e, Intervened)]


async def test_what_an_event_makes_clear_is_handed_over_at_once_but_not_from_within() -> None:
    found: asyncio.Queue[Finding] = asyncio.Queue()
    minder = Minder(Limits(1000, Budget()), found.put_nowait)
    for event in stuck():
        minder.observe(event)
    assert found.empty()
    async with asyncio.timeout(10):
        finding = await found.get()
    assert (finding.pattern, finding.action) == ("same_result", "nudge")
    minder.close()


async def test_what_time_makes_clear_is_handed_over_in_its_order() -> None:
    found: asyncio.Queue[Finding] = asyncio.Queue()
    minder = Minder(Limits(0.05, Budget()), found.put_nowait)
    for event in stuck()[:2]:
        minder.observe(event)
    async with asyncio.timeout(10):
        finding = await found.get()
    assert (finding.pattern, finding.action, finding.task_id) == ("no_progress", "nudge", "t1")
    minder.close()


async def test_a_finding_may_be_told_back_while_it_is_acted_on() -> None:
    acted: list[str] = []
    done = asyncio.Event()

    def act(finding: Finding) -> None:
        acted.append(finding.action)
        minder.observe(intervened("m1", finding))
        done.set()

    minder = Minder(Limits(1000, Budget()), act)
    for event in stuck():
        minder.observe(event)
    async with asyncio.timeout(10):
        await done.wait()
    for _ in range(10):
        await asyncio.sleep(0)
    assert acted == ["nudge"]
    minder.close()


async def test_an_earlier_attempt_is_recalled_and_after_the_end_nothing_is_handed_over() -> None:
    acted: list[Finding] = []
    minder = Minder(Limits(1000, Budget()), acted.append)
    minder.recall(stuck()[:-1])
    minder.observe(stuck()[-1])
    minder.close()
    for _ in range(10):
        await asyncio.sleep(0)
    assert acted == []
