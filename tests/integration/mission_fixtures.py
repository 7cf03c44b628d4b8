"""A small staff for tests of the mission graph: real roles, real journal, scripted model replies, tools made of functions."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph.checkpoint.memory import InMemorySaver
from sqlalchemy import insert

from agents.chief_of_staff import ChiefOfStaff
from agents.llm.calls import CallSite, ModelRequest
from agents.master_operator import MasterOperator
from agents.prompting import Prompts
from agents.reviewer import Reviewer
from agents.roster import FOLDER, Roster
from core.budget import Usage
from core.decisions import Reply, ToolCall
from core.events import Event, MissionEnded
from core.memories import Brief, Recollection
from core.missions import Mission, new_id, now
from core.ports import ToolContext, ToolOutcome, ToolSpec
from core.settings import Settings
from graphs.mission_graph import build_mission_graph
from graphs.mission_run import Staff
from graphs.recording import RecordedGateway
from graphs.running import Runner
from memory.checkpoints import open_checkpointer
from memory.database import Database
from memory.journal import Journal
from memory.missions import Missions
from memory.orders import Orders
from memory.tables import users

Script = Callable[[ModelRequest, CallSite], Reply | Awaitable[Reply]]


def says(text: str) -> Reply:
    return Reply(
        text=text, model="scripted:test", usage=Usage(model_calls=1, tokens_in=10, tokens_out=len(text) // 4 + 1)
    )


def calls(*wanted: tuple[str, dict[str, Any]], text: str = "") -> Reply:
    tools = tuple(ToolCall(id=f"call-{i}", name=name, arguments=a) for i, (name, a) in enumerate(wanted))
    usage = Usage(model_calls=1, tokens_in=10, tokens_out=10)
    return Reply(text=text, tool_calls=tools, finish="tool_calls", model="scripted:test", usage=usage)


def plans(*tasks: dict[str, Any], note: str = "") -> Reply:
    return calls(("make_plan", {"note": note, "tasks": list(tasks)}))


@dataclass
class ScriptedGateway:
    """Answers each step by a function; counts how often each step was asked."""

    script: Script
    asked: Counter[str] = field(default_factory=Counter)
    requests: dict[str, ModelRequest] = field(default_factory=dict)

    async def ask(self, request: ModelRequest, site: CallSite) -> Reply:
        self.asked[site.step] += 1
        self.requests[site.step] = request
        site.on_model("scripted:test", "the test says so")
        reply = self.script(request, site)
        if not isinstance(reply, Reply):
            reply = await reply
        for offset in range(0, len(reply.text), 7):
            site.on_text(reply.text[offset : offset + 7], offset)
        return reply


@dataclass
class FunctionTools:
    """A toolbox of plain functions; counts how often each step ran."""

    functions: dict[str, Callable[..., Any]] = field(default_factory=dict)
    ran: Counter[str] = field(default_factory=Counter)
    contexts: list[ToolContext] = field(default_factory=list)

    def offer(self, names: Sequence[str]) -> tuple[ToolSpec, ...]:
        return tuple(ToolSpec(name=n, description=n, parameters={"type": "object"}) for n in names)

    def intent(self, call: ToolCall) -> str:
        return f"Call {call.name}"

    async def call(self, call: ToolCall, context: ToolContext) -> ToolOutcome:
        self.ran[context.step] += 1
        self.contexts.append(context)
        output = self.functions.get(call.name, lambda **_: "nothing")(**call.arguments)
        if isinstance(output, ToolOutcome):
            return output
        text = str(await output if asyncio.iscoroutine(output) else output)
        return ToolOutcome(status="ok", output=text, size=len(text), seconds=0.0)


class PlainBriefing:
    """Knows the goal and nothing else."""

    async def assemble(self, mission: Mission, recorded: Sequence[Recollection] | None = None) -> Brief:
        return Brief(
            mission_id=mission.id, conversation_id=mission.conversation_id, user_id=mission.user_id, goal=mission.goal
        )

    async def remember_turn(self, mission: Mission, answer: str) -> None:
        return None


@dataclass
class Desk:
    """One data folder with a runner over it."""

    settings: Settings
    database: Database
    missions: Missions
    journal: Journal
    runner: Runner
    gateway: ScriptedGateway
    tools: FunctionTools
    user_id: str

    async def accept(self, goal: str = "Do it.", conversation_id: str | None = None) -> Mission:
        talk = conversation_id or new_id()
        mission = Mission(id=new_id(), conversation_id=talk, user_id=self.user_id, goal=goal, created_at=now())
        await self.missions.accept(mission, new_id(), title=goal)
        return mission

    async def run(self, mission: Mission) -> list[Event]:
        await self.runner.run(await self.missions.get(mission.id))
        return await self.journal.read(mission.id)

    async def do(self, goal: str = "Do it.") -> tuple[MissionEnded, list[Event]]:
        """Run a mission to its end; returns the end and all events."""
        events = await self.run(await self.accept(goal))
        end = events[-1]
        assert isinstance(end, MissionEnded)
        return end, events


@asynccontextmanager
async def open_desk(
    folder: Path,
    script: Script,
    functions: dict[str, Callable[..., Any]] | None = None,
    *,
    durable: bool = False,
    **limits: Any,
) -> AsyncIterator[Desk]:
    """Open a desk over a folder; if durable, the same folder opened again goes on where it stood."""
    settings = Settings(data_dir=folder, **limits)
    async with AsyncExitStack() as stack:
        database = await Database.open(folder / "staffwork.db")
        stack.push_async_callback(database.close)
        saver = await stack.enter_async_context(open_checkpointer(database)) if durable else InMemorySaver()
        gateway, tools = ScriptedGateway(script), FunctionTools(functions or {})
        recorded, prompts, roster = RecordedGateway(gateway), Prompts(), Roster.load([FOLDER])
        staff = Staff(
            settings=settings,
            chief=ChiefOfStaff(recorded, prompts, roster),
            operator=MasterOperator(recorded, prompts, roster),
            reviewer=Reviewer(recorded, prompts),
            roster=roster,
            toolbox=tools,
            briefing=PlainBriefing(),
        )
        missions, journal = Missions(database), Journal(database)
        runner = Runner(staff, build_mission_graph(saver), missions, journal, Orders(database))
        user = {"id": "ada", "name": "ada", "password_hash": "", "role": "owner", "created_at": now()}
        await database.write((insert(users).prefix_with("OR IGNORE"), user))
        yield Desk(settings, database, missions, journal, runner, gateway, tools, "ada")
