"""Service accounts: people who are programs, without password and login; an administrator answers for each of them."""

from __future__ import annotations

import builtins
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from core.errors import BadInput, Conflict, NotFound, Refused
from core.missions import Value, new_id, now
from memory import audit, tables
from memory.database import Database
from memory.key_terms import PROGRAM_ROLES
from memory.people import User, normal

ROLES = ("member", "viewer")
_A, _U = tables.service_accounts.c, tables.users.c


class ServiceAccount(Value):
    """One program, and who answers for it."""

    user: User
    owner_id: str
    created_at: datetime


class ServiceAccounts:
    """Keeps service accounts; only administrators come here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make(self, owner: User, name: str, role: str) -> ServiceAccount:
        """Make an account that this administrator answers for.

        Raises BadInput for a name or role that cannot be used, Conflict if the name is taken, Refused unless `owner` may.
        """
        _check_may(owner)
        name = normal(name)
        if not name or len(name) > 100:
            raise BadInput("name: please choose a name of 1 to 100 characters.")
        if role not in PROGRAM_ROLES:
            raise BadInput(f"role: a service account is one of {', '.join(PROGRAM_ROLES)}.")
        user = User(id=new_id(), name=name, role=role)
        at, where = now(), audit.came_from.get()

        def work(connection: Connection) -> ServiceAccount:
            if connection.execute(select(_U.id).where(_U.name == name)).first() is not None:
                raise Conflict(f"Somebody is called {name} already. Please choose another name.")
            person = {n: v for n, v in user.model_dump().items() if n in tables.users.c}
            connection.execute(insert(tables.users), person | {"password_hash": "", "created_at": at})
            account = {"user_id": user.id, "owner_id": owner.id, "created_at": at}
            connection.execute(insert(tables.service_accounts), account)
            audit.put(connection, "service_account_made", owner.id, name, where=where, role=role)
            return ServiceAccount(user=user, owner_id=owner.id, created_at=at)

        return await self._database.apply(work, durable=True)

    async def list(self) -> builtins.list[ServiceAccount]:
        """List all of them, by name."""
        joined = tables.service_accounts.join(tables.users, _U.id == _A.user_id)
        query = select(tables.users, _A.owner_id, _A.created_at.label("since")).select_from(joined).order_by(_U.name)
        return [_account(row) for row in await self._database.rows(query)]

    async def get(self, user_id: str) -> ServiceAccount:
        """Return one of them; raises NotFound."""
        found = next((a for a in await self.list() if a.user.id == user_id), None)
        if found is None:
            raise NotFound("There is no such service account.")
        return found

    async def is_one(self, user_id: str) -> bool:
        """Say whether somebody is a program."""
        return bool(await self._database.rows(select(_A.user_id).where(_A.user_id == user_id)))

    async def set_active(self, user_id: str, active: bool, *, by: str) -> None:
        """Let an account rest, or work again; its keys follow at once. Raises NotFound."""
        account, where = await self.get(user_id), audit.came_from.get()

        def work(connection: Connection) -> None:
            changed = update(tables.users).where(_U.id == user_id, _U.active.is_not(active)).values(active=active)
            if connection.execute(changed).rowcount:
                kind = "person_activated" if active else "person_deactivated"
                audit.put(connection, kind, by, account.user.name, where=where)

        await self._database.apply(work, durable=True)

    async def take_over(self, user_id: str, owner: User) -> None:
        """Make another administrator answer for an account; raises NotFound or Refused."""
        _check_may(owner)
        account, where = await self.get(user_id), audit.came_from.get()

        def work(connection: Connection) -> None:
            changed = update(tables.service_accounts).where(_A.user_id == user_id, _A.owner_id != owner.id)
            if connection.execute(changed.values(owner_id=owner.id)).rowcount:
                about = {"before": account.owner_id}
                audit.put(connection, "service_account_taken_over", owner.id, account.user.name, where=where, **about)

        await self._database.apply(work, durable=True)


def _check_may(owner: User) -> None:
    if owner.role not in ("owner", "admin") or not owner.active:
        raise Refused("Only an administrator can have service accounts.")


def _account(row: object) -> ServiceAccount:
    user = User.model_validate({name: getattr(row, name) for name in User.model_fields})
    return ServiceAccount(user=user, owner_id=row.owner_id, created_at=row.since)  # type: ignore[attr-defined]
