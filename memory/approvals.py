"""Approvals: what a person was asked to allow, and what became of it. The row is the truth; chat, inbox and terminal show it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, insert, select, update

from core.decisions import call_hash
from core.errors import Conflict, NotFound
from core.missions import Value, now
from core.ports import Wish
from core.steering import PERMISSIONS, Order
from memory import audit, tables
from memory.approval_rules import covered, remember
from memory.database import Database

Decision = Literal["", "once", "edit", "conversation", "pattern", "reject", "unanswered", "unattended", "withdrawn"]
_A = tables.approvals.c
_IS_OPEN = _A.decided_at.is_(None)


class Approval(Value):
    """One call that a person is asked to allow; open while `decided_at` is None. `edited` are the arguments they changed."""

    id: str
    mission_id: str
    user_id: str
    conversation_id: str
    task_id: str | None = None
    step: str
    operator: str = ""
    tool: str
    arguments: dict[str, Any]
    arguments_hash: str
    words: str
    why: str
    choices: tuple[str, ...]
    requested_at: datetime
    expires_at: datetime
    decided_at: datetime | None = None
    decided_by: str = ""
    decision: Decision = ""
    reason: str = ""
    edited: dict[str, Any] | None = None
    used_at: datetime | None = None

    @property
    def allowed(self) -> bool:
        return self.decision in PERMISSIONS


class Approvals:
    """Keeps approvals; the authority of core.ports."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def request(self, asked: Approval) -> Approval:
        """Put a request on record, safe against a power cut, and return it; one that stands there already as it stands.

        Whatever else is open at the same step is withdrawn: the operator wants something else now.
        """

        def work(connection: Connection) -> Approval:
            found = connection.execute(select(tables.approvals).where(_A.id == asked.id)).one_or_none()
            if found is not None:
                return _of(found)
            here = _IS_OPEN & (_A.mission_id == asked.mission_id) & (_A.step == asked.step)
            connection.execute(update(tables.approvals).where(here).values(**_withdrawn(now())))
            row = asked.model_dump(exclude={"arguments", "choices", "edited"})
            row |= {"arguments": _json(asked.arguments), "choices": json.dumps(asked.choices)}
            connection.execute(insert(tables.approvals), row)
            return asked

        return await self._database.apply(work, durable=True)

    async def settle(self, approval_id: str, decision: Literal["unanswered", "unattended"]) -> Approval:
        """Close a request that nobody decided; returns how it stands, for somebody may have decided in the last moment."""

        def work(connection: Connection) -> Approval:
            this = _A.id == approval_id
            closed = {"decision": decision, "decided_at": now()}
            connection.execute(update(tables.approvals).where(this & _IS_OPEN).values(**closed))
            return _of(connection.execute(select(tables.approvals).where(this)).one())

        return await self._database.apply(work, durable=True)

    async def get(self, approval_id: str, user_id: str) -> Approval:
        """Return one approval; raises NotFound if there is none, or if it is not this user's to decide."""
        found = await self._rows((_A.id == approval_id) & (_A.user_id == user_id), 1)
        if not found:
            raise _no_such()
        return found[0]

    async def of_user(self, user_id: str, limit: int = 200, *, beginning: str = "") -> list[Approval]:
        """List a user's approvals: those that are open first (the one that expires next on top), then the newest.

        Only those whose id begins with `beginning`.
        """
        mine = (_A.user_id == user_id) & _A.id.startswith(beginning, autoescape=True)
        return await self._rows(mine, limit)

    async def open_in(self, mission_ids: Sequence[str], user_id: str) -> list[Approval]:
        """List what waits for a user in these missions, all of it: the one that expires next on top."""
        here = (_A.user_id == user_id) & _A.mission_id.in_(mission_ids) & _A.decided_at.is_(None)
        return await self._rows(here, None)

    async def permits(self, wish: Wish) -> bool:
        """Say whether a person allowed exactly this call, or remembered a decision that covers it.

        An allowed call is one call: made again at its own place (after a crash) it is the same, anywhere else another.
        """

        def work(connection: Connection) -> bool:
            this = (_A.mission_id == wish.mission_id) & (_A.step == wish.step) & (_A.tool == wish.tool)
            this &= (_A.user_id == wish.user_id) & (_A.allowed_hash == wish.arguments_hash)
            allowed = connection.execute(select(_A.id, _A.used_at).where(this, _A.decision.in_(PERMISSIONS))).first()
            if allowed is None:
                return covered(connection, wish)
            if allowed.used_at is None:
                connection.execute(update(tables.approvals).where(_A.id == allowed.id).values(used_at=now()))
            return True

        return await self._database.apply(work, durable=True)

    async def role_of(self, user_id: str) -> str:
        """Name a person's role ("" if there is no such person)."""
        rows = await self._database.rows(select(tables.users.c.role).where(tables.users.c.id == user_id))
        return str(rows[0].role) if rows else ""

    async def _rows(self, which: ColumnElement[bool], limit: int | None) -> list[Approval]:
        order = (_A.decided_at.is_not(None), _A.decided_at.desc(), _A.expires_at, _A.requested_at, _A.id)
        rows = await self._database.rows(select(tables.approvals).where(which).order_by(*order).limit(limit))
        return [_of(row) for row in rows]


def decide(connection: Connection, order: Order, where: str = "") -> None:
    """Carry out a person's decision as part of the transaction that takes their order: the first one counts.

    Raises NotFound if the approval is not theirs, or of another mission; Conflict if it is decided or its time is over.
    """
    found = connection.execute(select(tables.approvals).where(_A.id == order.approval).with_for_update()).one_or_none()
    if found is None or found.user_id != order.by or found.mission_id != order.mission_id:
        raise _no_such()
    if found.decided_at is not None:
        raise Conflict("This was decided already.")
    if found.expires_at <= now():
        raise Conflict("The time to decide this is over; it counts as unanswered.")
    edited = order.arguments if order.choice == "edit" else None
    decided = {"decision": order.choice, "decided_by": order.by, "decided_at": now(), "reason": order.text}
    if order.choice in PERMISSIONS:
        decided["allowed_hash"] = found.arguments_hash if edited is None else call_hash(found.tool, edited)
    if edited is not None:
        decided["edited"] = _json(edited)
    connection.execute(update(tables.approvals).where(_A.id == order.approval).values(**decided))
    told = {"approval": order.approval, "mission": order.mission_id, "decision": order.choice}
    audit.put(connection, "approval_decided", order.by, found.tool, where=where, **told)
    if order.choice in ("conversation", "pattern"):
        remember(connection, _of(found), order)


def withdraw(connection: Connection, mission_id: str, at: datetime, task_id: str | None = None) -> None:
    """Close what nobody has to decide any more, because its mission (or its task) is over."""
    over = _IS_OPEN & (_A.mission_id == mission_id)
    if task_id is not None:
        over &= _A.task_id == task_id
    connection.execute(update(tables.approvals).where(over).values(**_withdrawn(at)))


def _withdrawn(at: datetime) -> dict[str, Any]:
    return {"decision": "withdrawn", "decided_at": at}


def _of(row: Any) -> Approval:
    fields = {name: getattr(row, name) for name in Approval.model_fields}
    edited = None if row.edited is None else json.loads(row.edited)
    return Approval(
        **fields | {"arguments": json.loads(row.arguments), "choices": json.loads(row.choices), "edited": edited}
    )


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _no_such() -> NotFound:
    return NotFound("There is no such approval, or it is not yours to decide.")
