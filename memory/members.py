"""Members of the house: who belongs to it, what they may do, and how they leave. Every change is on record with who made it.

Whoever changes something is looked up anew in the same transaction (`by`, a user's id; "" is whoever has the machine
itself). A change ends the sessions of the one it concerns. One active owner is always left.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, exists, func, select, update

from core.errors import BadInput, Conflict, NotFound, Refused
from core.missions import Value, now
from core.steering import RIGHTS, Right, denial, may
from memory import audit, tables
from memory.database import Database
from memory.sessions import TOPIC as SESSIONS

LEAVING = "leaving"
"""Signalled when somebody is to be removed with all that is theirs."""
_U, _S, _I = tables.users.c, tables.sessions.c, tables.identities.c
_PROGRAM = exists().where(tables.service_accounts.c.user_id == _U.id)
_CAN_SIGN_IN = (_U.password_hash != "") | exists().where(_I.user_id == _U.id)


class Member(Value):
    """One person as others see them in the list; `seen_at` is when they last did something here."""

    id: str
    name: str
    role: str
    active: bool
    created_at: datetime
    seen_at: datetime | None = None


class Members:
    """Keeps the members; see above for who may change whom."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def list(self) -> builtins.list[Member]:
        """List the people of the house by name; programs (service accounts) and who is leaving are not among them."""
        query = select(tables.users).where(_U.leaving_at.is_(None), ~_PROGRAM).order_by(_U.name)
        return [_member(row) for row in await self._database.rows(query)]

    async def get(self, user_id: str) -> Member:
        """Return one of them; raises NotFound."""
        return next((m for m in await self.list() if m.id == user_id), None) or _raise(_no_such())

    async def set_role(self, user_id: str, role: str, by: str) -> None:
        """Give a person another role; what the new one does not allow ends: links, schedules.

        Raises NotFound, BadInput for an unknown role, Refused if `by` may not, Conflict if no owner would be left.
        """
        if role not in RIGHTS:
            raise BadInput(f"role: it must be one of {', '.join(RIGHTS)}.")

        def change(connection: Connection, person: Any) -> bool:
            if person.role == role:
                return False
            if role == "owner":
                _check(connection, by, Right.OWNERS)
            if person.role == "owner":
                _check_owner_left(connection, user_id)
            give_role(connection, user_id, role)
            return True

        await self._change(user_id, by, "role_changed", change, after=role)

    async def set_active(self, user_id: str, active: bool, by: str) -> None:
        """Let a person in again, or out; whoever is out has no session, and their schedules rest.

        Raises NotFound, Refused if `by` may not, Conflict for oneself or if no owner would be left.
        """

        def change(connection: Connection, person: Any) -> bool:
            if bool(person.active) == active:
                return False
            if not active:
                _check_other(person, by, "deactivate")
                if person.role == "owner":
                    _check_owner_left(connection, user_id)
                _rest(connection, user_id)
            _set(connection, user_id, active=active)
            return True

        await self._change(user_id, by, "person_activated" if active else "person_deactivated", change)

    async def check_may_change(self, user_id: str, by: str) -> None:
        """Raise NotFound if there is no such person, Refused if `by` may not change them: an owner only owners may."""

        def work(connection: Connection) -> None:
            _check(connection, by, Right.PEOPLE)
            if find_member(connection, user_id).role == "owner":
                _check(connection, by, Right.OWNERS)

        await self._database.apply(work)

    async def begin_leaving(self, user_id: str, by: str) -> None:
        """Put a person out for good; what is theirs is removed from here on, see graphs/leaving.py.

        Raises NotFound, Refused if `by` may not, Conflict for oneself or if no owner would be left.
        """

        def change(connection: Connection, person: Any) -> bool:
            _check_other(person, by, "delete")
            if person.role == "owner":
                _check_owner_left(connection, user_id)
            _rest(connection, user_id)
            _set(connection, user_id, active=False, password_hash="", leaving_at=now())
            connection.execute(
                update(tables.shares)
                .where(tables.shares.c.user_id == user_id, tables.shares.c.revoked_at.is_(None))
                .values(revoked_at=now())
            )
            self._database.signals.notify(connection, LEAVING)
            return True

        await self._change(user_id, by, "person_deleted", change)

    async def leaving(self) -> builtins.list[str]:
        """Name those (by id) who are to be removed with all that is theirs."""
        query = select(_U.id).where(_U.leaving_at.is_not(None)).order_by(_U.leaving_at)
        return [row.id for row in await self._database.rows(query)]

    async def conversations_of(self, user_id: str) -> builtins.list[str]:
        """Name every conversation of a person, also those in which nothing was said."""
        mine = tables.conversations.c.user_id == user_id
        return [row.id for row in await self._database.rows(select(tables.conversations.c.id).where(mine))]

    async def indexed_of(self, user_id: str) -> builtins.list[str]:
        """Name everything of a person that can be found by its words or its meaning."""
        passages = tables.passages.c
        query = select(passages.origin_id).where(passages.user_id == user_id).distinct()
        return [row.origin_id for row in await self._database.rows(query)]

    async def remove(self, user_id: str) -> None:
        """Remove the row of somebody who is leaving, with what hangs on it; their conversations must be gone before."""
        gone = delete(tables.users).where(_U.id == user_id, _U.leaving_at.is_not(None))
        await self._database.write((gone, None), durable=True)

    async def _change(
        self, user_id: str, by: str, kind: str, change: Callable[[Connection, Any], bool], **details: object
    ) -> None:
        where = audit.came_from.get()

        def work(connection: Connection) -> None:
            _check(connection, by, Right.PEOPLE)
            person = find_member(connection, user_id)
            if person.role == "owner":
                _check(connection, by, Right.OWNERS)
            before = {"before": person.role} if kind == "role_changed" else {}
            if change(connection, person):
                audit.put(connection, kind, by, person.name, where=where, **before, **details)
                self._database.signals.notify(connection, SESSIONS)

        await self._database.apply(work, durable=True)


