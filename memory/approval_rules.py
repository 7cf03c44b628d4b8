"""Decisions that people had remembered: for one conversation, or for calls that look like a pattern; until a day or a word."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, insert, or_, select, update

from core.decisions import looks_like
from core.errors import BadInput, NotFound
from core.missions import Value, derived_id, now
from core.ports import Wish
from core.steering import Order
from memory import audit, tables
from memory.database import Database

if TYPE_CHECKING:
    from memory.approvals import Approval

LASTS = timedelta(days=30)
"""How long a decision is remembered if the person names no day."""
LONGEST = timedelta(days=366)
_R = tables.approval_rules.c


class ApprovalRule(Value):
    """One remembered decision; `conversation_id` None is every conversation, `pattern` None any arguments."""

    id: str
    tool: str
    conversation_id: str | None
    pattern: dict[str, str] | None
    approval_id: str
    created_at: datetime
    expires_at: datetime


class ApprovalRules:
    """Keeps what people had remembered; nobody can see or revoke another person's."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_user(self, user_id: str) -> list[ApprovalRule]:
        """List the rules in force, the newest first."""
        mine = (_R.user_id == user_id) & _R.revoked_at.is_(None) & (_R.expires_at > now())
        query = select(tables.approval_rules).where(mine).order_by(_R.created_at.desc(), _R.id)
        return [_of(row) for row in await self._database.rows(query)]

    async def revoke(self, rule_id: str, user_id: str) -> None:
        """End a rule at once; raises NotFound if there is none, or if it is not this user's."""
        where = audit.came_from.get()

        def work(connection: Connection) -> None:
            this = (_R.id == rule_id) & (_R.user_id == user_id) & _R.revoked_at.is_(None)
            tool = connection.execute(select(_R.tool).where(this)).scalar_one_or_none()
            if tool is None:
                raise NotFound("There is no such remembered decision.")
            connection.execute(update(tables.approval_rules).where(this).values(revoked_at=now()))
            audit.put(connection, "approval_rule_revoked", user_id, tool, where=where)

        await self._database.apply(work, durable=True)


def covered(connection: Connection, wish: Wish) -> bool:
    """Say whether a remembered decision of the user covers a call; one that must be decided each time is never covered."""
    if "pattern" not in wish.choices:
        return False
    mine = (_R.user_id == wish.user_id) & (_R.tool == wish.tool) & _R.revoked_at.is_(None) & (_R.expires_at > now())
    here = or_(_R.conversation_id.is_(None), _R.conversation_id == wish.conversation_id)
    rows = connection.execute(select(_R.pattern).where(mine, here)).scalars()
    return any(pattern is None or matches(json.loads(pattern), wish.arguments) for pattern in rows)


def remember(connection: Connection, approval: Approval, order: Order) -> None:
    """Keep a decision for later calls: in the same conversation with any arguments, or anywhere by a pattern."""
    here = order.choice == "conversation"
    row = {
        "id": derived_id("approval rule", approval.id),
        "user_id": approval.user_id,
        "conversation_id": approval.conversation_id if here else None,
        "tool": approval.tool,
        "pattern": None if here else json.dumps(pattern_of(approval.arguments, order.arguments or {})),
        "approval_id": approval.id,
        "created_at": now(),
        "expires_at": order.until or now() + LASTS,
    }
    connection.execute(insert(tables.approval_rules), row)


def pattern_of(arguments: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, str]:
    """Complete a pattern: every argument it does not name must be as it was. Raises BadInput for one that cannot be used.

    In a pattern * stands for anything, but never within the host of a web address.
    """
    for name, wanted in given.items():
        if name not in arguments:
            raise BadInput(f"{name}: the call has no such argument. It has: {', '.join(arguments) or 'none'}.")
        if not isinstance(wanted, str) or not wanted:
            raise BadInput(f"{name}: a pattern is a text, such as https://example.org/* (a * stands for anything).")
        _check_host(name, wanted, arguments[name])
    pattern = offered_pattern(arguments) | {name: str(wanted) for name, wanted in given.items()}
    if not matches(pattern, arguments):
        raise BadInput("This pattern does not even fit the call that is being decided.")
    return pattern


def offered_pattern(arguments: Mapping[str, Any]) -> dict[str, str]:
    """Write the pattern that fits exactly these arguments, for a person to loosen."""
    return {name: _escaped(_text(value)) for name, value in arguments.items()}


def matches(pattern: Mapping[str, str], arguments: Mapping[str, Any]) -> bool:
    """Say whether a call's arguments are the ones of a pattern, no more and no fewer, and each looks like it."""
    return set(pattern) == set(arguments) and all(looks_like(pattern[n], _text(v)) for n, v in arguments.items())


def check_until(until: datetime | None, at: datetime) -> None:
    """Raise BadInput if at this time the day is over, too far away, or of no time zone."""
    if until is None:
        return
    if until.tzinfo is None:
        raise BadInput("until: say the time zone too, such as 2027-01-31T12:00:00Z.")
    if not at < until <= at + LONGEST:
        raise BadInput(f"until: choose a time from now on, {LONGEST.days} days away at most.")


def _check_host(name: str, wanted: str, value: Any) -> None:
    is_address = "://" in wanted or (isinstance(value, str) and "://" in value)
    scheme, _, rest = wanted.partition("://")
    host = re.split(r"[/?#]", rest, maxsplit=1)[0]
    if is_address and ("*" in scheme + host or "@" in host or not host or not rest.startswith(host + "/")):
        known = urlsplit(value).netloc if isinstance(value, str) and "://" in value else "example.org"
        raise BadInput(f"{name}: write the address's beginning out, up to the / after its host: https://{known}/*")


def _escaped(text: str) -> str:
    return text.replace("*", "\\*")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _of(row: Any) -> ApprovalRule:
    pattern = None if row.pattern is None else json.loads(row.pattern)
    return ApprovalRule(
        **{name: getattr(row, name) for name in ApprovalRule.model_fields if name != "pattern"}, pattern=pattern
    )
