"""A small real office: real database, journal, files and dispatcher; only what happens in a mission is written down beforehand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from core import events as e
from core.budget import Usage
from core.decisions import ToolCall
from core.errors import BadInput
from core.missions import Artifact, Attachment, Mission, Source, Status, Task, derived_id, now
from core.settings import Settings
from graphs.dispatch import InProcessDispatcher
from memory.blobs import Blobs
from memory.conversations import Conversations
from memory.database import Database
from memory.files import Files
from memory.journal import Journal
from memory.missions import MissionRow, Missions
from memory.people import People

HOLD = "hold"
"""Stands in a course where it waits until the test says `office.go.set()`."""

USED = Usage(model_calls=2, tokens_in=900, tokens_out=120, unpriced_calls=2, seconds=0.4)
Course = Sequence[Any]


class FakeOffice:
    """Plays `course` for every mission: events without mission, or HOLD; `pace` seconds between them."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self.settings, self.database = settings, database
        self.people, self.conversations = People(database), Conversations(database)
        self.files, self.missions, self.journal = Files(database), Missions(database), Journal(database)
        self.blobs = Blobs(settings.data_dir / "blobs")
        self.course: Course = direct("Hello. This is the answer.")
        self.pace = 0.0
        self.go = asyncio.Event()
        self.broken: dict[str, str] = {}
        self.dispatcher = InProcessDispatcher(self._run, self.missions.unfinished, self._discard, 4)

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncIterator[FakeOffice]:
        database = await Database.open(settings.data_dir / "staffwork.db")
        office = cls(settings, database)
        try:
            await office.dispatcher.start()
            yield office
        finally:
            await office.dispatcher.stop()
            await database.close()

    async def receive(self, user_id: str, conversation_id: str, name: str, mime: str, path: Path) -> Attachment:
        content_hash, size = await self.blobs.put_file(path, self.settings.upload_max_mb * 2**20)
        return await self.files.receive(
            user_id, conversation_id, name=name, content_hash=content_hash, size=size, mime=mime
        )

    async def submit(self, mission: Mission, message_id: str | None = None) -> None:
        if not mission.goal:
            raise BadInput("The message is empty. Say what you would like to have done.")
        await self.missions.accept(mission, message_id or derived_id(mission.id, "goal"), title=mission.goal[:60])
        await self.dispatcher.submit(await self.missions.get(mission.id, mission.user_id))

    def follow(self, mission_id: str, after: int = 0) -> AsyncIterator[e.Event]:
        return self.journal.follow(mission_id, after)

    async def cancel(self, mission_id: str, user_id: str) -> None:
        await self.missions.get(mission_id, user_id)
        await self.dispatcher.cancel(mission_id)

    async def answer(self, mission_id: str, user_id: str, text: str) -> None:
        row = await self.missions.get(mission_id, user_id)
        writer = await self.journal.writer(mission_id, row.attempt)
        writer.add(e.QuestionAnswered(mission_id=mission_id, step="plan", answer=text))
        await writer.close()
        self.course = direct(f"You said {text}.")
        await self.dispatcher.submit(row)

    def running(self, conversation_id: str) -> str | None:
        return self.dispatcher.running(conversation_id)

    async def delete_conversation(self, conversation_id: str, user_id: str) -> None:
        await self.conversations.delete(conversation_id, user_id)

    async def health(self) -> dict[str, str]:
        return {"database": "", "index": "", "disk": "", "model": "", **self.broken}

    async def _run(self, row: MissionRow) -> Status:
        attempt = await self.missions.start_attempt(row.mission.id)
        writer = await self.journal.writer(row.mission.id, attempt)
        writer.add(e.MissionStarted(mission_id=row.mission.id))
        try:
            return await self._play(writer, row.mission.id)
        except asyncio.CancelledError:
            writer.add(e.MissionEnded(mission_id=row.mission.id, status=Status.CANCELLED))
            raise
        finally:
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
