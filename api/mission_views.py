"""A mission as JSON for programs: where it stands, its tasks, what came of it, what it cost, and what waits for a person."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.budget import Usage, total
from core.decisions import Account
from core.events import (
    Event,
    MissionEnded,
    MissionStarted,
    ModelFailed,
    ModelReplied,
    PlanMade,
    TaskEnded,
    TaskStarted,
    ToolReturned,
)
from core.missions import ENDED, RESTING, Attachment, Source, Status, now
from core.steering import Order
from graphs.accounts import Accounts
from graphs.standing import Standing
from memory.missions import MissionRow

RELEASES = ("continue", "skip", "edit", "abort")


def brief(row: MissionRow) -> dict[str, Any]:
    """Show a mission without what happened in it."""
    mission = row.mission
    shown = mission.model_dump(mode="json", exclude={"user_id", "attachments"})
    return shown | {
        "status": row.status.value,
        "attempt": row.attempt,
        "started_at": row.started_at.isoformat() if row.started_at else None,
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
        "problem": row.problem,
    }


def whole(row: MissionRow, events: Sequence[Event], untaken: Sequence[Order] = ()) -> dict[str, Any]:
    """Show a mission with everything that can be asked or decided; `untaken` are orders nobody has taken up yet."""
    standing, end = Standing(events), last_end(events)
    files = [file_shown(a) for a in row.mission.attachments]
    return brief(row) | {
        "attachments": files,
        "paused": standing.paused,
        "step_mode": row.mission.step_mode if standing.step_mode is None else standing.step_mode,
        "tasks": tasks_shown(row.status, events, standing),
        "answer": end.answer if end else "",
        "limit": end.limit if end else "",
        "sources": [source_shown(s) for s in end.sources] if end else [],
        "artifacts": [file_shown(a) for a in end.artifacts] if end else [],
        "account": account_shown(row.mission.id, Accounts(events).account()),
        "usage": usage_shown(used(row.status, events)),
        "open": open_shown(standing, untaken) if row.status not in ENDED else open_shown(Standing(), ()),
        "last_seq": events[-1].seq if events else 0,
    }


def last_end(events: Sequence[Event]) -> MissionEnded | None:
    """Find how the mission ended, or came to rest the last time."""
    return next((e for e in reversed(events) if isinstance(e, MissionEnded)), None)


def tasks_shown(status: Status, events: Sequence[Event], standing: Standing) -> list[dict[str, Any]]:
    """List the tasks in the order they came up; of a mission that ended no task is at work."""
    tasks: dict[str, dict[str, Any]] = {}
    for event in events:
        match event:
            case PlanMade():
                for task in event.tasks:
                    tasks.setdefault(task.id, _task(task.id, task.operator, task.goal, list(task.needs)))
            case TaskStarted():
                begun = tasks.setdefault(event.task_id, _task(event.task_id, event.operator, event.goal, []))
                begun |= {"operator": event.operator, "title": event.title, "parent_task_id": event.parent_task_id}
            case TaskEnded():
                ended = tasks.setdefault(event.task_id, _task(event.task_id, event.operator, "", []))
                ended |= {"summary": event.summary, "problem": event.problem, "partial": event.partial}
                ended |= {
                    "claims": [{"what": w, "receipt": s or None} for w, s in event.claims],
                    "flags": list(event.flags),
                }
            case _:
                pass  # says nothing about a task
    for task_id, shown in tasks.items():
        stands = standing.tasks.get(task_id, Status.PENDING)
        shown["status"] = Status.CANCELLED.value if status in ENDED and stands not in ENDED else stands.value
    return list(tasks.values())


def _task(task_id: str, operator: str, goal: str, needs: list[str]) -> dict[str, Any]:
    about = {"id": task_id, "operator": operator, "title": "", "goal": goal, "needs": needs, "parent_task_id": None}
    return about | {"status": "", "summary": "", "problem": "", "partial": False, "claims": [], "flags": []}


def open_shown(standing: Standing, untaken: Sequence[Order]) -> dict[str, Any]:
    """Show what waits for a person, the oldest first, and the orders whose outcome is not known yet."""
    about = {"mission_id", "seq", "attempt", "by", "kind"}
    taken = standing.open_orders
    waiting = [*taken, *(o for o in untaken if o.id not in standing.orders)]
    return {
        "questions": [q.model_dump(mode="json", exclude=about) for q in standing.open_questions],
        "steps": [h.model_dump(mode="json", exclude=about) | {"choices": RELEASES} for h in standing.open_steps],
        "attention": [a.model_dump(mode="json", exclude=about) for a in standing.open_attention],
        "plans": [p.model_dump(mode="json", exclude=about) for p in standing.open_plans],
        "approvals": [a.model_dump(mode="json", exclude=about) for a in standing.open_approvals],
        "orders": [order_shown(o) for o in waiting],
    }


def order_shown(order: Order) -> dict[str, Any]:
    """Show an order."""
    return order.model_dump(mode="json", exclude={"mission_id", "by"}, exclude_defaults=True) | {"id": order.id}


def used(status: Status, events: Sequence[Event]) -> Usage:
    """Add up what a mission used so far; seconds are those at work."""
    calls = total(e.usage for e in events if isinstance(e, ModelReplied | ModelFailed))
    tools = sum(isinstance(e, ToolReturned) for e in events)
    end = last_end(events)
    seconds = end.usage.seconds if end else 0.0
    began = next((e for e in reversed(events) if isinstance(e, MissionStarted)), None)
    if status not in RESTING and began is not None and (end is None or began.seq > end.seq):
        seconds += max((now() - began.at).total_seconds(), 0.0)
    return calls.model_copy(update={"tool_calls": tools, "seconds": round(seconds, 3)})


def usage_shown(usage: Usage) -> dict[str, Any]:
    """Show usage as JSON: cost in US dollars, null if the price of any call is unknown."""
    counts = {"model_calls", "tool_calls", "tokens_in", "tokens_out", "tokens_cached"}
    cost = float(usage.cost) if usage.priced else None
    more = {"cost": cost, "unpriced_calls": usage.unpriced_calls, "seconds": usage.seconds}
    return usage.model_dump(mode="json", include=counts) | more


def account_shown(mission_id: str, account: Account) -> dict[str, Any]:
    """Show what a mission did: receipts with the address of what stands on record, and what was only said."""
    receipts = [
        receipt.model_dump(mode="json") | {"url": f"/api/missions/{mission_id}/receipts/{receipt.step}"}
        for receipt in account.receipts
    ]
    plain = account.model_dump(mode="json", include={"more", "unverified", "flags"})
    documents = [{"title": c.file, "id": c.origin_id} for c in account.contexts]
    return plain | {"receipts": receipts, "contexts": documents}


def source_shown(source: Source) -> dict[str, Any]:
    """Show where a statement comes from."""
    return source.model_dump(mode="json", include={"file", "page", "line", "quote"}, exclude_none=True)


def file_shown(file: Any) -> dict[str, Any]:
    """Show a file that was given or made; its content is at /files/attachment/ or /files/artifact/."""
    kind = "attachment" if isinstance(file, Attachment) else "artifact"
    about = {"id": file.id, "name": file.name, "size": file.size, "mime": file.mime}
    return about | {"url": f"/files/{kind}/{file.id}"}
