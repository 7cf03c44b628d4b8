"""What a person may order of a mission as it stands, and how an attempt carries it out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from core.errors import BadInput, Conflict, NotFound, StaffworkError
from core.events import Event, QuestionAnswered, QuestionAsked
from core.missions import ENDED, EVERYONE, USER, Attachment, Envelope, Status, operator_address
from core.steering import ApprovalDecided, AttentionSettled, Order, OrderGiven, OrderKind, OrderSettled, StepReleased
from graphs.control import Control, Verdict
from graphs.deciding import check_arguments
from graphs.plan_orders import checked_plan, plan_decided
from graphs.standing import Standing

LONGEST_TEXT = 20_000
"""Characters of an instruction or an answer; longer things are files."""
RECOVER, TRY_AGAIN = "recover.", "Try again"
"""How the step of a question begins that asks what is to become of failed tasks, and the choice to do them once more."""

_YES, _NO = {"yes", "y", "true", "ja", "oui", "si"}, {"no", "n", "false", "nein", "non"}
_DONE = {Status.COMPLETED, Status.FAILED, Status.CANCELLED}


def checked(order: Order, standing: Standing) -> Order:
    """Return the order as it can be carried out now, what was left open filled in.

    Raises NotFound, Conflict or BadInput, in words for the person who gave it.
    """
    if standing.ended in ENDED:
        raise Conflict("This mission has ended; nothing in it can be changed any more.")
    if len(order.text) > LONGEST_TEXT:
        raise BadInput(f"The text has more than {LONGEST_TEXT:,} characters. Attach it as a file instead.")
    if check := _CHECKS.get(order.kind):
        return check(order, standing)
    return _switch(order, standing)


def _switch(order: Order, standing: Standing) -> Order:
    match order.kind:
        case OrderKind.STEP_MODE if order.choice not in ("on", "off"):
            raise BadInput("Say whether step mode is to be on or off.")
        case OrderKind.RESUME if not standing.paused:
            raise Conflict("This mission is not paused.")
        case OrderKind.PAUSE if standing.paused:
            raise Conflict("This mission is paused already.")
    return order


def _instruction(order: Order, standing: Standing) -> Order:
    if not order.text.strip():
        raise BadInput("The instruction is empty. Say what should be different.")
    if order.task_id is not None and standing.tasks.get(order.task_id, Status.PENDING) in _DONE:
        raise Conflict(
            f"Task {order.task_id} is done already; give the instruction to everyone, or send a new message."
        )
    return order


def _of_task(order: Order, standing: Standing) -> Order:
    status = standing.tasks.get(order.task_id or "")
    if status is None:
        known = ", ".join(standing.tasks) or "none yet"
        raise NotFound(f"There is no task {order.task_id!r} at work in this mission. Tasks: {known}.")
    if order.kind is OrderKind.CANCEL_TASK and (status in _DONE or order.task_id in standing.cancelled):
        raise Conflict(f"Task {order.task_id} is {status.value} already.")
    if order.kind is OrderKind.RETRY_TASK:
        _check_retry(order.task_id or "", status, standing)
    return order


def _check_retry(task_id: str, status: Status, standing: Standing) -> None:
    if status not in (Status.FAILED, Status.CANCELLED):
        raise Conflict(f"Task {task_id} is {status.value}; only a task that failed or was cancelled is tried again.")
    if task_id not in standing.planned:
        whole = task_id.partition(".")[0]
        raise Conflict(f"Task {task_id} is a part of {whole} and is not tried again alone. Try {whole} again instead.")
    again = next((t.id for t in standing.planned.values() if t.instead_of == task_id), "")
    if again:
        raise Conflict(f"Task {task_id} was tried again already, as {again}. If that failed too, try {again} again.")
    if task_id in standing.to_retry:
        raise Conflict(f"Task {task_id} is going to be tried again already.")
    if standing.answering:
        raise Conflict("The answer is being written, so no task is tried again. When it is there, send the goal again.")


def _release(order: Order, standing: Standing) -> Order:
    held = {h.step: h for h in standing.open_steps}
    step = order.step or next(iter(held), "")
    if step not in held:
        raise Conflict("This step is not held any more.")
    if order.choice not in ("continue", "skip", "edit", "abort"):
        raise BadInput("Choose continue, skip, edit or abort.")
    if order.choice == "edit":
        if held[step].what == "act" and order.arguments is None:
            raise BadInput('Give the changed arguments as an object, such as {"file": "sales.csv"}.')
        if held[step].what == "think" and not order.text.strip():
            raise BadInput("Say what the operator should do differently.")
        check_arguments(order.arguments or {})
    return order.model_copy(update={"step": step})


def _answer(order: Order, standing: Standing) -> Order:
    asked = {q.step: q for q in standing.open_questions}
    step = order.step or next(iter(asked), "")
    if step not in asked:
        raise Conflict("This question was answered already, or is not asked any more.")
    return order.model_copy(update={"step": step, "text": answer_to(asked[step], order)})


def answer_to(asked: QuestionAsked, order: Order) -> str:
    """Read an answer by the question's form and return it in one spelling; raises BadInput that says what is wanted."""
    text = order.text.strip()
    match asked.form:
        case "file":
            if not order.attachments:
                raise BadInput("This question asks for a file. Attach one.")
            return text or files_alone(order.attachments)
        case _ if not text:
            raise BadInput("The answer is empty.")
        case "number":
            return _number(text)
        case "yes_no":
            return _yes_no(text)
        case "choice":
            return _choice(text, asked.choices)
    return text


