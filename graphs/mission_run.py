"""One mission while somebody works on it: the staff that serves it, what is already on record, and what was used."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from langgraph.config import get_stream_writer
from langgraph.runtime import get_runtime

from agents.chief_of_staff import ChiefOfStaff
from agents.master_operator import MasterOperator
from agents.reviewer import Reviewer
from agents.roster import Roster
from core.budget import Budget, Usage
from core.errors import BudgetSpent
from core.events import (
    BriefAssembled,
    Event,
    MessageSent,
    MissionEnded,
    MissionStarted,
    ModelFailed,
    ModelReplied,
    QuestionAnswered,
    TaskEnded,
    TaskStarted,
    ToolReturned,
)
from core.memories import Brief, Recollection
from core.missions import Envelope, Mission, derived_id
from core.ports import Toolbox
from core.settings import Settings
from graphs.accounts import Accounts
from graphs.citing import Citations
from graphs.context_keeping import ContextKeeper
from graphs.control import Control
from graphs.ordering import Orderly
from graphs.standing import Standing
from memory.approvals import Approvals
from tools.catalogue import Catalogue

LONGEST_GAP = 900.0
"""Seconds between two events of an attempt that broke off; more than that was told by a clock that jumped."""


class Briefer(Protocol):
    """Knows what the Chief should know of a mission, and remembers what was said."""

    async def assemble(self, mission: Mission, recorded: Sequence[Recollection] | None = None) -> Brief: ...

    async def remember_turn(self, mission: Mission, answer: str) -> None: ...


@dataclass(frozen=True)
class Staff:
    """Everybody and everything a mission needs; shared by all missions of a process."""

    settings: Settings
    chief: ChiefOfStaff
    operator: MasterOperator
    reviewer: Reviewer
    roster: Roster
    toolbox: Toolbox
    briefing: Briefer
    approvals: Approvals | None = None  # without, nobody can be asked
    catalogue: Catalogue | None = None  # without, operators have what their profiles name
    contexts: ContextKeeper | None = None
    citations: Citations | None = None  # without, quotes are not compared with the files
    observe: Callable[[Event], None] = lambda _: None  # who keeps something for tasks and missions lets go at their end
    latest: Callable[[], Settings] | None = None  # the settings with what was entered in the browser

    @property
    def in_force(self) -> Settings:
        """The settings as they are now."""
        return self.latest() if self.latest else self.settings


class Record:
    """What the journal already says of a mission, so that no finished call is made again."""

    def __init__(self, past: Iterable[Event]) -> None:
        self.replies: dict[str, ModelReplied] = {}
        self.returns: dict[str, ToolReturned] = {}
        self.standing = Standing()
        self.accounts = Accounts()
        self.started: set[str] = set()
        self.begun: dict[str, TaskStarted] = {}
        self.ended: dict[str, TaskEnded] = {}
        self.brief: BriefAssembled | None = None
        self.mail: list[Envelope] = []
        self.used = Usage()
        self.seconds = 0.0  # at work; the time a question waits for its answer does not count
        began = last = None
        for event in past:
            self.note(event)
            self.standing.note(event)
            if isinstance(event, MissionStarted):
                began = event.at
            elif isinstance(event, MissionEnded) and event.usage.seconds:
                self.seconds = event.usage.seconds  # it was measured, whatever the clock on the wall did meanwhile
            elif began is not None and last is not None and not isinstance(event, QuestionAnswered):
                gap = (event.at - max(last, began)).total_seconds()
                self.seconds += min(max(gap, 0.0), LONGEST_GAP)
            last = event.at

    def note(self, event: Event) -> None:
        """Put an event on record."""
        self.accounts.note(event)
        match event:
            case ModelReplied():
                self.replies[event.step] = event
                self.used += event.usage
            case ModelFailed():
                self.used += event.usage
            case ToolReturned():
                self.returns[event.step] = event
                self.used += Usage(tool_calls=1)
            case TaskStarted():
                self.started.add(event.task_id)
                self.begun[event.task_id] = event
            case TaskEnded():
                self.ended[event.task_id] = event
            case BriefAssembled():
                self.brief = event
            case MessageSent():
                self.mail.append(event.message)
            case _:
                pass  # the rest is told, not replayed

    @property
    def recalled(self) -> list[Recollection] | None:
        """What was recalled when the brief was first assembled; None if it was not yet."""
        if self.brief is None:
            return None
        return [Recollection.of(source) for source in self.brief.recalled]


@dataclass
class MissionRun:
    """One attempt at one mission; LangGraph hands it to every node and task as the runtime context.

    `sink` puts an event on record at once, from anywhere; `emit` sends it the graph's way.
    """

    staff: Staff
    mission: Mission
    record: Record
    sink: Callable[[Event], None] = lambda _: None
    attempt: int = 1
    began: float = field(default_factory=time.monotonic)
    brief: Brief | None = None
    mail: list[Envelope] = field(default_factory=list)
    started: set[str] = field(default_factory=set)
    at_work: dict[str, str] = field(default_factory=dict)  # task id -> operator

    def __post_init__(self) -> None:
        self.mail = list(self.record.mail)
        self.started = set(self.record.started)
        self.control = Control(self.mission.id, self.record.standing, self.tell)
        self.orderly = Orderly(self.control, self.tell, self.deliver)

    def emit(self, event: Event) -> None:
        """Tell what happened; must be called from a node or task of the graph."""
        get_stream_writer()(event)

    def tell(self, event: Event) -> None:
        """Put an event on record at once; unlike `emit` from anywhere, also from outside of the graph."""
        self.record.note(event)
        self.record.standing.note(event)
        self.sink(event)

    def keep(self, event: ModelReplied | ModelFailed | ToolReturned) -> None:
        """Tell of a finished call, and have it on record from here on."""
        self.record.note(event)
        self.emit(event)
        if isinstance(event, ModelReplied) and event.heard:
            title = self.staff.roster.get(event.operator).title if event.operator else "the Chief of Staff"
            self.orderly.heard(event.heard, title, event.step)

    def deliver(self, message: Envelope) -> None:
        """Put a message on record and within reach of its recipient, from outside of the graph."""
        self.mail.append(message)
        self.tell(MessageSent(mission_id=self.mission.id, message=message))

    @property
    def step_mode(self) -> bool:
        """Say whether every step is held until a person releases it."""
        ordered = self.record.standing.step_mode
        return ordered if ordered is not None else self.mission.step_mode

    @property
    def shows_plans(self) -> bool:
        """Say whether a plan waits for the user before anybody works on it."""
        return self.mission.choices.approve_plan and self.mission.unattended != "deny"

    def send(self, message: Envelope) -> None:
        """Put a message on record and within reach of its recipient; the same id is delivered once."""
        if all(m.message_id != message.message_id for m in self.mail):
            self.mail.append(message)
        self.emit(MessageSent(mission_id=self.mission.id, message=message))

    def message_id(self, *parts: str) -> str:
        """Name a message by its place in the mission, so that a replay sends it under the same id."""
        return derived_id(self.mission.id, "message", *parts)

    @property
    def budget(self) -> Budget:
        """The limits of the whole mission; its own limit on the cost can only tighten that of the settings."""
        s, own = self.staff.settings, self.mission.cost
        return Budget(
            model_calls=s.mission_model_calls,
            tool_calls=s.mission_tool_calls,
            tokens=min(s.mission_tokens, self.mission.choices.tokens or s.mission_tokens),
            cost=s.mission_cost if own is None else min(own, s.mission_cost),
            seconds=s.mission_seconds,
        )

    @property
    def used(self) -> Usage:
        """What the mission used so far, earlier attempts included."""
        return self.record.used

    @property
    def seconds(self) -> float:
        """Time at work, earlier attempts included."""
        return self.record.seconds + time.monotonic() - self.began

    def check_budget(self) -> None:
        """Raise BudgetSpent if the mission may not make another call."""
        self.budget.check(self.used.model_copy(update={"seconds": self.seconds}), "This mission")

    def may_start_task(self, task_id: str) -> None:
        """Count a task; raise BudgetSpent beyond the limit. A task on record was allowed before and stays so."""
        allowed = self.staff.settings.mission_tasks
        if task_id not in self.started and len(self.started) >= allowed:
            raise BudgetSpent("This mission", "tasks", str(allowed))
        self.started.add(task_id)


def current_run() -> MissionRun:
    """Return the run that the calling node or task belongs to."""
    return get_runtime(MissionRun).context
