"""How a person steers a mission: the orders they give, and the events that come of them and of the watchdog."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, get_args

from pydantic import Field

from core.missions import Attachment, Happening, OncePerStep, Status, Task, Value, now


class OrderKind(StrEnum):
    """What a person can order of a mission."""

    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    INSTRUCT = "instruct"  # `text` for everyone, or for the operator of `task_id`
    CANCEL_TASK = "cancel_task"  # `task_id`
    RETRY_TASK = "retry_task"  # `task_id`
    RELEASE = "release"  # a held `step`; `choice` is continue, skip, edit (with `arguments`) or abort
    STEP_MODE = "step_mode"  # `choice` is on or off
    ANSWER = "answer"  # the question of `step`; `text` is the answer, `attachments` the files if it asked for one
    SETTLE = (
        "settle"  # the call of `step` that may or may not have happened; `choice` is check, happened, retry or skip
    )
    PLAN = "plan"  # the plan of `step`; `choice` is accept, edit (`arguments`: the tasks), replan (`text`: why) or stop
    DECIDE = "decide"  # the call that `approval` names; `choice` is a Permission, or reject (`text` is the reason)


Permission = Literal["once", "edit", "conversation", "pattern"]
"""How a person lets a call run: this one, as it is or with other `arguments`; or this one and (until a day) every later one
of the tool in this conversation, or whose arguments fit a pattern (`arguments`: argument -> text, * stands for anything)."""
PERMISSIONS: tuple[Permission, ...] = get_args(Permission)


class Right(StrEnum):
    """What a person may do; which role has which right stands in RIGHTS, and nowhere else."""

    READ = "read"  # their own conversations, and links shared with people who have an account
    WORK = "work"  # give missions and files, steer, decide approvals, keep schedules
    SHARE = "share"  # make links for people who have an account
    SHARE_PUBLIC = "share_public"  # make links for everybody, where the settings allow them at all
    KEYS = "keys"  # make API keys for themselves
    PEOPLE = "people"  # invite, deactivate, delete, reset; everybody's role but an owner's
    OWNERS = "owners"  # make and unmake owners
    AUDIT = "audit"  # read the audit log
    HOUSE = "house"  # what concerns everybody: models, secrets, profiles


_MEMBER = frozenset({Right.READ, Right.WORK, Right.SHARE, Right.KEYS})
_ADMIN = _MEMBER | {Right.SHARE_PUBLIC, Right.PEOPLE, Right.AUDIT, Right.HOUSE}
RIGHTS: dict[str, frozenset[Right]] = {
    "owner": _ADMIN | {Right.OWNERS},
    "admin": _ADMIN,
    "member": _MEMBER,
    "viewer": frozenset({Right.READ}),
}
"""Role -> its rights. A role that is not here has none."""


def may(role: str, right: Right) -> bool:
    """Say whether a role has a right."""
    return right in RIGHTS.get(role, frozenset())


def denial(role: str, right: Right) -> str:
    """Say to a person of a role that they do not have a right, and who can give it to them."""
    able = [name for name, rights in RIGHTS.items() if right in rights]
    needed = f"{', '.join(able[:-1])} or {able[-1]}" if len(able) > 1 else able[0]
    return f"Your role here is {role or 'none'}; this needs {needed}. An owner or admin can change your role on the People page."


class Order(Value):
    """One order to one mission; the same `id` is one order. `by` is the user's id."""

    id: str
    mission_id: str
    kind: OrderKind
    by: str
    task_id: str | None = None
    step: str = ""
    text: str = ""
    choice: str = ""
    arguments: dict[str, Any] | None = None
    attachments: tuple[Attachment, ...] = ()
    approval: str = ""
    until: datetime | None = None
    at: datetime = Field(default_factory=now)


class OrderGiven(Happening):
    """A person gave an order; from here on it is on record, whatever becomes of it."""

    kind: Literal["order_given"] = "order_given"
    order: Order

    @property
    def key(self) -> str | None:
        return f"order_given:{self.order.id}"


class OrderSettled(Happening):
    """What became of an order: applied (of an instruction: seen by whom, at which step), or not applied and why."""

    kind: Literal["order_settled"] = "order_settled"
    order_id: str
    outcome: Literal["applied", "refused"]
    words: str = ""

    @property
    def key(self) -> str | None:
        return f"order_settled:{self.order_id}"


class StatusChanged(Happening):
    """A task was paused, waits for a person, or goes on; beginnings and ends have events of their own."""

    kind: Literal["status_changed"] = "status_changed"
    task_id: str
    status: Status
    reason: str = ""