def find_member(connection: Connection, user_id: str) -> Any:
    """Return the row of a person of the house; raises NotFound for programs and for who is leaving."""
    which: ColumnElement[bool] = (_U.id == user_id) & _U.leaving_at.is_(None) & ~_PROGRAM
    found = connection.execute(select(tables.users).where(which).with_for_update()).one_or_none()
    return _raise(_no_such()) if found is None else found


def check_right(connection: Connection, by: str, right: Right) -> None:
    """Raise Refused unless a person has a right just now ("" is whoever has the machine itself: they have all)."""
    _check(connection, by, right)


def _check(connection: Connection, by: str, right: Right) -> None:
    if by == "":
        return
    found = connection.execute(select(_U.role).where(_U.id == by, _U.active)).scalar_one_or_none()
    if not may(found or "", right):
        raise Refused(denial(found or "", right))


def _check_other(person: Any, by: str, verb: str) -> None:
    if person.id == by:
        raise Conflict(f"You cannot {verb} yourself. Another owner or admin can do it.")


def _check_owner_left(connection: Connection, but: str) -> None:
    others = (_U.role == "owner") & _U.active & (_U.id != but) & _U.leaving_at.is_(None) & _CAN_SIGN_IN & ~_PROGRAM
    if not connection.execute(select(func.count()).select_from(tables.users).where(others)).scalar_one():
        raise Conflict("This is the last owner, and a house needs one. Make somebody else an owner first.")


def give_role(connection: Connection, user_id: str, role: str) -> None:
    """Change a person's role as part of work that is written: their sessions are over, and what it does not allow ends."""
    _set(connection, user_id, role=role)
    _take_back(connection, user_id, role)


def _set(connection: Connection, user_id: str, **values: object) -> None:
    """Change a person; sessions of the version before are over."""
    changed = update(tables.users).where(_U.id == user_id)
    connection.execute(changed.values(token_version=_U.token_version + 1, **values))


def _rest(connection: Connection, user_id: str) -> None:
    schedules = tables.schedules.c
    connection.execute(update(tables.schedules).where(schedules.user_id == user_id).values(active=False, next_at=None))


def _take_back(connection: Connection, user_id: str, role: str) -> None:
    """End what a new role does not allow: schedules, links, and that links are open to everybody."""
    links = tables.shares.c
    theirs = update(tables.shares).where(links.user_id == user_id, links.revoked_at.is_(None))
    if not may(role, Right.WORK):
        _rest(connection, user_id)
    if not may(role, Right.SHARE):
        connection.execute(theirs.values(revoked_at=now()))
    elif not may(role, Right.SHARE_PUBLIC):
        connection.execute(theirs.where(links.audience == "public").values(audience="people"))


def _member(row: Any) -> Member:
    return Member(**{name: getattr(row, name) for name in Member.model_fields})


def _no_such() -> NotFound:
    return NotFound("There is no such person.")


def _raise(problem: Exception) -> Any:
    raise problem
