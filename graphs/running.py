"""One attempt at one mission: stream the graph into the journal, and come to a definite end."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from core.errors import BudgetSpent, StaffworkError
from core.events import MessageSent, MissionEnded, MissionStarted
from core.logs import mission_in_log
from core.missions import CHIEF, USER, Envelope, Report, Status, new_id, outcome
from graphs.delegating import cited
from graphs.dispatch import STOPPED
from graphs.mission_graph import STEPS, MissionGraph
from graphs.mission_run import MissionRun, Record, Staff
from graphs.mission_state import MissionState, latest
from graphs.streaming import STREAM, Translator
from memory.journal import Journal, JournalWriter
from memory.missions import MissionRow, Missions

log = logging.getLogger(__name__)


class Runner:
    """Runs missions on the mission graph; the only code that starts or continues it."""

    def __init__(self, staff: Staff, graph: MissionGraph, missions: Missions, journal: Journal) -> None:
        self._staff, self._graph, self._missions, self._journal = staff, graph, missions, journal

    async def run(self, row: MissionRow) -> Status:
        """Start or continue a mission until it ends or waits; returns where it stands.

        A cancellation leaves it in progress, to be continued, unless the reason given is that the user stopped it.
        """
        mission_in_log.set(row.mission.id)
        attempt = await self._missions.start_attempt(row.mission.id)
        writer = await self._journal.writer(row.mission.id, attempt)
        run = MissionRun(self._staff, row.mission, Record(writer.past))
        try:
            writer.add(MissionStarted(mission_id=row.mission.id))
            writer.hurry()  # the first sign of life
            ended = await self._bounded(run, writer)
            writer.add(ended)
            await writer.flush()
        finally:
            await writer.close()
        if ended.status is Status.COMPLETED:
            await self._staff.briefing.remember_turn(row.mission, ended.answer)
        return ended.status

    async def discard(self, mission_id: str) -> None:
        """End a mission that is not at work, because the user stopped it."""
        writer = await self._journal.writer(mission_id, await self._missions.start_attempt(mission_id))
        try:
            writer.add(
                MissionEnded(mission_id=mission_id, status=Status.CANCELLED, problem="You stopped this mission.")
            )
            await writer.flush()
        finally:
            await writer.close()

    async def _bounded(self, run: MissionRun, writer: JournalWriter) -> MissionEnded:
        """The border of a mission: whatever goes wrong in it becomes its definite end."""
        try:
            return await self._course(run, writer)
        except asyncio.CancelledError as stop:
            if STOPPED not in stop.args:
                raise
            return self._end(run, Status.CANCELLED, problem="You stopped this mission.")
        except BudgetSpent as spent:
            return self._end(run, Status.FAILED, problem=str(spent), limit=spent.limit)
        except StaffworkError as error:
            return self._end(run, Status.FAILED, problem=str(error))
        except Exception:
            error_id = new_id()[:8]
            log.exception("mission failed, error %s", error_id)
            words = f"Something went wrong inside Staffwork (error {error_id}). Nothing was lost: you can send the goal again."
            return self._end(run, Status.FAILED, problem=words, error_id=error_id)

    async def _course(self, run: MissionRun, writer: JournalWriter) -> MissionEnded:
        config: RunnableConfig = {"configurable": {"thread_id": run.mission.id}, "recursion_limit": STEPS}
        start, question = await self._where(run, config)
        if question:
            return self._end(run, Status.WAITING_ANSWER, answer=question)
        translator = Translator(run.mission.id)
        stream: Any = self._graph.astream(start, config, context=run, **STREAM)
        async for event in translator.translate(stream):
            writer.add(event)
        state: MissionState = (await self._graph.aget_state(config)).values  # type: ignore[assignment]
        if translator.waiting:
            return self._end(run, Status.WAITING_ANSWER, answer=state["question"])
        return self._conclude(run, state, writer)

    async def _where(self, run: MissionRun, config: RunnableConfig) -> tuple[Any, str]:
        """Say how to go on: from the goal, from where a lost attempt stood, or with the user's answer (else the question)."""
        found = await self._graph.aget_state(config)
        if found.created_at is None:
            return {"goal": run.mission.goal}, ""
        pending = [i for t in found.tasks for i in t.interrupts]
        if not pending:
            return None, ""
        answer = run.record.answers.get(f"ask.{len(found.values.get('answers', [])) + 1}")
        if answer is None:
            return None, str(pending[0].value)
        return Command(resume={pending[0].id: answer}), ""

    def _conclude(self, run: MissionRun, state: MissionState, writer: JournalWriter) -> MissionEnded:
        """Derive the end from what was executed, never from a model's word."""
        reports = latest(state)
        answer = state.get("answer", "")
        status = outcome(reports) if state.get("decision") == "delegate" else Status.COMPLETED
        problem = "" if status is Status.COMPLETED else _why(reports)
        if not answer.strip():
            status, problem = Status.FAILED, problem or "The model gave an empty answer. Please try again."
        writer.add(
            MessageSent(
                mission_id=run.mission.id,
                message=Envelope(
                    message_id=run.message_id("answer"),
                    sender=CHIEF,
                    recipient=USER,
                    message_type="report",
                    content=answer,
                    reply_to=run.message_id("goal"),
                ),
            )
        )
        end = self._end(run, status, answer=answer, problem=problem, limit=_limit(reports, status))
        artifacts = {a.id: a for r in reports for a in r.artifacts}
        return end.model_copy(update={"sources": cited(reports, answer), "artifacts": tuple(artifacts.values())})

    def _end(self, run: MissionRun, status: Status, **more: str) -> MissionEnded:
        usage = run.used.model_copy(update={"seconds": round(run.seconds, 3)})
        return MissionEnded(mission_id=run.mission.id, status=status, usage=usage, **more)


def _why(reports: list[Report]) -> str:
    return " ".join(dict.fromkeys(r.problem or r.summary for r in reports if r.status is not Status.COMPLETED))


def _limit(reports: list[Report], status: Status) -> str:
    """Name the limit that ended a mission none of whose tasks came to anything."""
    limits = [r.problem for r in reports if "reached its limit" in r.problem]
    return limits[0] if limits and status is not Status.COMPLETED else ""
