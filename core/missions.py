"""Missions, tasks, delegations, reports and messages between roles, the pure rules over them, and the base of all events."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from core.budget import Budget, Choices, Usage


class Value(BaseModel):
    """Base of everything that outlives a message: frozen, and closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Status(StrEnum):
    """Where a mission or a task stands."""

    PENDING = "pending"
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    WAITING_APPROVAL = "waiting_approval"
    WAITING_ANSWER = "waiting_answer"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    NEEDS_ATTENTION = "needs_attention"


ENDED = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELLED})
RESTING = ENDED | {Status.WAITING_APPROVAL, Status.WAITING_ANSWER, Status.NEEDS_ATTENTION, Status.PAUSED}
"""Nobody works on a mission in one of these; every other status must be continued after a restart."""

_WORKING = frozenset(Status) - {Status.PENDING}
TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.IN_PROGRESS, Status.PAUSED, Status.CANCELLED, Status.FAILED}),
    Status.IN_PROGRESS: _WORKING,  # in_progress again: another attempt after a crash
    **dict.fromkeys(RESTING - ENDED, frozenset({Status.IN_PROGRESS, Status.CANCELLED, Status.FAILED})),
    **dict.fromkeys(ENDED, frozenset()),
}


def may_become(old: Status, new: Status) -> bool:
    """Say whether a mission or task may move from one status to another."""
    return new in TRANSITIONS[old]


class Priority(StrEnum):
    URGENT = "urgent"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Attachment(Value):
    """A file the user gave: stored under its content hash; the name is for people only, never a path.

    `note` says why it cannot be read as text, if so.
    """

    id: str
    name: str
    hash: str
    size: int
    mime: str
    note: str = ""


class Artifact(Value):
    """A file an operator made, stored under its content hash."""

    id: str
    name: str
    hash: str
    size: int
    mime: str
    task_id: str | None = None


class Source(Value):
    """Where a statement comes from: a place in a file (page or line, 1-based), a memory or an earlier message."""

    file: str
    quote: str
    page: int | None = None
    line: int | None = None
    origin: str = "file"  # file | memory | message | web | context
    origin_id: str = ""
    problem: str = ""  # what is wrong with the quote, such as "not found in the file"


class Mission(Value):
    """One goal of one user, from acknowledgement to a definite end.

    `step_mode` holds every step until the user releases it. `unattended` says what happens where a person would have to
    decide: "" and "park" wait for them, "deny" goes on without. `cost` (US dollars) is a limit of its own, if given.
    """

    id: str
    conversation_id: str
    user_id: str
    goal: str
    attachments: tuple[Attachment, ...] = ()
    priority: Priority = Priority.MEDIUM
    created_at: datetime
    origin: str = "chat"  # chat | terminal | api | copy | import | schedule:<id>
    step_mode: bool = False
    unattended: Literal["", "park", "deny"] = ""
    cost: Decimal | None = None
    choices: Choices = Choices()


class Task(Value):
    """One piece of work for one operator; `needs` names the tasks whose reports it must have first.

    `instead_of` names the task that this one does again, `why` the reason; `model` is the tier to ask ("" as usual).
    """

    id: str
    operator: str
    goal: str
    done_when: str = ""
    needs: tuple[str, ...] = ()
    priority: Priority = Priority.MEDIUM
    instead_of: str = ""
    why: str = ""
    model: Literal["", "small", "strong"] = ""


class Plan(Value):
    """The Chief's tasks as a checked, acyclic graph; `note` is the reason in one sentence."""

    tasks: tuple[Task, ...]
    note: str = ""


RANK = {Priority.URGENT: 0, Priority.HIGH: 1, Priority.MEDIUM: 2, Priority.LOW: 3}


def in_order(tasks: Iterable[Task]) -> list[Task]:
    """Sort tasks so that each comes after those it needs; urgent before low, then as planned.

    The order depends on the tasks alone: LangGraph identifies a delegated task by its place in it. `needs` outside the
    given tasks count as met; tasks in a circle are left out.
    """
    waiting = list(tasks)
    names = {t.id for t in waiting}
    ordered: list[Task] = []
    done: set[str] = set()
    while ready := [t for t in waiting if all(n in done or n not in names for n in t.needs)]:
        first = min(ready, key=lambda t: RANK[t.priority])
        waiting.remove(first)
        ordered.append(first)
        done.add(first.id)
    return ordered


