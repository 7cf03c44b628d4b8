"""The office: builds everything, wires it, and closes it in reverse. The only place that chooses implementations."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace

from agents.chief_of_staff import ChiefOfStaff
from agents.llm.gateway import Gateway
from agents.llm.router import CurrentRouter
from agents.master_operator import MasterOperator
from agents.prompting import Prompts
from agents.reviewer import Reviewer
from agents.roster import FOLDER, Roster
from core.logs import Masker
from core.missions import Mission
from core.ports import Embedder, PassageIndex
from core.settings import Settings
from core.steering import Order
from graphs.briefing import Briefing
from graphs.connections import Connections
from graphs.dispatch import Dispatcher
from graphs.dispatch_durable import DurableDispatcher
from graphs.mission_graph import build_mission_graph
from graphs.mission_run import Staff
from graphs.noticing import noting
from graphs.reception import Reception
from graphs.recording import RecordedEffects, RecordedGateway
from graphs.running import Runner
from graphs.schedule_keeping import ScheduleKeeper
from graphs.schedules import Scheduler
from graphs.toolkit import Toolkit
from memory.approvals import Approvals
from memory.blobs import Blobs
from memory.changes import FileChanges
from memory.checkpoints import open_checkpointer
from memory.claims import Queue, Rules
from memory.contents import discard
from memory.conversations import Conversations
from memory.database import Database, open_database
from memory.documents import DocumentReader
from memory.effects import Effects
from memory.embeddings import open_embedder
from memory.files import Files
from memory.index import Index, open_index
from memory.journal import Journal
from memory.ledger import Ledger
from memory.memories import Memories
from memory.missions import Missions
from memory.orders import Orders
from memory.people import People
from memory.presence import beating
from memory.schedules import Schedules
from tools.changes import Changes
from tools.define import Tool
from tools.policy_file import NAME as POLICY
from tools.policy_file import load_policy
from tools.repositories import why_no_git
from tools.sandbox.choosing import AnySandbox, shortcomings
from tools.sandbox.terms import Absent
from tools.toolbox import GatedToolbox
from tools.web import web_tools
from tools.workshop import Workshop
from tools.workspace import Workspaces

log = logging.getLogger(__name__)
LEAST_DISK = 200 * 1024 * 1024
"""Bytes that must be free for new missions; below, the health page says so."""


@dataclass
class Office(Reception):
    """Everything the doors need: people, conversations, files, and missions to submit, follow, answer and cancel."""

    ledger: Ledger
    index: Index
    roster: Roster
    gateway: Gateway
    connections: Connections
    runner: Runner
    dispatcher: Dispatcher
    sandbox: AnySandbox | Absent
    changes: Changes
    toolkit: Toolkit
    scheduler: Scheduler = field(init=False)
    schedules: ScheduleKeeper = field(init=False)

    def __post_init__(self) -> None:
        store = Schedules(self.database)
        self.scheduler = Scheduler(self.submit, store)
        self.schedules = ScheduleKeeper(store, self.submit)
        self.toolkit.health = self.health

    @classmethod
    @asynccontextmanager
    async def open(
        cls, settings: Settings, *, at_work: bool = True, keep_schedules: bool = False
    ) -> AsyncIterator[Office]:
        """Build the office over the data folder, continue what was unfinished, and put everything away at the end.

        With `at_work` False nothing is continued; the office can still be looked at. With `keep_schedules` it gives
        missions when they are due.
        """
        async with AsyncExitStack() as stack:
            office = await _build(settings, stack)
            if at_work:
                await office.dispatcher.start()
            if keep_schedules:
                await office.scheduler.start()
                stack.push_async_callback(office.scheduler.stop)
            yield office

    async def submit(self, mission: Mission, message_id: str | None = None) -> None:
        """Store a mission safely, then see that it is run; the same id twice is one mission."""
        await super().submit(mission, message_id)
        await self.dispatcher.submit(await self.missions.get(mission.id, mission.user_id))

    async def give(self, order: Order) -> None:
        """Take an order to a mission, safely stored when this returns, and see that it is carried out (see Reception)."""
        await super().give(order)
        await self.dispatcher.order_came(order.mission_id, order.kind)

    async def cancel(self, mission_id: str, user_id: str) -> None:
        """Stop a mission of this user, and return when it is at rest; one that has ended stays as it is."""
        await super().cancel(mission_id, user_id)
        await self.dispatcher.cancel(mission_id)

    def running(self, conversation_id: str) -> str | None:
        """Name the mission at work in a conversation."""
        return self.dispatcher.running(conversation_id)

    async def delete_conversation(self, conversation_id: str, user_id: str) -> None:
        """Stop what runs in a conversation and remove all of it: messages, steps, files, vectors."""
        await self.conversations.get(conversation_id, user_id)  # NotFound if it is somebody else's
        for row in await self.missions.of_conversation(conversation_id):
            await self.cancel(row.mission.id, user_id)
        await self.conversations.hand_over(conversation_id, user_id)  # branches keep what they share with it
        await self.index.forget_conversation(conversation_id, user_id)  # first: the rows say which vectors there are
        await discard(self.database, self.blobs, await self.conversations.delete(conversation_id, user_id))
        await asyncio.to_thread(Workspaces(self.settings.data_dir / "workspaces").remove, conversation_id)
        self.database.settle_soon()

    async def health(self) -> dict[str, str]:
        """Say of each component "" if it works, else what is broken. Without a sandbox everything else works."""
        free = (await asyncio.to_thread(shutil.disk_usage, self.settings.data_dir)).free
        full = f"Only {free // 2**20} MB are free where the data is kept." if free < LEAST_DISK else ""
        return {
            "database": await self.database.check(),
            "index": self.index.check(),
            "disk": full,
            "model": await self.gateway.check(),
            "workers": await self._attended(),
            "sandbox": self._code_can_run(),
        }

    def _code_can_run(self) -> str:
        said = shortcomings(self.sandbox, self.settings)
        return said or ("" if isinstance(self.sandbox, Absent) else why_no_git())

    async def _attended(self) -> str:
        if self.settings.work_here or await beating(self.database, self.settings.lease_seconds):
            return ""
        return "Nobody works on missions. Start `staffwork work`, or set STAFFWORK_WORK_HERE=true."


async def _build(settings: Settings, stack: AsyncExitStack) -> Office:
    data = settings.data_dir
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    database = await open_database(settings)
    stack.push_async_callback(database.close)
    checkpointer = await stack.enter_async_context(open_checkpointer(database))
    embedder = open_embedder(settings)
    index = await open_index(database, data / "index", embedder)
    stack.push_async_callback(index.close)
    ledger, mask = Ledger(database), Masker(settings.secrets())
    stack.push_async_callback(ledger.flush)
    connections = await Connections.open(settings, database, ledger, embedder)
    blobs, roster, approvals = Blobs(data / "blobs"), Roster.load([FOLDER, data / "profiles"]), Approvals(database)
    journal, missions, orders, effects = Journal(database), Missions(database), Orders(database), Effects(database)
    shop = noting(await Workshop.open(settings, stack, blobs), database)
    gateway = Gateway(CurrentRouter(connections.now, embedder), ledger, settings, mask, room=shop.darkroom)
    stack.push_async_callback(gateway.close)
    conversations, files, reader = Conversations(database), Files(database), DocumentReader(settings, shop.rooms)
    briefing = Briefing(settings, conversations=conversations, files=files, blobs=blobs, reader=reader, index=index)
    stack.push_async_callback(briefing.reading.close)
    bench = _bench(settings, shop, (database, blobs, briefing.patient), reader, connections)
    kit = Toolkit(settings, database, embedder, bench.tools)
    toolbox = _toolbox(settings, bench.tools, RecordedEffects(effects, journal), approvals)
    staff = _staff(settings, RecordedGateway(gateway), roster, embedder, toolbox=toolbox, briefing=briefing)
    staff = replace(staff, approvals=approvals, catalogue=kit.catalogue, contexts=kit.contexts)
    staff = replace(staff, observe=shop.sessions.observe, latest=lambda: connections.now.latest)
    runner = Runner(staff, build_mission_graph(checkpointer), missions, journal, orders, effects=effects)
    dispatcher = _dispatcher(settings, database, runner)
    stack.push_async_callback(dispatcher.stop)
    return Office(
        settings=settings,
        database=database,
        people=People(database),
        conversations=conversations,
        files=files,
        missions=missions,
        orders=orders,
        journal=journal,
        ledger=ledger,
        blobs=blobs,
        index=index,
        roster=roster,
        gateway=gateway,
        connections=connections,
        runner=runner,
        dispatcher=dispatcher,
        sandbox=shop.sandbox,
        changes=bench.changes,
        toolkit=kit,
    )


@dataclass(frozen=True)
class _Bench:
    """What operators work with."""

    changes: Changes
    tools: list[Tool]


def _bench(
    settings: Settings,
    shop: Workshop,
    kept: tuple[Database, Blobs, PassageIndex],
    reader: DocumentReader,
    connections: Connections,
) -> _Bench:
    database, blobs, index = kept
    changes = Changes.at(settings.data_dir / "workspaces", blobs, FileChanges(database))
    tools = shop.tools(blobs, index, Memories(database), changes)
    return _Bench(changes, tools + web_tools(settings, reader, connections.now, shop.rooms))


def _dispatcher(settings: Settings, database: Database, runner: Runner) -> DurableDispatcher:
    rules = Rules(
        per_user=settings.missions_per_user,
        attempts=settings.mission_attempts,
        ageing_seconds=settings.ageing_seconds,
        lease_seconds=settings.lease_seconds,
    )
    queue = Queue(database, rules, shared=bool(settings.database_url.get_secret_value()))
    return DurableDispatcher(queue, runner, settings.missions_at_once, settings.drain_seconds)


def _toolbox(settings: Settings, tools: Sequence[Tool], effects: RecordedEffects, authority: Approvals) -> GatedToolbox:
    return GatedToolbox(
        tools,
        seconds=settings.tool_seconds,
        output_bytes=settings.tool_output_bytes,
        at_once=settings.tool_calls_at_once,
        mask=Masker(settings.secrets()),
        effects=effects,
        policy=load_policy(settings.data_dir / POLICY),
        authority=authority,
    )


def _staff(
    settings: Settings,
    gateway: RecordedGateway,
    roster: Roster,
    embedder: Embedder,
    *,
    toolbox: GatedToolbox,
    briefing: Briefing,
) -> Staff:
    prompts = Prompts()
    return Staff(
        settings=settings,
        chief=ChiefOfStaff(gateway, prompts, roster, embedder),
        operator=MasterOperator(gateway, prompts, roster, settings.delegation_depth),
        reviewer=Reviewer(gateway, prompts),
        roster=roster,
        toolbox=toolbox,
        briefing=briefing,
        citations=briefing.citations,
    )
