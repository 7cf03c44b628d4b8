"""The house of the soak, on either database: everything of the product between the door and the outside, but the models."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mission_fixtures import PlainBriefing, Script, ScriptedGateway
from soak_play import write_profile
from store_fixtures import open_at

from agents.chief_of_staff import ChiefOfStaff
from agents.llm.calls import CallSite, ModelRequest
from agents.master_operator import MasterOperator
from agents.prompting import Prompts
from agents.reviewer import Reviewer
from agents.roster import FOLDER, Roster
from core.decisions import Reply
from core.missions import Mission, new_id, now
from core.ports import LedgerRow
from core.settings import Settings
from graphs.dispatch_durable import DurableDispatcher
from graphs.mission_graph import build_mission_graph
from graphs.mission_run import Staff
from graphs.reception import Reception
from graphs.recording import RecordedEffects, RecordedGateway
from graphs.running import Runner
from memory import tables
from memory.blobs import Blobs
from memory.checkpoints import open_checkpointer
from memory.claims import Queue, Rules
from memory.conversations import Conversations
from memory.database import Database
from memory.effects import Effects
from memory.files import Files
from memory.journal import Journal
from memory.ledger import Ledger
from memory.missions import Missions
from memory.orders import Orders
from memory.people import People
from memory.statements import insert_into
from tools.define import Tool
from tools.toolbox import GatedToolbox

LEASE = 3.0
RULES = Rules(per_user=100, attempts=3, ageing_seconds=300, lease_seconds=LEASE)
USER = "ada"


class ChargedGateway(ScriptedGateway):
    """Answers by a function, and puts every reply on the ledger first, as the product's gateway does."""

    def __init__(self, script: Script, ledger: Ledger) -> None:
        super().__init__(script)
        self._ledger = ledger

    async def ask(self, request: ModelRequest, site: CallSite) -> Reply:
        reply = await super().ask(request, site)
        about = {"mission_id": site.mission_id, "task_id": site.task_id, "step": site.step, "operator": site.operator}
        row = LedgerRow(id=new_id(), **about, role=site.role, provider="scripted", model="test")
        await self._ledger.record(row)
        return reply


@dataclass
class House:
    """An open house: the reception, and who works behind it."""

    reception: Reception
    dispatcher: DurableDispatcher
    queue: Queue
    effects: Effects
    runner: Runner

    async def submit(self, mission: Mission) -> None:
        """Take a mission in; it is acknowledged when this returns."""
        await self.reception.submit(mission)
        await self.dispatcher.submit(await self.reception.missions.get(mission.id))

    async def give(self, order: Any) -> None:
        """Take an order to a mission."""
        await self.reception.give(order)
        await self.dispatcher.order_came(order.mission_id, order.kind)


def reception_of(database: Database, settings: Settings) -> Reception:
    """Build the reception over an open database."""
    return Reception(
        settings=settings,
        database=database,
        people=People(database),
        conversations=Conversations(database),
        files=Files(database),
        missions=Missions(database),
        orders=Orders(database),
        journal=Journal(database),
        blobs=Blobs(settings.data_dir / "blobs"),
    )


@asynccontextmanager
async def open_house(
    place: Path | str,
    folder: Path,
    script: Script,
    tools: Sequence[Tool],
    *,
    shared: bool = False,
    at_once: int = 8,
    rules: Rules = RULES,
    drain_seconds: float = 5,
    opener: Callable[[Path | str], Awaitable[Database]] = open_at,
    **limits: Any,
) -> AsyncIterator[House]:
    """Open a house over a database and go on with what is unfinished; `folder` is its own."""
    settings = Settings(data_dir=folder, **limits)
    async with AsyncExitStack() as stack:
        database = await opener(place)
        stack.push_async_callback(database.close)
        await add_user(database)
        checkpointer = await stack.enter_async_context(open_checkpointer(database))
        ledger, reception = Ledger(database), reception_of(database, settings)
        stack.push_async_callback(ledger.flush)
        gateway = RecordedGateway(ChargedGateway(script, ledger))
        prompts, roster = Prompts(), Roster.load([FOLDER, write_profile(folder / "profiles")])
        effects = Effects(database)
        toolbox = GatedToolbox(
            tools,
            seconds=20,
            output_bytes=settings.tool_output_bytes,
            at_once=16,
            mask=lambda text: text,
            effects=RecordedEffects(effects, reception.journal),
        )
        staff = Staff(
            settings=settings,
            chief=ChiefOfStaff(gateway, prompts, roster),
            operator=MasterOperator(gateway, prompts, roster),
            reviewer=Reviewer(gateway, prompts),
            roster=roster,
            toolbox=toolbox,
            briefing=PlainBriefing(),
        )
        graph = build_mission_graph(checkpointer)
        runner = Runner(staff, graph, reception.missions, reception.journal, reception.orders, effects=effects)
        queue = Queue(database, rules, shared=shared)
        dispatcher = DurableDispatcher(queue, runner, at_once, drain_seconds)
        stack.push_async_callback(dispatcher.stop)
        await dispatcher.start()
        yield House(reception, dispatcher, queue, effects, runner)


async def add_user(database: Database) -> None:
    """Have the one user there is, once."""
    user = {"id": USER, "name": USER, "password_hash": "", "role": "owner", "created_at": now()}
    await database.apply(lambda c: c.execute(insert_into(c, tables.users).on_conflict_do_nothing(), user).rowcount)


def mission(mission_id: str, **terms: Any) -> Mission:
    """Make a mission of the one user, in a conversation of its own."""
    about = {"conversation_id": f"talk-{mission_id}", "user_id": USER, "goal": f"Do {mission_id}."} | terms
    return Mission(id=mission_id, created_at=now(), **about)
