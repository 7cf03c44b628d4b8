"""What a person may decide about a call that waits for their approval, and which arguments they may give."""

from __future__ import annotations

from typing import Any

import orjson

from core.errors import BadInput, Conflict, NotFound
from core.steering import Order
from memory.approval_rules import check_until, pattern_of
from memory.approvals import Approval
from tools.sanitise import sanitise

LONGEST_ARGUMENTS = 100_000
"""Bytes of a tool call's changed arguments, as JSON."""


def decision(order: Order, asked: Approval) -> Order:
    """Return a decision about a call as it can be carried out; raises NotFound, Conflict or BadInput, in words for the person.

    It is held against the row, which stands there before anybody hears of it; the row is decided when the order is stored.
    """
    if asked.mission_id != order.mission_id:
        raise NotFound("There is no such approval in this mission.")
    if asked.decided_at is not None:
        raise Conflict("This was decided already, or is not asked any more.")
    if order.choice not in asked.choices:
        raise BadInput("Choose one of: " + ", ".join(asked.choices) + ".")
    changes: dict[str, Any] = {"step": asked.step, "task_id": asked.task_id}
    match order.choice:
        case "edit" if order.arguments is None:
            raise BadInput('Give the changed arguments as an object, such as {"file": "sales.csv"}.')
        case "edit":
            check_arguments(order.arguments or {})
            changes["arguments"], _ = sanitise(order.arguments or {})
        case "pattern":
            pattern_of(asked.arguments, order.arguments or {})
        case _ if order.arguments is not None:
            raise BadInput("Arguments are given with edit (the changed ones) or pattern (what they must look like).")
    check_until(order.until, order.at)
    return order.model_copy(update=changes)


def check_arguments(arguments: dict[str, Any]) -> None:
    """Raise BadInput for what a model could not have written either: too long, too deep, or numbers nobody can store."""
    try:
        size = len(orjson.dumps(arguments))
    except (TypeError, RecursionError) as problem:
        raise BadInput(f"These arguments cannot be used: {problem}.") from None
    if size > LONGEST_ARGUMENTS:
        raise BadInput(f"The arguments have more than {LONGEST_ARGUMENTS:,} bytes. Put long content into a file.")
