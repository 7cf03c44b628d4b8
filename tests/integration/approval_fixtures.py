"""A house with the real gate, the real rows and a world outside that counts what was done to it, on either database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mission_fixtures import PlainBriefing, Script, ScriptedGateway, calls, plans, says
from soak_house import RULES, add_user, reception_of
from steering_fixtures import eventually
from store_fixtures import open_at

from agents.chief_of_staff import ChiefOfStaff
from agents.master_operator import MasterOperator
from agents.prompting import Prompts
from agents.reviewer import Reviewer
from agents.roster import FOLDER, Roster
from core.missions import Mission, Source, Status, new_id, now
from core.ports import ToolContext
from core.settings import Settings
from core.steering import ApprovalDecided, ApprovalRequested, Order, OrderKind
from graphs.dispatch_durable import DurableDispatcher
from graphs.mission_graph import build_mission_graph
from graphs.mission_run import Staff
from graphs.reception import Reception
from graphs.recording import RecordedEffects, RecordedGateway
from graphs.running import Runner
from graphs.standing import Standing
from memory.approvals import Approval, Approvals
from memory.checkpoints import open_checkpointer
from memory.claims import Queue
from memory.effects import Effects
from tools.define import Tool, ToolResult, define
from tools.policy import Policy
from tools.toolbox import GatedToolbox

PROFILE = """---
name: hand
title: Hand
when: Do anything that is wanted.
capabilities: [anything]
tools: [{tools}]
tier: standard
---
You do what you are told.
"""


@dataclass
class World:
    """What is outside: everything that was done, in order; `page` is what a page says to whoever reads it."""

    done: list[str] = field(default_factory=list)
    page: str = "Nothing of interest."

    async def read_page(self, context: ToolContext, name: str) -> str:
        """Read something from outside."""
        return self.page

    async def fetch(self, context: ToolContext, url: str) -> str:
        """Get a page from the web."""
        self.done.append(f"fetch {url}")
        return self.page

    async def search(self, context: ToolContext, query: str) -> ToolResult:
        """Search the web; it finds one page."""
        found = Source(file="Found", quote="found", origin="web", origin_id="https://found.org/1")
        return ToolResult(f"Found: https://found.org/1. {self.page} {query}", (found,))

    async def run_code(self, context: ToolContext, code: str) -> str:
        """Run a program."""
        self.done.append(f"run {code}")
        return "ran"

    async def post(self, context: ToolContext, to: str, text: str) -> ToolResult:
        """Send a letter."""
        self.done.append(f"post {to}: {text}")
        return ToolResult(f"Sent to {to}.")

    async def pay(self, context: ToolContext, to: str, amount: int) -> str:
        """Pay money."""
        self.done.append(f"pay {to} {amount}")
        return "paid"

    async def wipe(self, context: ToolContext, name: str) -> str:
        """Delete for good."""
        self.done.append(f"wipe {name}")
        return "gone"

    async def remember(self, context: ToolContext, text: str) -> str:
        """Keep a fact."""
        self.done.append(f"remember {text}")
        return "kept"

    async def note(self, context: ToolContext, text: str) -> str:
        """Write into the own folder."""
        self.done.append(f"note {text}")
        return "noted"

    def tools(self) -> list[Tool]:
        return [
            define(self.read_page, "Read {name}", taints=True),
            define(self.fetch, "Get {url}", risk=("read", "network"), taints=True),
            define(self.search, "Search for {query}", risk="network", taints=True),
            define(self.run_code, "Run {code}", risk="execute"),
            define(self.post, "Send {text} to {to}", risk=("network", "write")),
            define(self.pay, "Pay {amount} to {to}", risk="money"),
            define(self.wipe, "Delete {name}", risk=("write", "destructive")),
            define(self.remember, "Remember: {text}", risk="write", effect="idempotent"),
            define(self.note, "Note {text}", risk="write", effect="idempotent"),
        ]


class Play:
    """One operator, `hand`, that makes the given calls one after the other and finishes; `seen` is what it was told."""

    def __init__(self, *wanted: tuple[str, dict[str, Any]]) -> None:
        self.wanted = wanted
        self.seen: dict[str, str] = {}

    def __call__(self, request: Any, site: Any) -> Any:
        self.seen[site.step] = "\n".join(str(m.content) for m in request.messages)
        match site.step.split("/"):
            case ["plan"]:
                return plans({"operator": "hand", "goal": "Do it all."})
            case ["t1", number] if int(number) <= len(self.wanted):
                return calls(self.wanted[int(number) - 1])
            case [task, _] if task.startswith("t"):
                return calls(("finish", {"status": "completed", "summary": f"{task} done", "result": "done"}))
        return says("All done.")


@dataclass
class House:
    """An open house, and the person who lives in it."""

    reception: Reception
    dispatcher: DurableDispatcher
    gateway: ScriptedGateway

    async def submit(self, goal: str = "Do it.", **terms: Any) -> Mission:
        return await self.take(self.mission(goal, **terms))

    def mission(self, goal: str, **terms: Any) -> Mission:
        talk = terms.pop("conversation_id", new_id())
        return Mission(id=new_id(), conversation_id=talk, user_id="ada", goal=goal, created_at=now(), **terms)

    async def take(self, mission: Mission) -> Mission:
        await self.reception.submit(mission)
        await self.dispatcher.submit(await self.reception.missions.get(mission.id))
        return mission

    async def give(self, order: Order) -> None:
        await self.reception.give(order)
        await self.dispatcher.order_came(order.mission_id, order.kind)

    async def decide(self, asked: Approval, choice: str, **more: Any) -> Order:
        order = decision(asked, choice, **more)
        await self.give(order)
        return order

    async def events(self, mission: Mission, kind: type[Any] = object) -> list[Any]:
        return [e for e in await self.reception.journal.read(mission.id) if isinstance(e, kind)]

    async def standing(self, mission: Mission) -> Standing:
        return Standing(await self.events(mission))

    async def until(self, mission: Mission, status: Status) -> None:
        seen = ""

        async def stands() -> bool:
            nonlocal seen
            row = await self.reception.missions.get(mission.id)
            seen = f"{row.status}, attempt {row.attempt}: {row.problem}"
            return row.status is status

        await eventually(stands, lambda: f"{mission.id} does not become {status}; it is {seen}")

    async def asked(self, mission: Mission) -> Approval:
        """Return the one call that waits for approval, once the mission rests for it."""
        await self.until(mission, Status.WAITING_APPROVAL)
        open_ones: list[Approval] = []

        async def some() -> bool:  # one that was just decided may be the reason of a status that still stands
            open_ones[:] = [a for a in await self.reception.approvals.of_user("ada") if a.decided_at is None]
            return bool(open_ones)

        await eventually(some, lambda: f"nothing of {mission.id} waits for approval")
        [found] = open_ones
        return found

    async def requests(self, mission: Mission) -> list[ApprovalRequested]:
        return await self.events(mission, ApprovalRequested)

    async def decisions(self, mission: Mission) -> list[ApprovalDecided]:
        return await self.events(mission, ApprovalDecided)


def decision(asked: Approval, choice: str, **more: Any) -> Order:
    """Make the order with which a person decides."""
    about = {"id": new_id(), "mission_id": asked.mission_id, "by": "ada", "approval": asked.id, "choice": choice}
    return Order(kind=OrderKind.DECIDE, **about | more)


@asynccontextmanager
async def open_house(
    place: Path | str,
    folder: Path,
    script: Script,
    tools: Sequence[Tool],
    *,
    policy: Policy | None = None,
    **limits: Any,
) -> AsyncIterator[House]:
    """Open a house over a database and go on with what is unfinished."""
    settings = Settings(data_dir=folder, **limits)
    profiles = folder / "profiles"
    profiles.mkdir(parents=True, exist_ok=True)
    (profiles / "hand.md").write_text(PROFILE.format(tools=", ".join(t.name for t in tools)))
    async with AsyncExitStack() as stack:
        database = await open_at(place)
        stack.push_async_callback(database.close)
        await add_user(database)
        checkpointer = await stack.enter_async_context(open_checkpointer(database))
        reception, gateway = reception_of(database, settings), ScriptedGateway(script)
        recorded, prompts, roster = RecordedGateway(gateway), Prompts(), Roster.load([FOLDER, profiles])
        approvals = Approvals(database)
        staff = Staff(
            settings=settings,
            chief=ChiefOfStaff(recorded, prompts, roster),
            operator=MasterOperator(recorded, prompts, roster),
            reviewer=Reviewer(recorded, prompts),
            roster=roster,
            toolbox=GatedToolbox(
                tools,
                seconds=20,
                output_bytes=settings.tool_output_bytes,
                at_once=16,
                mask=lambda text: text,
                effects=RecordedEffects(Effects(database), reception.journal),
                policy=policy,
                authority=approvals,
            ),
            briefing=PlainBriefing(),
        )
        staff = replace(staff, approvals=approvals)
        graph = build_mission_graph(checkpointer)
        runner = Runner(staff, graph, reception.missions, reception.journal, reception.orders)
        dispatcher = DurableDispatcher(Queue(database, RULES, shared=False), runner, 8, 5)
        stack.push_async_callback(dispatcher.stop)
        await dispatcher.start()
        yield House(reception, dispatcher, gateway)