def files_alone(files: Sequence[Attachment]) -> str:
    """Write the answer of a person who gave files and said nothing: the names, which may be anybody's words."""
    return "Here: " + ", ".join(file.name for file in files)


def _number(text: str) -> str:
    try:
        value = Decimal(text.replace(" ", "").replace(",", "." if text.count(",") == 1 and "." not in text else ""))
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite():
        raise BadInput(f"{text[:40]!r} is not a number. Answer with digits, such as 12 or 3.5.")
    return format(value, "f") if abs(value.adjusted()) < 40 else str(value)


def _yes_no(text: str) -> str:
    word = text.lower().rstrip(".! ")
    if word not in _YES | _NO:
        raise BadInput("Please answer yes or no.")
    return "yes" if word in _YES else "no"


def _choice(text: str, choices: tuple[str, ...]) -> str:
    by_word = {c.lower(): c for c in choices} | {str(n): c for n, c in enumerate(choices, 1) if str(n) not in choices}
    if text.lower() not in by_word:
        raise BadInput("Choose one of: " + ", ".join(choices) + ".")
    return by_word[text.lower()]


def _settlement(order: Order, standing: Standing) -> Order:
    needed = {a.step: a for a in standing.open_attention}
    step = order.step or next(iter(needed), "")
    if step not in needed:
        raise Conflict("This was decided already.")
    if order.choice not in needed[step].choices:
        raise BadInput("Choose one of: " + ", ".join(needed[step].choices) + ".")
    return order.model_copy(update={"step": step})


def _decision(order: Order, standing: Standing) -> Order:
    if order.approval in standing.decisions:  # what can be decided at all was checked when it was given (deciding.py)
        raise Conflict("This was decided already, or is not asked any more.")
    return order


_CHECKS: dict[OrderKind, Callable[[Order, Standing], Order]] = {
    OrderKind.INSTRUCT: _instruction,
    OrderKind.CANCEL_TASK: _of_task,
    OrderKind.RETRY_TASK: _of_task,
    OrderKind.RELEASE: _release,
    OrderKind.ANSWER: _answer,
    OrderKind.SETTLE: _settlement,
    OrderKind.DECIDE: _decision,
    OrderKind.PLAN: checked_plan,
}


