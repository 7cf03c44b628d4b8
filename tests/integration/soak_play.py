"""What the missions of the soak are: everything about one follows from its name, so that any process can play it."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage
from mission_fixtures import calls, plans, says
from soak_outside import ask

from agents.llm.calls import CallSite, ModelRequest
from core.decisions import Reply
from core.ports import ToolContext
from tools.define import Tool, ToolResult, Verdict, define

EFFECTS = 5
KINDS = ("send_blind", "send_blind", "send_checked", "send_checked", "send_keyed")
PROFILE = """---
name: courier
title: Courier
when: Send things.
tools: [send_blind, send_checked, send_keyed, echo]
---
You send things.
"""
Call = tuple[str, dict[str, Any]]


def name_of(number: int) -> str:
    return f"soak-{number:04}"


def number_of(mission_id: str) -> int:
    return int(mission_id.rsplit("-", 1)[1])


@dataclass(frozen=True)
class Play:
    """One mission: tasks t1, t2 ..., and for each the calls of its steps."""

    number: int

    @property
    def tasks(self) -> list[dict[str, Any]]:
        count = 3 + self.number % 2
        tasks: list[dict[str, Any]] = [
            {"id": f"t{i}", "operator": "courier", "goal": f"Part {i} of {self.number}"} for i in range(1, count + 1)
        ]
        if self.number % 3 == 0:
            tasks[-1]["needs"] = ["t1"]
        return tasks

    @property
    def asks(self) -> bool:
        """Say whether its second operator asks the user something first."""
        return self.number % 8 == 5

    @property
    def hands_down(self) -> bool:
        """Say whether its first operator has everything done by somebody else."""
        return self.number % 4 == 1

    def breaks(self, effect: int) -> bool:
        """Say whether the answer to an effect is lost on the way, without any kill."""
        return self.number % 9 == 4 and effect == 2

    def tool_of(self, effect: int) -> str:
        return random.Random(self.number).sample(KINDS, EFFECTS)[effect - 1]

    def rounds(self, task_id: str) -> list[list[Call]]:
        """List the calls of each step of a task, before it finishes; one that is tried again has nothing left to send."""
        if "-" in task_id:
            return []
        index, parts = int(task_id[1:].split(".", maxsplit=1)[0]), len(self.tasks)
        mine = [e for e in range(1, EFFECTS + 1) if e % parts == index % parts]
        send = [(self.tool_of(e), {"number": e}) for e in mine]
        if self.hands_down and task_id == "t1":
            return [[("start_subtask", {"operator": "courier", "goal": "Send what is mine."})]]
        rounds = [send] if self.number % 2 else [[call] for call in send]
        question = ("ask_user", {"question": f"Shall {task_id} go on?", "form": "yes_no"})
        return [[question], *rounds] if self.asks and task_id == "t2" else rounds

    def result(self, task_id: str) -> str:
        return f"{name_of(self.number)} {task_id} {[c for round_ in self.rounds(task_id) for c in round_]}"

    def reply(self, request: ModelRequest, step: str, task_id: str) -> Reply:
        """Answer as the operator of a task; its result is made of what its own transcript holds."""
        rounds, number = self.rounds(task_id), int(step.rsplit("/", 1)[1])
        if number <= len(rounds):
            return calls(*rounds[number - 1])
        made = [(c["name"], c["args"]) for m in request.messages if isinstance(m, AIMessage) for c in m.tool_calls]
        result = f"{name_of(self.number)} {task_id} {made}"
        return calls(("finish", {"status": "completed", "summary": f"{task_id} done", "result": result}))

    @property
    def results(self) -> dict[str, str]:
        """Map each task, subtasks included, to the result it must have."""
        names = [t["id"] for t in self.tasks]
        found = {name: self.result(name) for name in names}
        return found | ({"t1.1": self.result("t1.1")} if self.hands_down else {})

    @property
    def answer(self) -> str:
        return f"Everything about {name_of(self.number)} is sent."


@dataclass(frozen=True)
class Dag:
    """One mission of thirty tasks; each result is made of the results it needed."""

    number: int
    size: int = 30
    asks = False

    @property
    def needs(self) -> dict[str, list[str]]:
        chance = random.Random(self.number)
        return {
            f"t{i}": sorted(chance.sample([f"t{j}" for j in range(1, i)], min(i - 1, chance.randint(0, 3))))
            for i in range(1, self.size + 1)
        }

    @property
    def tasks(self) -> list[dict[str, Any]]:
        return [
            {"id": name, "operator": "courier", "goal": f"Do {name}", "needs": needs}
            for name, needs in self.needs.items()
        ]

    def reply(self, request: ModelRequest, step: str, task_id: str) -> Reply:
        if step.endswith("/1"):
            return calls(("send_checked", {"number": int(task_id[1:])}))
        given = "\n".join(str(m.content) for m in request.messages)
        found = [name for name in self.needs[task_id] if self.results[name] in given]
        result = f"<{task_id} of {self.number} after {found}>"
        return calls(("finish", {"status": "completed", "summary": f"{task_id} done", "result": result}))

    @property
    def results(self) -> dict[str, str]:
        return {name: f"<{name} of {self.number} after {needs}>" for name, needs in self.needs.items()}

    @property
    def answer(self) -> str:
        return f"Everything about dag-{self.number:04} is done."


def play_of(mission_id: str) -> Play | Dag:
    return Dag(number_of(mission_id)) if mission_id.startswith("dag") else Play(number_of(mission_id))


@dataclass(frozen=True)
class Actor:
    """Plays every part of a mission: the models, and the tools that ask the world outside."""

    port: int
    pace: float  # seconds that each call takes on average
    chance: random.Random

    async def _pause(self) -> None:
        await asyncio.sleep(self.chance.random() * 2 * self.pace)

    async def script(self, request: ModelRequest, site: CallSite) -> Reply:
        """Answer a model call, after those outside have counted it."""
        play = play_of(site.mission_id)
        await ask(self.port, do="call", mission=site.mission_id, step=site.step)
        await self._pause()
        match site.step:
            case "plan":
                return plans(*play.tasks)
            case "report":
                return says(play.answer)
        return play.reply(request, site.step, site.task_id or "")

    async def _send(self, how: str, context: ToolContext, number: int) -> str:
        await self._pause()
        about = {"mission": context.mission_id, "number": number, "attempt": context.attempt}
        count = await ask(self.port, do=how, key=context.effect_key, **about)
        await self._pause()
        play = play_of(context.mission_id)
        if isinstance(play, Play) and play.breaks(number) and count == 1:
            raise OSError("the line went dead before the answer came")
        return f"sent {number}"

    def tools(self) -> list[Tool]:
        """Return three ways to send something: nobody can look afterwards, one can look, or it takes a key."""

        async def send_blind(context: ToolContext, number: int) -> str:
            """Send it; nobody can tell afterwards whether it was sent."""
            return await self._send("once", context, number)

        async def send_checked(context: ToolContext, number: int) -> str:
            """Send it; one can look afterwards."""
            return await self._send("once", context, number)

        async def send_keyed(context: ToolContext, number: int) -> str:
            """Send it to somebody who serves each key once."""
            return await self._send("keyed", context, number)

        async def look(context: ToolContext, arguments: Any) -> ToolResult | Verdict:
            number = arguments["number"]
            about = {"mission": context.mission_id, "number": number, "attempt": context.attempt}
            count = await ask(self.port, do="look", **about)
            return ToolResult(f"sent {number}") if count else Verdict.NOT_HAPPENED

        return [
            define(send_blind, "Send {number}", risk="write"),
            define(send_checked, "Send {number}", risk="write", verify=look),
            define(send_keyed, "Send {number}", risk="write", effect="idempotent"),
        ]


def write_profile(folder: Path) -> Path:
    """Put the profile of the operators into a folder, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "courier.md").write_text(PROFILE)
    return folder
