"""Where a mission stands for a person who steers it: what is open, what was ordered, what was decided. Read off its events."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from core.events import (
    Event,
    MissionEnded,
    ModelAsked,
    PlanMade,
    QuestionAnswered,
    QuestionAsked,
    TaskEnded,
    TaskStarted,
)
from core.missions import ENDED, Status, Task
from core.steering import (
    ApprovalDecided,
    ApprovalRequested,
    AttentionNeeded,
    AttentionSettled,
    Intervened,
    Order,
    OrderGiven,
    OrderKind,
    OrderSettled,
    PlanDecided,
    PlanProposed,
    StatusChanged,
    StepHeld,
    StepReleased,
)


class Standing:
    """What the events so far say; `note` each new one."""

    def __init__(self, past: Iterable[Event] = ()) -> None:
        self.ended: Status | None = None
        self.paused = False
        self.step_mode: bool | None = None  # None: as the mission was given
        self.questions: dict[str, QuestionAsked] = {}
        self.answers: dict[str, QuestionAnswered] = {}
        self.held: dict[str, StepHeld] = {}
        self.released: dict[str, StepReleased] = {}
        self.attention: dict[str, AttentionNeeded] = {}
        self.decided: dict[str, AttentionSettled] = {}
        self.approvals: dict[str, ApprovalRequested] = {}  # by their ids
        self.decisions: dict[str, ApprovalDecided] = {}
        self.proposals: dict[str, PlanProposed] = {}
        self.plan_decisions: dict[str, PlanDecided] = {}
        self.tasks: dict[str, Status] = {}
        self.operators: dict[str, str] = {}  # task -> who works on it
        self.orders: dict[str, Order] = {}
        self.settled: dict[str, OrderSettled] = {}
        self.cancelled: dict[str, str] = {}  # task -> why
        self.given_up: dict[str, str] = {}  # task -> why the watchdog ended it
        self.stuck_in: dict[str, str] = {}  # task -> the pattern for which it did
        self.plans: dict[int, PlanMade] = {}  # by version
        self.answering = False  # the answer is being written: the tasks are settled
        self.to_retry: list[str] = []
        for event in past:
            self.note(event)

    def note(self, event: Event) -> None:
        """Take one more event into account."""
        match event:
            case MissionEnded():
                self.ended = event.status
            case PlanMade():
                self.plans.setdefault(event.version, event)
                for task in event.tasks:
                    self.tasks.setdefault(task.id, Status.PENDING)
                    self.operators.setdefault(task.id, task.operator)
            case TaskStarted():
                self.tasks[event.task_id] = Status.IN_PROGRESS
                self.operators[event.task_id] = event.title or event.operator
            case TaskEnded():
                self.tasks[event.task_id] = event.status
            case StatusChanged():
                self.tasks[event.task_id] = event.status
            case ModelAsked(step="report"):
                self.answering = True
            case QuestionAsked():
                self.questions[event.step] = event
            case QuestionAnswered():
                self.answers[event.step] = event
            case _:
                self._note_steering(event)

    def _note_steering(self, event: Event) -> None:
        match event:
            case StepHeld():
                self.held[event.step] = event
            case StepReleased():
                self.released[event.step] = event
            case AttentionNeeded():
                self.attention[event.step] = event
            case AttentionSettled(choice="check") if event.words:
                self.decided.pop(event.step, None)  # the check could not tell: it is open again
            case AttentionSettled():
                self.decided[event.step] = event
            case OrderGiven():
                self.orders[event.order.id] = event.order
            case OrderSettled():
                self.settled[event.order_id] = event
                order = self.orders.get(event.order_id)
                if order is not None and event.outcome == "applied":
                    self._carry_out(order)
            case Intervened(action="cancel_task") if event.task_id:
                self.given_up[event.task_id], self.stuck_in[event.task_id] = event.words, event.pattern
            case _:
                self._note_approval(event)

    def _note_approval(self, event: Event) -> None:
        """Of several requests at one step, the newest counts: the others are not wanted any more."""
        match event:
            case ApprovalDecided():
                self.decisions[event.approval_id] = event
            case PlanProposed():
                self.proposals[event.step] = event
            case PlanDecided():
                self.plan_decisions[event.step] = event
        if not isinstance(event, ApprovalRequested):
            return  # tells nothing that can be steered
        for earlier in self.open_approvals:
            if earlier.step == event.step and earlier.approval_id != event.approval_id:
                about = {"mission_id": event.mission_id, "task_id": event.task_id, "step": event.step}
                withdrawn = ApprovalDecided(**about, approval_id=earlier.approval_id, decision="withdrawn")
                self.decisions[earlier.approval_id] = withdrawn
        self.approvals[event.approval_id] = event

    def _carry_out(self, order: Order) -> None:
        match order.kind:
            case OrderKind.PAUSE:
                self.paused = True
            case OrderKind.RESUME:
                self.paused = False
            case OrderKind.STEP_MODE:
                self.step_mode = order.choice == "on"
            case OrderKind.CANCEL_TASK if order.task_id:
                self.cancelled[order.task_id] = order.text or "You cancelled this task."
            case OrderKind.RETRY_TASK if order.task_id:
                self.to_retry.append(order.task_id)
            case _:
                pass  # has an event of its own

    @property
    def planned(self) -> dict[str, Task]:
        """Map the tasks of the newest plan by id."""
        return {t.id: t for t in self.plans[max(self.plans)].tasks} if self.plans else {}

    @property
    def open_questions(self) -> list[QuestionAsked]:
        """List what waits for an answer, the oldest first."""
        return [asked for step, asked in self.questions.items() if step not in self.answers]

    @property
    def open_steps(self) -> list[StepHeld]:
        """List the steps that wait to be released, the oldest first."""
        return [held for step, held in self.held.items() if step not in self.released]

    @property
    def open_attention(self) -> list[AttentionNeeded]:
        """List the calls that may or may not have happened and wait for a decision, the oldest first."""
        return [needed for step, needed in self.attention.items() if step not in self.decided]

    @property
    def open_plans(self) -> list[PlanProposed]:
        """List the plans that wait until they are accepted: at most one."""
        return [proposed for step, proposed in self.proposals.items() if step not in self.plan_decisions]

    @property
    def open_approvals(self) -> list[ApprovalRequested]:
        """List the calls that wait until a person allows them, the oldest first; not those of tasks that are over."""
        undecided = [asked for id_, asked in self.approvals.items() if id_ not in self.decisions]
        return [a for a in undecided if self.tasks.get(a.task_id or "") not in ENDED]

    @property
    def open_orders(self) -> list[Order]:
        """List the orders of which nobody knows yet what becomes of them, such as an instruction not yet read."""
        return [order for id_, order in self.orders.items() if id_ not in self.settled]

    def expires(self) -> datetime | None:
        """Say when the first open question counts as unanswered."""
        return min((q.expires_at for q in self.open_questions if q.expires_at), default=None)