class Orderly:
    """Takes up the orders of one mission on behalf of an attempt; every one is settled: applied, or refused and why.

    An instruction stays open until an operator has read it.
    """

    def __init__(self, control: Control, tell: Callable[[Event], None], deliver: Callable[[Envelope], None]) -> None:
        self._control, self._standing, self._tell, self._deliver = control, control.standing, tell, deliver

    def take(self, order: Order) -> None:
        """Put an order on record and carry it out; one that is on record already is left alone."""
        if order.id in self._standing.orders:
            return
        about = {"mission_id": order.mission_id, "by": f"user:{order.by}", "task_id": order.task_id}
        self._tell(OrderGiven(**about, order=order))
        try:
            self._carry_out(checked(order, self._standing))
        except StaffworkError as reason:
            self._tell(OrderSettled(**about, order_id=order.id, outcome="refused", words=str(reason)))

    def _settle(self, order: Order, words: str) -> None:
        self._tell(
            OrderSettled(
                mission_id=order.mission_id, task_id=order.task_id, order_id=order.id, outcome="applied", words=words
            )
        )

    def _carry_out(self, order: Order) -> None:
        match order.kind:
            case OrderKind.PAUSE:
                self._settle(order, "Paused. Calls under way finish first.")
                self._control.close_gates()
            case OrderKind.RESUME:
                self._settle(order, "Work goes on.")
                self._control.open_gates()
            case OrderKind.STOP:
                self._settle(order, "Stopped.")
                self._control.end(Verdict(Status.CANCELLED, "You stopped this mission."))
            case OrderKind.CANCEL_TASK:
                self._settle(order, f"Task {order.task_id} is cancelled.")
                self._control.cancel_ordered(order.task_id or "")
            case OrderKind.RETRY_TASK:
                self._settle(order, f"Task {order.task_id} is tried again when the tasks at work are done.")
                self._answer_with(order)
            case OrderKind.INSTRUCT:
                self._instruct(order)
            case _:
                self._decide(order)

    def _answer_with(self, order: Order) -> None:
        """An order to try a task again answers the question what is to become of the failed ones."""
        for asked in self._standing.open_questions:
            if asked.step.startswith(RECOVER):
                about = {"mission_id": order.mission_id, "by": f"user:{order.by}", "step": asked.step}
                self._tell(QuestionAnswered(**about, answer=TRY_AGAIN))
                self._control.settle(asked.step)

    def _instruct(self, order: Order) -> None:
        recipient = operator_address(order.task_id) if order.task_id else EVERYONE
        self._deliver(
            Envelope(
                message_id=order.id, sender=USER, recipient=recipient, message_type="instruction", content=order.text
            )
        )

    def _decide(self, order: Order) -> None:
        about: dict[str, Any] = {"mission_id": order.mission_id, "by": f"user:{order.by}", "step": order.step}
        if order.kind is OrderKind.STEP_MODE:
            self._settle(order, f"Step mode is {order.choice}.")
            if order.choice == "off":
                self._release_all(about)
            return
        self._settle(order, "")
        self._tell(self._decided(order, about))
        self._control.settle(order.step)
        if order.kind is OrderKind.RELEASE and order.choice == "abort":
            self._control.end(Verdict(Status.CANCELLED, "You stopped this mission at a held step."))

    def _decided(self, order: Order, about: dict[str, Any]) -> Event:
        match order.kind:
            case OrderKind.RELEASE:
                return StepReleased(**about, choice=order.choice, arguments=order.arguments, text=order.text)
            case OrderKind.ANSWER:
                task_id = self._standing.questions[order.step].task_id
                return QuestionAnswered(**about, task_id=task_id, answer=order.text, attachments=order.attachments)
            case OrderKind.SETTLE:
                return AttentionSettled(**about, choice=order.choice, order_id=order.id)
            case OrderKind.PLAN:
                return plan_decided(order, self._standing.proposals[order.step], about)
        changed = order.arguments if order.choice == "edit" else None
        about |= {"task_id": order.task_id, "approval_id": order.approval, "reason": order.text}
        return ApprovalDecided(**about, decision=order.choice, arguments=changed)

    def _release_all(self, about: dict[str, str]) -> None:
        for held in self._standing.open_steps:
            self._tell(StepReleased(**about | {"step": held.step}, choice="continue"))
            self._control.settle(held.step)

    def heard(self, message_ids: tuple[str, ...], reader: str, step: str) -> None:
        """Settle the instructions that an operator (or the Chief) was given with a call."""
        number = step.rpartition("/")[2]
        where = f" at step {number}" if number.isdigit() else ""
        for message_id in message_ids:
            order = self._standing.orders.get(message_id)
            if order is not None and message_id not in self._standing.settled:
                self._settle(order, f"Seen by {reader}{where}.")

    def unread(self, why: str) -> None:
        """Settle what nobody will read any more."""
        for order in self._standing.open_orders:
            settled = OrderSettled(mission_id=order.mission_id, order_id=order.id, outcome="refused", words=why)
            self._tell(settled)