class Report(Value):
    """What came of a task: `summary` for the Chief's eyes, `result` in full, and what it rests on.

    `status` is completed, failed or cancelled; `partial` marks work that a limit ended early; `problem` is in plain words,
    `cause` the same in one word for code: a kind of ModelUnavailable, a limit, what the watchdog saw; "" is the operator's own.
    `claims` is what it says it did, each with the step that shows it ("" if none does); `flags` what it wants looked at.
    """

    task_id: str
    operator: str
    status: Status
    summary: str
    result: str = ""
    partial: bool = False
    problem: str = ""
    cause: str = ""
    sources: tuple[Source, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    claims: tuple[tuple[str, str], ...] = ()
    flags: tuple[str, ...] = ()
    usage: Usage = Field(default_factory=Usage)


class Delegation(Value):
    """Everything an operator sees of a mission: its brief, its grants, its share of the budget, and where it stands.

    `ancestors` holds one fingerprint per delegation above this one (see `fingerprint`); `found` the reports it needs;
    `contexts` the parts of context documents that match it.
    """

    mission_id: str
    task: Task
    profile_version: str
    brief: str
    tools: tuple[str, ...]
    budget: Budget
    parent_task_id: str | None = None
    depth: int = 1
    ancestors: tuple[str, ...] = ()
    found: tuple[Report, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    contexts: tuple[Source, ...] = ()


def fingerprint(operator: str, goal: str) -> str:
    """Name a delegation by who does what, so that the same one below itself is recognised."""
    return f"{operator}:{' '.join(goal.lower().split())}"


def outcome(reports: Iterable[Report]) -> Status:
    """Derive a mission's end from the tasks that ran: completed only if at least one did and none was lost entirely."""
    ran = list(reports)
    return Status.COMPLETED if any(r.status is Status.COMPLETED for r in ran) else Status.FAILED


def new_id() -> str:
    """Make an id nobody else makes (uuid7: time first, then 74 random bits), so that new rows stand together on disk."""
    milliseconds, chance = time.time_ns() // 1_000_000, secrets.randbits(74)
    number = (milliseconds & (1 << 48) - 1) << 80 | 7 << 76 | (chance >> 62) << 64 | 2 << 62 | chance & (1 << 62) - 1
    return str(uuid.UUID(int=number))


def derived_id(*parts: str) -> str:
    """Make the same id from the same parts, on every machine and after every restart (uuid5)."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "\x1f".join(parts)))


def now() -> datetime:
    """Tell the time, in UTC."""
    return datetime.now(UTC)


EVERYONE = "*"
USER, CHIEF, REVIEWER = "user", "chief", "reviewer"


def operator_address(task_id: str) -> str:
    """Address the operator at work on a task."""
    return f"task:{task_id}"


class Envelope(Value):
    """One message between roles; the same `message_id` is delivered once. Recipient "*" reaches every operator."""

    message_id: str
    sender: str
    recipient: str
    message_type: str  # goal | delegation | report | note | instruction | question | answer | review
    content: str
    timestamp: datetime = Field(default_factory=now)
    reply_to: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    attachments: tuple[str, ...] = ()

    def reaches(self, address: str) -> bool:
        """Say whether a role at this address should read the message."""
        if self.sender == address:
            return False
        return self.recipient == address or (self.recipient == EVERYONE and address.startswith("task:"))


class Happening(Value):
    """Base of every event. `by` is who caused it: "" is Staffwork itself, `user:<id>` a person, `task:<id>` an operator."""

    mission_id: str
    seq: int = 0
    at: datetime = Field(default_factory=now)
    attempt: int = 0
    task_id: str | None = None
    by: str = ""

    @property
    def key(self) -> str | None:
        """Name what may happen once only in a mission; None may happen again."""
        return None


class Once(Happening):
    """Happens once in a mission, or once for each task."""

    @property
    def key(self) -> str | None:
        return f"{self.kind}:{self.task_id or ''}"  # type: ignore[attr-defined]


class OncePerStep(Happening):
    """Happens once at each step."""

    step: str

    @property
    def key(self) -> str | None:
        return f"{self.kind}:{self.step}"  # type: ignore[attr-defined]
