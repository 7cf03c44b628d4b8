"""Effects in real missions: asked for on record before they begin, and a person decides of what nobody knows."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mission_fixtures import Desk, calls, open_desk, plans, says

from core import steering as s
from core.errors import StoreUnavailable
from core.events import MissionEnded, ModelReplied, ToolCalled, ToolReturned
from core.missions import Mission, Status
from core.ports import Effect, ToolContext
from graphs import recording
from graphs.recording import RecordedEffects
from graphs.running import Runner
from memory.effects import Effects
from memory.orders import Orders
from tools.define import define
from tools.toolbox import GatedToolbox

TASKS, LETTERS = 6, 3


def script(request: Any, site: Any) -> Any:
    """Several operators side by side send letters, and finish."""
    match site.step.split("/"):
        case ["plan"]:
            return plans(*({"id": f"t{i}", "operator": "writer", "goal": f"Part {i}"} for i in range(1, TASKS + 1)))
        case ["report"]:
            return says("The end.")
        case [_, number] if int(number) <= LETTERS:
            return calls(("send", {"text": site.step}))
    return calls(("finish", {"status": "completed", "summary": "Sent.", "result": "Sent."}))


class Post:
    """Sends letters under the name of a tool that writers have; waits at the post office while `closed`."""

    def __init__(self) -> None:
        self.sent: Counter[str] = Counter()
        self.closed = asyncio.Event()
        self.at_sending: Any = None  # called with the context of each letter

    async def write_file(self, context: ToolContext, text: str) -> str:
        """Send a letter."""
        if self.at_sending:
            await self.at_sending(context)
        self.sent[text] += 1
        await self.closed.wait()
        return f"Sent {text}."


@asynccontextmanager
async def office(folder: Path, post: Post, play: Any = script) -> AsyncIterator[Desk]:
    """Open a desk whose operators call a tool with effects through the real gate."""

    def renamed(request: Any, site: Any) -> Any:
        reply = play(request, site)
        wanted = tuple(c.model_copy(update={"name": c.name.replace("send", "write_file")}) for c in reply.tool_calls)
        return reply.model_copy(update={"tool_calls": wanted})

    async with open_desk(folder, renamed, durable=True) as desk:
        box = GatedToolbox(
            [define(post.write_file, "Send {text}", risk="write")],
            seconds=20,
            output_bytes=2000,
            at_once=8,
            mask=lambda text: text,
            effects=RecordedEffects(Effects(desk.database), desk.journal),
        )
        old = desk.runner
        desk.runner = Runner(
            replace(old._staff, toolbox=box),
            old._graph,
            desk.missions,
            desk.journal,
            Orders(desk.database),
            effects=Effects(desk.database),
        )
        yield desk


async def test_no_letter_leaves_before_the_journal_says_who_asked_for_it(tmp_path: Path) -> None:
    post, early = Post(), list[str]()
    post.closed.set()
    async with office(tmp_path, post) as desk:

        async def look(context: ToolContext) -> None:
            past = await desk.journal.read(context.mission_id)
            called = {e.step for e in past if isinstance(e, ToolCalled)}
            replied = {e.step for e in past if isinstance(e, ModelReplied)}
            if context.step not in called or context.step.rpartition(".")[0] not in replied:
                early.append(context.step)

        post.at_sending = look
        end, events = await desk.do()
    assert end.status is Status.COMPLETED
    assert len(post.sent) == TASKS * LETTERS
    assert early == []
    assert len([e for e in events if isinstance(e, ToolReturned) and e.status == "ok"]) == TASKS * LETTERS


async def interrupted(desk: Desk, mission: Mission, post: Post, letters: int) -> None:
    """Work on a mission until so many letters have left, then lose the process."""
    at_work = asyncio.create_task(desk.run(mission))
    async with asyncio.timeout(20):
        while len(post.sent) < letters:
            await asyncio.sleep(0.005)
    at_work.cancel()
    with pytest.raises(asyncio.CancelledError):
        await at_work


@pytest.mark.parametrize(
    ("choice", "sent", "told"), [("happened", 1, "ok"), ("retry", 2, "ok"), ("skip", 1, "refused")]
)
async def test_a_person_decides_of_each_letter_that_may_have_left(
    tmp_path: Path, choice: str, sent: int, told: str
) -> None:
    post = Post()
    async with office(tmp_path, post) as desk:
        mission = await desk.accept()
        await interrupted(desk, mission, post, TASKS)
    post.closed.set()
    async with office(tmp_path, post) as desk:
        events = await desk.run(mission)
        assert (await desk.missions.get(mission.id)).status is Status.NEEDS_ATTENTION
        asked = [e for e in events if isinstance(e, s.AttentionNeeded)]
        assert {e.step for e in asked} == {f"t{i}/1.0" for i in range(1, TASKS + 1)}
        assert "may or may not have happened" in asked[0].words
        assert set(post.sent.values()) == {1}
        for number, needed in enumerate(asked):
            order = s.Order(
                id=str(number),
                mission_id=mission.id,
                kind=s.OrderKind.SETTLE,
                by="ada",
                step=needed.step,
                choice=choice,
            )
            await Orders(desk.database).give(order)
        events = await desk.run(mission)
        assert isinstance(events[-1], MissionEnded)
        assert events[-1].status is Status.COMPLETED
        assert await Effects(desk.database).open_of(mission.id) == []
    first = [e for e in events if isinstance(e, ToolReturned) and e.step.endswith("/1.0")]
    assert {e.status for e in first} == {told}
    assert {post.sent[f"t{i}/1"] for i in range(1, TASKS + 1)} == {sent}
    assert {count for text, count in post.sent.items() if not text.endswith("/1")} == {1}


async def test_an_effect_is_given_up_while_the_journal_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "WRITTEN_WITHIN", 0.05)
    async with office(tmp_path, Post()) as desk:
        mission = await desk.accept()
        attempt = await desk.missions.start_attempt(mission.id)
        effects = RecordedEffects(Effects(desk.database), desk.journal)
        never = Effect(mission_id=mission.id, step="t1/1.0", tool="send", arguments_hash="a" * 64, attempt=attempt)
        with pytest.raises(StoreUnavailable, match="Nothing was done"):
            await effects.begin(never)
        assert (await effects.begin(never.model_copy(update={"durable": False}))).mine, (
            "what may be repeated need not wait"
        )


async def test_a_mission_stopped_during_a_call_says_what_may_have_happened(tmp_path: Path) -> None:
    post = Post()
    async with office(tmp_path, post) as desk:
        mission = await desk.accept()
        at_work = asyncio.create_task(desk.run(mission))
        async with asyncio.timeout(20):
            while not post.sent:
                await asyncio.sleep(0.005)
        await Orders(desk.database).give(s.Order(id="o", mission_id=mission.id, kind=s.OrderKind.STOP, by="ada"))
        await desk.runner.look(mission.id)
        end = (await at_work)[-1]
    assert end.status is Status.CANCELLED
    assert end.problem == (
        "You stopped this mission. When it ended, a call was still under way (write_file): it may or may not have "
        "happened. Please check."
    )
