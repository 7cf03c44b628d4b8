"""Whatever point a process dies (or a call is cancelled) at, and dies again: a letter leaves once, nobody claims what
nobody knows."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field

import pytest
from effect_fixtures import Crash, Fuse, MemoryEffects, World, context, gate, letter, tools

from core.ports import Decided, ToolOutcome
from tools.define import Repeatable

LIVES = 3
POINTS = 11  # more than any life passes


@dataclass
class Course:
    """A mission's way through several lives; what the user decided is on record, and comes again in each."""

    effect: Repeatable
    verify: bool
    policy: Decided  # what the user says whenever nobody knows
    death: type[BaseException] = Crash
    store: MemoryEffects = field(default_factory=MemoryEffects)
    world: World = field(default_factory=World)
    decided: Decided = ""
    decisions: int = 0
    asked: int = 0

    def __post_init__(self) -> None:
        self.tools = tools(self.world, self.effect, verify=self.verify)
        self.box = gate(self.store, *self.tools)

    async def live(self, attempt: int, dies_at: int) -> ToolOutcome | None:
        """Live until the process dies (None) or the call has an end."""
        fuse = self.store.fuse = self.world.fuse = Fuse(dies_at, self.death)
        if self.death is Crash:  # another process; who is only cancelled goes on with the same gate
            self.store.attempt = attempt
            self.box = gate(self.store, *self.tools)
        life = asyncio.ensure_future(self._to_the_end(fuse))
        await asyncio.wait([life])
        return None if life.cancelled() or isinstance(life.exception(), Crash) else life.result()

    async def _to_the_end(self, fuse: Fuse) -> ToolOutcome:
        while True:
            now = context(attempt=self.store.attempt, decided=self.decided, decision=f"order {self.decisions}")
            outcome = await self.box.call(letter(), now)
            fuse.point("answered")
            if outcome.status != "unsettled":
                return outcome
            self.asked += 1
            assert self.policy in outcome.choices
            self.decided, self.decisions = self.policy, self.decisions + 1

    async def through(self, deaths: tuple[int, ...]) -> ToolOutcome:
        for attempt, dies_at in enumerate((*deaths, 0), 1):
            outcome = await self.live(attempt, dies_at)
            if outcome is not None:
                return outcome
        raise AssertionError("the last life has no death in it")

    @property
    def sent(self) -> int:
        return self.world.sent["hello"]


KINDS: list[tuple[Repeatable, bool, Decided]] = [
    ("idempotent", False, "retry"),
    ("once", True, "check"),
    ("once", False, "happened"),
    ("once", False, "skip"),
    ("once", False, "retry"),
]


@pytest.mark.parametrize("death", [Crash, asyncio.CancelledError])
@pytest.mark.parametrize(("effect", "verify", "policy"), KINDS)
async def test_property_every_way_to_die_and_die_again(
    effect: Repeatable, verify: bool, policy: Decided, death: type[BaseException]
) -> None:
    ends: set[tuple[str, int]] = set()
    for deaths in itertools.product(range(POINTS + 1), repeat=LIVES - 1):
        course = Course(effect, verify, policy, death)
        outcome = await course.through(deaths)
        about = f"{deaths}: {outcome.status}, sent {course.sent}, asked {course.asked}"
        judge(course, outcome, about)
        again = await course.live(LIVES + 1, 0)
        assert again == outcome, f"{about}; the next look must give the same"
        ends.add((outcome.status, course.sent))
    assert ends == EXPECTED[effect, policy], "every end that can be was reached, and no other"


EXPECTED = {
    ("idempotent", "retry"): {("ok", 1), ("ok", 2), ("ok", 3)},
    ("once", "check"): {("ok", 1)},
    ("once", "happened"): {("ok", 0), ("ok", 1)},
    ("once", "skip"): {("refused", 0), ("refused", 1), ("ok", 1)},
    ("once", "retry"): {("ok", 1), ("ok", 2), ("ok", 3)},
}


def judge(course: Course, outcome: ToolOutcome, about: str) -> None:
    """What must hold of every course."""
    if course.effect == "idempotent" or course.verify:
        assert course.asked == 0, f"{about}: nobody had to be asked"
    if course.effect == "once":
        ordered = course.decisions if course.policy == "retry" else 0
        assert course.sent <= 1 + ordered, f"{about}: repeated without an order"
    if outcome.status == "ok" and course.policy != "happened":
        assert course.sent >= 1, f"{about}: nothing was sent, and that was called done"
    assert len(set(course.world.keys)) <= 1, f"{about}: one call, one key"
    assert outcome.output.startswith(("Sent: hello", "You said that this happened", "Skipped by the user"))


async def test_the_fuse_passes_every_point() -> None:
    course = Course("once", True, "check")
    assert await course.live(1, 5) is None, "it dies after the letter has left"
    lived = list(course.store.fuse.passed)
    assert lived == ["before begin", "after begin", "before effect", "after effect", "before finish"][: len(lived)]
    assert course.sent == 1
    await course.live(2, 0)
    assert course.store.fuse.passed == ["before begin", "verify", "before finish", "after finish", "answered"]
