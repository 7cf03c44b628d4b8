"""A small real office: real database, journal, files and dispatcher; only what happens in a mission is written down beforehand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from agents.roster import FOLDER, Roster
from core import events as e
from core.budget import Usage
from core.decisions import ToolCall
from core.missions import Artifact, Mission, Source, Status, Task, now
from core.settings import Settings
from core.steering import Order, OrderGiven, OrderKind, OrderSettled
from graphs.connections import Connections
from graphs.dispatch import InProcessDispatcher
from graphs.reception import Reception
from graphs.schedule_keeping import ScheduleKeeper
from graphs.schedules import Scheduler
from graphs.toolkit import Toolkit
from memory.blobs import Blobs
from memory.changes import FileChanges
from memory.conversations import Conversations
from memory.database import Database
from memory.embeddings import LocalEmbedder
from memory.files import Files
from memory.index import Index, open_index
from memory.journal import Journal
from memory.ledger import Ledger
from memory.memories import Memories
from memory.missions import MissionRow, Missions
from memory.orders import Orders
from memory.people import People
from memory.schedules import Schedules
from tools.changes import Changes
from tools.sandbox.opening import SWITCHED_OFF
from tools.sandbox.terms import Absent
from tools.standard import standard_tools
from tools.workspace import Workspaces

HOLD = "hold"
"""Stands in a course where it waits until the test says `office.go.set()`."""

USED = Usage(model_calls=2, tokens_in=900, tokens_out=120, unpriced_calls=2, seconds=0.4)
Course = Sequence[Any]


class FakeOffice(Reception):
    """Plays `course` for every mission: events without mission, or HOLD; `pace` seconds between them.

    Orders are put on record at once, and settled as if they had been carried out; stopping and answering are real.
    """

    def __init__(self, settings: Settings, database: Database) -> None:
        super().__init__(
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
        self.writers: dict[str, Any] = {}
        self.course: Course = direct("Hello. This is the answer.")
        self.pace = 0.0
        self.roster = Roster.load([FOLDER])
        self.go = asyncio.Event()
        self.broken: dict[str, str] = {}
        self.connections: Connections
        self.index: Index
        self.toolkit: Toolkit
        self.ledger = Ledger(database)
        self.sandbox: Absent = SWITCHED_OFF
        self.changes = Changes.at(settings.data_dir / "workspaces", self.blobs, FileChanges(database))
        store = Schedules(database)
        self.scheduler, self.schedules = Scheduler(self.submit, store), ScheduleKeeper(store, self.submit)
        self.dispatcher = InProcessDispatcher(self._run, self.missions.unfinished, self._discard, 4)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[FakeOffice]:
        database = await Database.open(settings.data_dir / "staffwork.db")
        office = cls(settings, database)
        embedder = LocalEmbedder()
        office.connections = await Connections.open(settings, database, office.ledger, embedder)
        office.index = await open_index(database, settings.data_dir / "index", embedder)
        tools = standard_tools(office.blobs, office.index, Memories(database), office.changes)
        office.toolkit = Toolkit(settings, database, embedder, tools)
        office.toolkit.health = office.health
        try:
            await office.dispatcher.start()
            yield office
        finally:
            await office.dispatcher.stop()
            await office.index.close()
            await database.close()

    async def submit(self, mission: Mission, message_id: str | None = None) -> None:
        await super().submit(mission, message_id)
        await self.dispatcher.submit(await self.missions.get(mission.id, mission.user_id))

    async def cancel(self, mission_id: str, user_id: str) -> None:
        await self.missions.get(mission_id, user_id)
        await self.dispatcher.cancel(mission_id)

    async def give(self, order: Order) -> None:
        row = await self.missions.get(order.mission_id, order.by)
        if await self.orders.known(order):
            return
        await super().give(order)
        given = OrderGiven(mission_id=order.mission_id, order=order)
        settled = OrderSettled(mission_id=order.mission_id, order_id=order.id, outcome="applied", words="Done.")
        writer = self.writers.get(order.mission_id) or await self.journal.writer(order.mission_id, row.attempt)
        for event in (given, settled):
            writer.add(event)
        if order.kind is OrderKind.ANSWER:
            writer.add(e.QuestionAnswered(mission_id=order.mission_id, step="plan", answer=order.text))
            self.course = direct(f"You said {order.text}.")
        await writer.flush()
        if order.kind is OrderKind.ANSWER:
            await self.dispatcher.submit(row)
        elif order.kind is OrderKind.STOP and not await self.dispatcher.cancel(order.mission_id):
            await self._discard(order.mission_id)

    def running(self, conversation_id: str) -> str | None:
        return self.dispatcher.running(conversation_id)

    async def delete_conversation(self, conversation_id: str, user_id: str) -> None:
        await self.conversations.get(conversation_id, user_id)
        for row in await self.missions.of_conversation(conversation_id):
            await self.cancel(row.mission.id, user_id)
        await self.conversations.hand_over(conversation_id, user_id)
        await self.index.forget_conversation(conversation_id, user_id)
        for content_hash in await self.conversations.delete(conversation_id, user_id):
            await self.blobs.delete(content_hash)
        await asyncio.to_thread(Workspaces(self.settings.data_dir / "workspaces").remove, conversation_id)

    async def health(self) -> dict[str, str]:
        return {"database": "", "index": "", "disk": "", "model": "", "workers": "", "sandbox": "", **self.broken}

    async def _run(self, row: MissionRow) -> Status:
        try:
            attempt = await self.missions.start_attempt(row.mission.id)
            writer = await self.journal.writer(row.mission.id, attempt)
        except asyncio.CancelledError:  # stopped before it had begun
            await self._discard(row.mission.id)
            raise
        self.writers[row.mission.id] = writer
        writer.add(e.MissionStarted(mission_id=row.mission.id))
        try:
            return await self._play(writer, row.mission.id)
        except asyncio.CancelledError:
            writer.add(e.MissionEnded(mission_id=row.mission.id, status=Status.CANCELLED))
            raise
        finally:
            self.writers.pop(row.mission.id, None)
            await writer.close()

    async def _play(self, writer: Any, mission_id: str) -> Status:
        status = Status.FAILED
        for event in self.course:
            if event == HOLD:
                await self.go.wait()
                continue
            if isinstance(event, e.MissionEnded):
                status = event.status
            writer.add(event.model_copy(update={"mission_id": mission_id, "at": now()}))
            await asyncio.sleep(self.pace)
        return status

    async def _discard(self, mission_id: str) -> None:
        row = await self.missions.get(mission_id)
        writer = await self.journal.writer(mission_id, row.attempt)
        writer.add(e.MissionEnded(mission_id=mission_id, status=Status.CANCELLED))
        await writer.close()


def _ev(kind: Any, **fields: Any) -> Any:
    return kind(mission_id="", **fields)


def thinking(step: str = "plan", **more: Any) -> Any:
    return _ev(e.ModelAsked, step=step, role="chief", model="openai:gpt", **more)


def said(text: str, step: str, size: int = 6) -> list[Any]:
    return [_ev(e.TextStreamed, step=step, offset=n, text=text[n : n + size]) for n in range(0, len(text), size)]


def direct(answer: str, *, status: Status = Status.COMPLETED, **more: Any) -> list[Any]:
    replied = _ev(e.ModelReplied, step="plan", role="chief", model="openai:gpt", text=answer, usage=USED)
    end = _ev(e.MissionEnded, status=status, answer=answer, usage=USED, **more)
    return [thinking(), *said(answer, "plan"), replied, end]


def asking(question: str) -> list[Any]:
    asked = _ev(e.QuestionAsked, step="plan", question=question)
    return [thinking(), asked, _ev(e.MissionEnded, status=Status.WAITING_ANSWER, usage=USED)]


def delegated(answer: str, *, artifact: Artifact | None = None, sources: Sequence[Source] = ()) -> list[Any]:
    """Two operators, each with a model call and a tool call, a HOLD in the middle of their work, and a report."""
    goals = {"t1": ("researcher", "Find three risks in the memo"), "t2": ("analyst", "Add up revenue per region")}
    tasks = tuple(Task(id=i, operator=operator, goal=goal) for i, (operator, goal) in goals.items())
    planned = _ev(
        e.ModelReplied, step="plan", role="chief", model="openai:gpt", usage=USED,
        tool_calls=(ToolCall(id="1", name="delegate"),),
    )  # fmt: skip
    course: list[Any] = [thinking(), planned, _ev(e.PlanMade, tasks=tasks, note="Two parts that need each other not.")]
    for i, (operator, goal) in goals.items():
        course.append(
            _ev(e.TaskStarted, task_id=i, operator=operator, title=operator.title(), profile_version="1", goal=goal)
        )
    course += [*_work("t1", "Reads memo.pdf"), *_work("t2", "Profiles sales.csv")[:-1], HOLD]
    course += _work("t2", "Profiles sales.csv")[-1:]
    for i, (operator, _) in goals.items():
        course.append(
            _ev(
                e.TaskEnded,
                task_id=i,
                operator=operator,
                status=Status.COMPLETED,
                summary=f"{operator} is done",
                usage=USED,
            )
        )
    made = [_ev(e.ArtifactMade, artifact=artifact)] if artifact else []
    report = _ev(e.ModelReplied, step="report", role="chief", model="openai:gpt", text=answer, usage=USED)
    end = _ev(
        e.MissionEnded, status=Status.COMPLETED, answer=answer, usage=USED, sources=tuple(sources),
        artifacts=(artifact,) if artifact else (),
    )  # fmt: skip
    return [*course, *made, thinking("report"), *said(answer, "report"), report, end]


def _work(task: str, intent: str) -> list[Any]:
    call, where = f"{task}/1", {"task_id": task, "role": "operator", "model": "openai:gpt"}
    reply = _ev(e.ModelReplied, step=call, usage=USED, tool_calls=(ToolCall(id="1", name="read_file"),), **where)
    called = _ev(e.ToolCalled, task_id=task, step=f"{call}.0", tool="read_file", arguments={"name": "x"}, intent=intent)
    back = _ev(
        e.ToolReturned, task_id=task, step=f"{call}.0", tool="read_file", status="ok", output="some text", size=9, seconds=0.1,
    )  # fmt: skip
    return [_ev(e.ModelAsked, step=call, **where), reply, called, back]
