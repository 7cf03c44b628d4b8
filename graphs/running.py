"""One attempt at one mission: stream the graph into the journal, and come to a definite end."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.types import Command

from core.decisions import Account
from core.errors import BudgetSpent, Conflict, StaffworkError, StoreUnavailable
from core.events import Event, MessageSent, MissionEnded, MissionStarted, QuestionAnswered
from core.logs import mission_in_log
from core.missions import CHIEF, ENDED, USER, Envelope, Report, Status, new_id, outcome
from graphs.delegating import cited
from graphs.dispatch import STOPPED
from graphs.mission_graph import MissionGraph, most_steps
from graphs.mission_run import MissionRun, Record, Staff
from graphs.mission_state import MissionState, latest
from graphs.streaming import STREAM, Translator
from graphs.supervising import supervise, watchdog_of
from graphs.waiting import NOBODY
from graphs.watchdog import Watchdog
from memory.checkpoints import Checkpointer
from memory.effects import Effects
from memory.journal import Journal, JournalWriter
from memory.missions import MissionRow, Missions
from memory.orders import Orders

log = logging.getLogger(__name__)


class Runner:
    """Runs missions on the mission graph; the only code that starts or continues it."""

    def __init__(
        self,
        staff: Staff,
        graph: MissionGraph,
        missions: Missions,
        journal: Journal,
        orders: Orders,
        *,
        effects: Effects | None = None,
    ) -> None:
        self._staff, self._graph, self._effects = staff, graph, effects
        self._missions, self._journal, self._orders = missions, journal, orders
        self._runs: dict[str, tuple[MissionRun, JournalWriter]] = {}

    async def run(self, row: MissionRow) -> Status:
        """Begin an attempt of our own at a mission and work on it (see `work`)."""
        attempt = await self._missions.start_attempt(row.mission.id)
        return await self.work(row.model_copy(update={"attempt": attempt}))

    async def work(self, row: MissionRow, gave_up: str = "") -> Status:
        """Work on a mission in the attempt that `row` names until it ends or rests; returns where it stands.

        IN_PROGRESS means that it was put down to be continued, as a cancellation does. `gave_up` ends it at once.
        """
        mission_in_log.set(row.mission.id)
        writer = await self._journal.writer(row.mission.id, row.attempt)
        run = MissionRun(self._staff, row.mission, Record(writer.past), attempt=row.attempt)
        watchdog = watchdog_of(run)
        for event in writer.past:
            watchdog.observe(event)
        run.sink = _all(writer, watchdog, self._staff.observe)
        self._runs[row.mission.id] = (run, writer)
        watch = asyncio.create_task(supervise(run, watchdog), name=f"watchdog {row.mission.id}")
        watch.add_done_callback(_notice)
        try:
            run.tell(MissionStarted(mission_id=row.mission.id))
            writer.hurry()  # the first sign of life
            ended = self._end(run, Status.FAILED, problem=gave_up) if gave_up else await self._attempt(run, writer)
            if ended is None:
                return Status.IN_PROGRESS
            if ended.status in ENDED:
                run.orderly.unread("Not applied, because the work was finished before anybody could read it.")
                ended = await self._with_open_effects(ended)
            self._runs.pop(row.mission.id)  # from here on an order is for the next attempt
            run.tell(ended)
            await writer.flush()
            if ended.status in ENDED:
                await self._take_orders(run, writer)  # there is none: who came in the last moment learns that
        finally:
            watch.cancel()
            self._runs.pop(row.mission.id, None)
            await writer.close()
        if ended.status is Status.COMPLETED:
            await self._staff.briefing.remember_turn(row.mission, ended.answer)
        return ended.status

    async def _with_open_effects(self, ended: MissionEnded) -> MissionEnded:
        """Name the calls that were under way when the mission ended: nobody will look at them again."""
        left = await self._effects.open_of(ended.mission_id) if self._effects else []
        if not left:
            return ended
        tools = ", ".join(dict.fromkeys(effect.tool for effect in left))
        words = f"When it ended, a call was still under way ({tools}): it may or may not have happened. Please check."
        return ended.model_copy(update={"problem": f"{ended.problem} {words}".strip()})

    async def look(self, mission_id: str) -> bool:
        """Take up the orders of a mission; False if it is not at work here."""
        at_work = self._runs.get(mission_id)
        if at_work is not None:
            await self._take_orders(*at_work)
        return at_work is not None

    async def clear(self, mission_id: str) -> None:
        """Leave nothing of a mission that was deleted while it was at work here; of any other nothing changes."""
        if isinstance(self._graph.checkpointer, Checkpointer):
            await self._graph.checkpointer.flush()
        await self._missions.forget_work(mission_id)

    def drain(self) -> None:
        """Let calls under way finish and begin nothing new; every attempt then puts its mission down."""
        for run, _ in self._runs.values():
            run.control.drain()

    async def _take_orders(self, run: MissionRun, writer: JournalWriter) -> None:
        orders = await self._orders.open(run.mission.id)
        here, _ = self._runs.get(run.mission.id, (None, None))
        comes_to_rest = here is not run or run.control.verdict is not None
        if comes_to_rest and run.record.standing.ended not in ENDED:
            return  # they are for the next attempt: in this one nobody waits for them any more
        for order in orders:
            run.orderly.take(order)
        if orders:
            writer.hurry()  # whoever gave it is looking

    async def _attempt(self, run: MissionRun, writer: JournalWriter) -> MissionEnded | None:
        """Follow the mission's course until it ends, or until it is ended from outside: by an order, or because all rest."""
        await self._take_orders(run, writer)
        course = asyncio.create_task(self._bounded(run, writer))
        run.control.attach(course)
        try:
            return await course
        except asyncio.CancelledError as stop:
            if STOPPED in stop.args:
                return self._end(run, Status.CANCELLED, problem="You stopped this mission.")
            verdict = run.control.verdict
            this = asyncio.current_task()
            if verdict is None or (this is not None and this.cancelling()):
                raise
            if verdict.status is None:
                return None
            return self._end(run, verdict.status, problem=verdict.words, wake_at=verdict.wake_at)

    async def _bounded(self, run: MissionRun, writer: JournalWriter) -> MissionEnded:
        """The border of a mission: whatever goes wrong in it becomes its definite end."""
        try:
            return await self._course(run, writer)
        except (Conflict, StoreUnavailable):
            raise  # another attempt has it, or nothing can be written: no end that could be put on record
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
        steps = most_steps(run.staff.settings)
        config: RunnableConfig = {"configurable": {"thread_id": run.mission.id}, "recursion_limit": steps}
        graph = _own(self._graph, writer)
        start, question = await self._where(graph, run, config)
        if question:
            return self._end(run, Status.WAITING_ANSWER, answer=question)
        translator = Translator(run.mission.id)
        stream: Any = graph.astream(start, config, context=run, **STREAM)
        async for event in translator.translate(stream):
            run.record.standing.note(event)
            run.record.accounts.note(event)
            run.sink(event)
        if translator.waiting or not translator.state:  # to go on from there it must be stored
            translator.state = (await graph.aget_state(config)).values
        state: MissionState = translator.state  # type: ignore[assignment]
        if translator.waiting:
            return self._end(run, Status.WAITING_ANSWER, answer=state["question"])
        return await _checked(run, self._conclude(run, state, writer))

    async def _where(self, graph: MissionGraph, run: MissionRun, config: RunnableConfig) -> tuple[Any, str]:
        """Say how to go on: from the goal, from where a lost attempt stood, or with the user's answer (else the question)."""
        found = await graph.aget_state(config)
        if found.created_at is None:
            return {"goal": run.mission.goal}, ""
        pending = [i for t in found.tasks for i in t.interrupts]
        if not pending:
            return None, ""
        step = f"ask.{len(found.values.get('answers', [])) + 1}"
        answered = run.record.standing.answers.get(step)
        if answered is None and run.mission.unattended == "deny":
            answered = QuestionAnswered(mission_id=run.mission.id, step=step, answer="", unanswered=True)
            run.tell(answered)
        if answered is None:
            return None, str(pending[0].value)
        return Command(resume={pending[0].id: NOBODY if answered.unanswered else answered.answer}), ""

    def _conclude(self, run: MissionRun, state: MissionState, writer: JournalWriter) -> MissionEnded:
        """Derive the end from what was executed, never from a model's word."""
        reports = latest(state)
        answer = run.record.accounts.verified(state.get("answer", ""))
        status = outcome(reports) if state.get("decision") == "delegate" else Status.COMPLETED
        problem = state.get("shortfall", "") if status is Status.COMPLETED else _why(reports)
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

    def _end(self, run: MissionRun, status: Status, **more: Any) -> MissionEnded:
        usage = run.used.model_copy(update={"seconds": round(run.seconds, 3)})
        account = run.record.accounts.account() if status in ENDED else Account()
        return MissionEnded(mission_id=run.mission.id, status=status, usage=usage, account=account, **more)