class StepHeld(OncePerStep):
    """Step mode holds a step until the user releases it; `words` says what it would do."""

    kind: Literal["step_held"] = "step_held"
    what: Literal["think", "act"]
    operator: str = ""
    tool: str = ""
    arguments: dict[str, Any] = Field(default_factory=dict)
    words: str


class StepReleased(OncePerStep):
    """The user let a held step go on, skipped it, went on with other arguments, or gave the task up."""

    kind: Literal["step_released"] = "step_released"
    choice: Literal["continue", "skip", "edit", "abort"]
    arguments: dict[str, Any] | None = None  # of an edited tool call
    text: str = ""  # what an edited step of an operator should do differently


class AttentionNeeded(OncePerStep):
    """A call with an effect was interrupted: it may or may not have happened, and only a person can tell."""

    kind: Literal["attention_needed"] = "attention_needed"
    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    words: str
    choices: tuple[str, ...]


class AttentionSettled(Happening):
    """What the user said of an interrupted call. A `check` with `words` is the check's result: it could not tell."""

    kind: Literal["attention_settled"] = "attention_settled"
    step: str
    choice: Literal["check", "happened", "retry", "skip"]
    words: str = ""
    order_id: str = ""  # the decision itself: it is carried out once


class PlanProposed(OncePerStep):
    """A plan waits until the user accepts it. `choices` is what they can do with it, `operators` who may be given a task of
    it, `most` how many tasks it may have."""

    kind: Literal["plan_proposed"] = "plan_proposed"
    tasks: tuple[Task, ...]
    note: str = ""
    choices: tuple[str, ...]
    operators: tuple[str, ...]
    most: int


class PlanDecided(OncePerStep):
    """What the user said of a proposed plan: it goes on with `tasks`, is made anew for a `reason`, or the mission stops."""

    kind: Literal["plan_decided"] = "plan_decided"
    choice: Literal["accept", "edit", "replan", "stop"]
    reason: str = ""
    tasks: tuple[Task, ...] = ()


class ApprovalRequested(Happening):
    """A call waits until a person allows it. Its words, its reason and its arguments are written by code, in full."""

    kind: Literal["approval_requested"] = "approval_requested"
    step: str
    approval_id: str
    tool: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    arguments_hash: str
    words: str
    why: str
    choices: tuple[str, ...]
    operator: str = ""
    expires_at: datetime

    @property
    def key(self) -> str | None:
        return f"approval_requested:{self.approval_id}"


class ApprovalDecided(Happening):
    """What became of it: allowed (see Permission), rejected, or nobody decided in time (`unanswered`), nobody was there
    (`unattended`), or it was not wanted any more (`withdrawn`)."""

    kind: Literal["approval_decided"] = "approval_decided"
    step: str
    approval_id: str
    decision: Literal["once", "edit", "conversation", "pattern", "reject", "unanswered", "unattended", "withdrawn"]
    reason: str = ""
    arguments: dict[str, Any] | None = None  # those it runs with, if the person changed them

    @property
    def key(self) -> str | None:
        return f"approval_decided:{self.approval_id}"


class Intervened(Happening):
    """The watchdog stepped in: which pattern it saw, what it did about it, and why, in plain words."""

    kind: Literal["intervened"] = "intervened"
    pattern: str  # no_progress | same_result | same_error | monologue | alternating | too_long | circle | budget
    action: Literal["nudge", "cancel_task", "end_mission"]
    words: str


SteeringEvent = (
    OrderGiven
    | OrderSettled
    | StatusChanged
    | StepHeld
    | StepReleased
    | AttentionNeeded
    | AttentionSettled
    | PlanProposed
    | PlanDecided
    | ApprovalRequested
    | ApprovalDecided
    | Intervened
)


def plan_changes(old: Sequence[Task], new: Sequence[Task]) -> list[str]:
    """Say in plain words what a newer version of a plan changes, one line for each task."""
    before, after = {t.id: t for t in old}, {t.id: t for t in new}
    lines = [_change(before.get(t.id), t) for t in new if before.get(t.id) != t]
    return lines + [f"{t.id} is left out." for t in old if t.id not in after]


def _change(old: Task | None, new: Task) -> str:
    if old is not None:
        fields = ("operator", "goal", "done_when", "needs", "priority", "model")
        changed = [name.replace("_", " ") for name in fields if getattr(old, name) != getattr(new, name)]
        return f"{new.id} has changed ({', '.join(changed) or 'its reason'}). {new.why}".strip()
    needs = f", after {', '.join(new.needs)}" if new.needs else ""
    if new.instead_of:
        return f"{new.id} ({new.operator}{needs}) takes the place of {new.instead_of}. {new.why}".strip()
    goal = new.goal.strip().partition("\n")[0]
    return f"{new.id} ({new.operator}{needs}) is new: {goal if len(goal) <= 200 else goal[:197] + '...'}"
