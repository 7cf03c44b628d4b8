"""What a person may say of a proposed plan, and what comes of it; a changed plan is checked like any other."""

from __future__ import annotations

from typing import Any

from agents.planning import read_plan
from core.errors import BadInput, Conflict, PlanRefused
from core.missions import Plan
from core.steering import Order, PlanDecided, PlanProposed
from graphs.deciding import check_arguments
from graphs.standing import Standing


def checked_plan(order: Order, standing: Standing) -> Order:
    """Return the decision as it can be carried out; raises Conflict or BadInput, in words for the person."""
    waiting = {proposed.step: proposed for proposed in standing.open_plans}
    step = order.step or next(iter(waiting), "")
    if step not in waiting:
        raise Conflict("This plan was decided already, or is not asked about any more.")
    if order.choice not in waiting[step].choices:
        raise BadInput("Choose one of: " + ", ".join(waiting[step].choices) + ".")
    if order.choice == "edit":
        edited(order.arguments, waiting[step])
    elif order.arguments is not None:
        raise BadInput("Tasks are given with edit only.")
    if order.choice == "replan" and not order.text.strip():
        raise BadInput("Say what should be different, so that another plan can be made.")
    return order.model_copy(update={"step": step})


def edited(arguments: dict[str, Any] | None, proposed: PlanProposed) -> Plan:
    """Read a changed plan by the rules of every plan; raises BadInput that names what is wrong."""
    if arguments is None:
        raise BadInput(
            'Give the changed tasks, such as {"tasks": [{"id": "t1", "operator": "analyst", "goal": "..."}]}.'
        )
    check_arguments(arguments)
    try:
        plan = read_plan(arguments, proposed.operators)
    except PlanRefused as refused:
        raise BadInput("The changed plan cannot be used. " + " ".join(refused.problems)) from None
    if len(plan.tasks) > proposed.most:
        raise BadInput(f"The changed plan has {len(plan.tasks)} tasks; {proposed.most} are allowed.")
    return plan


def plan_decided(order: Order, proposed: PlanProposed, about: dict[str, Any]) -> PlanDecided:
    """Make the event of a decision that was checked."""
    tasks = proposed.tasks if order.choice == "accept" else ()
    if order.choice == "edit":
        tasks = edited(order.arguments, proposed).tasks
    return PlanDecided(**about, choice=order.choice, reason=order.text.strip(), tasks=tasks)
