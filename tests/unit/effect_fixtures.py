"""A store of intents in memory, a world outside that counts, and tools that change it; all of it can die at any point."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from core.decisions import ToolCall
from core.errors import BadInput, Conflict, Refused, StoreUnavailable, ToolFailure
from core.missions import Artifact, Source
from core.ports import Decided, Effect, Intent, ToolContext, ToolOutcome
from tools.define import Repeatable, Tool, ToolResult, Verdict, define
from tools.toolbox import GatedToolbox

PERSON = ("happened", "retry", "skip")


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Fuse:
    """Ends the process when it passes a point for the n-th time; `passed` lists the points of this life."""

    at: int = 0  # 0: never
    death: type[BaseException] = Crash
    passed: list[str] = field(default_factory=list)

    def point(self, name: str) -> None:
        self.passed.append(name)
        if len(self.passed) == self.at:
            this = asyncio.current_task()
            if self.death is asyncio.CancelledError and this is not None:
                this.cancel()  # a cancellation that nobody asked for would be the tool's own failure
            raise self.death(name)


@dataclass
class Row:
    effect: Effect
    runs: int = 1
    decision: str = ""
    outcome: ToolOutcome | None = None


@dataclass
class MemoryEffects:
    """The effects of core.ports in memory; what is written stays when the process dies."""

    rows: dict[tuple[str, str, str], Row] = field(default_factory=dict)
    attempt: int = 1
    fuse: Fuse = field(default_factory=Fuse)
    writes: int = 0
    full: str = ""  # "begin" or "finish": that cannot be written

    async def begin(self, effect: Effect, *, after: int = 0, beside: bool = False, decision: str = "") -> Intent:
        self.fuse.point("before begin")
        await asyncio.sleep(0)
        if effect.attempt != self.attempt:
            raise Conflict("over")
        if self.full == "begin":
            raise StoreUnavailable("The disk is full.")
        place = (effect.mission_id, effect.step, effect.arguments_hash)
        row = self.rows.get(place)
        others = {r.effect.tool for p, r in self.rows.items() if p[:2] == place[:2] and p != place}
        if row is None and others and not beside:
            return Intent(runs=0, others=tuple(sorted(others)))
        if row is not None and (row.outcome or row.runs != after or (decision and decision == row.decision)):
            return Intent(runs=row.runs, outcome=row.outcome)
        self.rows[place] = Row(effect, after + 1, decision)
        self.writes += 1
        self.fuse.point("after begin")
        return Intent(runs=after + 1, mine=True)

    async def finish(self, effect: Effect, runs: int, outcome: ToolOutcome) -> None:
        self.fuse.point("before finish")
        for _ in range(4):
            await asyncio.sleep(0)
        if self.full == "finish":
            raise StoreUnavailable("The disk is full.")
        row = self.rows[effect.mission_id, effect.step, effect.arguments_hash]
        if row.outcome or row.runs != runs:
            raise Conflict("settled")
        row.outcome = outcome
        self.writes += 1
        self.fuse.point("after finish")


@dataclass
class World:
    """What is outside: letters that were sent, by text, and the keys they were sent with."""

    sent: Counter[str] = field(default_factory=Counter)
    keys: list[str] = field(default_factory=list)
    fuse: Fuse = field(default_factory=Fuse)
    on_send: Callable[[], Any] = lambda: None  # what goes wrong after a letter has left
    blind: bool = False  # nobody can look

    async def send(self, context: ToolContext, text: str) -> ToolResult:
        """Send a letter."""
        self.fuse.point("before effect")
        await asyncio.sleep(0)
        if text.startswith("no"):
            raise {"no stamp": ToolFailure("no stamp"), "no way": Refused("no way")}.get(text, BadInput("no address"))
        self.sent[text] += 1
        self.keys.append(context.effect_key)
        if (wrong := self.on_send()) is not None:
            await wrong
        self.fuse.point("after effect")
        artifact = Artifact(id="a", name="receipt.txt", hash="0" * 64, size=1, mime="text/plain")
        return ToolResult(f"Sent: {text}", (Source(file="post", quote="received"),), (artifact,))

    async def look(self, context: ToolContext, arguments: Any) -> ToolResult | Verdict:
        self.fuse.point("verify")
        if self.blind:
            return Verdict.UNKNOWN
        text = arguments["text"]
        return ToolResult(f"Sent: {text}") if self.sent[text] else Verdict.NOT_HAPPENED


def tools(world: World, effect: Repeatable, *, verify: bool = False) -> list[Tool]:
    async def post(context: ToolContext, text: str) -> ToolResult:
        """Send a letter another way."""
        return await world.send(context, text)

    async def note(context: ToolContext, text: str) -> ToolResult:
        """Write down."""
        return await world.send(context, text)

    async def read(context: ToolContext, text: str) -> str:
        """Read."""
        return text

    check = world.look if verify else None
    return [
        define(world.send, "Send {text}", risk="write", effect=effect, verify=check),
        define(post, "Post {text}", risk="write"),
        define(note, "Note {text}", risk="write", effect="idempotent"),
        define(read, "Read {text}"),
    ]


def gate(store: MemoryEffects | None, *offered: Tool, seconds: float = 5.0) -> GatedToolbox:
    return GatedToolbox(
        offered,
        seconds=seconds,
        output_bytes=2000,
        at_once=4,
        mask=lambda text: text.replace("hunter22", "[secret]"),
        effects=store,
    )


def context(step: str = "t1/1.0", attempt: int = 1, decided: Decided = "", decision: str = "") -> ToolContext:
    return ToolContext(
        mission_id="m",
        conversation_id="c",
        user_id="u",
        task_id="t1",
        step=step,
        granted=("send", "post", "note", "read"),
        attempt=attempt,
        decided=decided,
        decision=decision,
    )


def letter(text: str = "hello", name: str = "send") -> ToolCall:
    return ToolCall(id="1", name=name, arguments={"text": text})


def send_once(store: MemoryEffects, world: World, *, verify: bool = False, **limits: float) -> Any:
    return gate(store, *tools(world, "once", verify=verify), **limits).call


async def interrupt(store: MemoryEffects, world: World, **kind: Any) -> None:
    """Leave an intent behind whose call was cancelled after its letter had left."""
    stop = asyncio.Event()
    world.on_send = stop.wait
    task = asyncio.create_task(send_once(store, world, **kind)(letter(), context()))
    while not world.sent:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    world.on_send = lambda: None