async def _checked(run: MissionRun, end: MissionEnded) -> MissionEnded:
    """Compare what the answer quotes with the files."""
    if run.staff.citations is None:
        return end
    about = {"conversation_id": run.mission.conversation_id, "user_id": run.mission.user_id}
    return end.model_copy(update={"sources": await run.staff.citations.checked(end.answer, end.sources, **about)})


def _own(graph: MissionGraph, writer: JournalWriter) -> MissionGraph:
    """Give a run a checkpointer of its own where runs cannot share one: a saver of PostgreSQL does one thing at a time."""
    shared = graph.checkpointer
    own = shared.for_run(writer.flush) if isinstance(shared, Checkpointer) else shared
    return graph if own is shared else graph.copy(update={"checkpointer": own})


def _all(writer: JournalWriter, watchdog: Watchdog, observe: Callable[[Event], None]) -> Callable[[Event], None]:
    def take(event: Event) -> None:
        writer.add(event)
        watchdog.observe(event)
        observe(event)

    return take


def _notice(watch: asyncio.Task[None]) -> None:
    """Log what stopped a watchdog; its mission is not watched any more, but goes on."""
    if not watch.cancelled() and (error := watch.exception()):
        log.error("%s stopped", watch.get_name(), exc_info=error)


def _why(reports: list[Report]) -> str:
    return " ".join(dict.fromkeys(r.problem or r.summary for r in reports if r.status is not Status.COMPLETED))


def _limit(reports: list[Report], status: Status) -> str:
    """Name the limit that ended a mission none of whose tasks came to anything."""
    limits = [r.problem for r in reports if "reached its limit" in r.problem]
    return limits[0] if limits and status is not Status.COMPLETED else ""
