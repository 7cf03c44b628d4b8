"""Identities: who an identity provider says somebody is. A person is found by issuer and subject, never by a name alone."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import Field
from sqlalchemy import Connection, delete, insert, select, update

from core.errors import Conflict, NotFound, Refused
from core.missions import Value, new_id, now
from memory import audit, tables
from memory.database import Database
from memory.members import give_role
from memory.people import User, normal
from memory.sessions import TOPIC as SESSIONS

_I, _U = tables.identities.c, tables.users.c


def _came_from() -> str:
    return audit.came_from.get()


class Claimed(Value):
    """What a provider says of who has just signed in there, checked; `email` only if it is verified."""

    issuer: str
    subject: str
    name: str
    email: str = ""
    role: str | None = None
    """The role their groups give; None where groups say nothing."""
    where: str = Field(default_factory=_came_from)
    """Where they come from, for the audit log."""


class Newcomers(Value):
    """What the house does with whom it does not know yet."""

    welcome: bool = False
    role: str = "member"
    by_email: bool = False
    """Whether a verified e-mail address that is a person's name is that person."""


class Identity(Value):
    """One identity of a person."""

    issuer: str
    subject: str
    email: str
    linked_at: datetime
    seen_at: datetime


class Identities:
    """Keeps which identity is whose."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def arrive(self, claimed: Claimed, rules: Newcomers) -> User:
        """Return whose identity this is, with the role their groups give them now.

        Raises Refused if it is nobody's and the house does not welcome newcomers, or if the person was deactivated.
        """

        def work(connection: Connection) -> User:
            person = _arrive(connection, claimed, rules)
            self._database.signals.notify(connection, SESSIONS)  # their role may be another one now
            return person

        return await self._database.apply(work, durable=True)

    async def link(self, user: User, claimed: Claimed) -> None:
        """Make an identity this person's; again changes nothing. Raises Conflict if it is somebody else's."""

        def work(connection: Connection) -> None:
            found = connection.execute(select(_I.user_id).where(_this(claimed))).scalar_one_or_none()
            if found is not None and found != user.id:
                raise Conflict("This identity belongs to another account here. Ask an administrator.")
            if found is None:
                _keep(connection, user, claimed)

        await self._database.apply(work, durable=True)

    async def unlink(self, user_id: str, issuer: str, subject: str, *, passwords: bool = True) -> None:
        """Take an identity away from a person; raises NotFound if it is not theirs, Conflict if they could not log in then.

        `passwords` says whether people log in with passwords here; who came by an identity may have none.
        """
        where = audit.came_from.get()

        def work(connection: Connection) -> None:
            which = (_I.issuer == issuer) & (_I.subject == subject) & (_I.user_id == user_id)
            if connection.execute(delete(tables.identities).where(which)).rowcount == 0:
                raise NotFound("There is no such identity, or it is not yours.")
            person = connection.execute(select(_U.name, _U.password_hash).where(_U.id == user_id)).one()
            left = connection.execute(select(_I.subject).where(_I.user_id == user_id)).first()
            if left is None and not (passwords and person.password_hash):
                raise Conflict("This is your only way to log in. Connect another identity first.")
            audit.put(connection, "identity_unlinked", user_id, person.name, where=where, issuer=issuer)

        await self._database.apply(work, durable=True)

    async def of_user(self, user_id: str) -> Sequence[Identity]:
        """List a person's identities, the oldest first."""
        query = select(tables.identities).where(_I.user_id == user_id).order_by(_I.linked_at, _I.subject)
        rows = await self._database.rows(query)
        return [Identity(**{name: getattr(row, name) for name in Identity.model_fields}) for row in rows]


def _arrive(connection: Connection, claimed: Claimed, rules: Newcomers) -> User:
    known = connection.execute(select(_I.user_id).where(_this(claimed))).scalar_one_or_none()
    user = _person(connection, _U.id == known) if known is not None else _known_by_email(connection, claimed, rules)
    if user is None:
        user = _newcomer(connection, claimed, rules)
    elif known is None:
        _keep(connection, user, claimed)
    if not user.active:
        raise Refused("Your account here was deactivated. Ask an administrator.")
    seen = {"seen_at": now(), "email": claimed.email[:320]}
    connection.execute(update(tables.identities).where(_this(claimed)).values(**seen))
    return _with_role(connection, user, claimed)


def _known_by_email(connection: Connection, claimed: Claimed, rules: Newcomers) -> User | None:
    if not rules.by_email or not claimed.email:
        return None
    user = _person(connection, _U.name == normal(claimed.email))
    service = tables.service_accounts.c.user_id
    if user is None or connection.execute(select(service).where(service == user.id)).first() is not None:
        return None
    return user


def _newcomer(connection: Connection, claimed: Claimed, rules: Newcomers) -> User:
    if not rules.welcome:
        raise Refused(
            "Nobody here has this identity. If you have an account, log in with its password and connect the identity on your "
            "own page; otherwise ask an administrator to invite you."
        )
    user = User(id=new_id(), name=_free_name(connection, claimed), role=claimed.role or rules.role)
    person = {name: value for name, value in user.model_dump().items() if name in tables.users.c}
    connection.execute(insert(tables.users), person | {"password_hash": "", "created_at": now()})
    audit.put(connection, "person_joined", user.id, user.name, where=claimed.where, how="oidc", role=user.role)
    _keep(connection, user, claimed)
    return user


def _with_role(connection: Connection, user: User, claimed: Claimed) -> User:
    """Give a person the role their groups say; an owner stays one, whatever a provider says."""
    role = claimed.role
    if role is None or user.role in (role, "owner"):
        return user
    give_role(connection, user.id, role)
    details = {"old": user.role, "new": role, "how": "groups of the identity provider"}
    audit.put(connection, "role_changed", user.id, user.name, where=claimed.where, **details)
    return user.model_copy(update={"role": role, "token_version": user.token_version + 1})


def _keep(connection: Connection, user: User, claimed: Claimed) -> None:
    row = {"issuer": claimed.issuer, "subject": claimed.subject, "user_id": user.id, "email": claimed.email[:320]}
    connection.execute(insert(tables.identities), row | {"linked_at": now(), "seen_at": now()})
    audit.put(connection, "identity_linked", user.id, user.name, where=claimed.where, issuer=claimed.issuer)


def _free_name(connection: Connection, claimed: Claimed) -> str:
    """Find a name that nobody has: somebody who has it already is never the same person."""
    wanted = normal("".join(c for c in unicodedata.normalize("NFKC", claimed.name) if c.isprintable()))[:90] or "guest"
    name, number = wanted, 2
    while connection.execute(select(_U.id).where(_U.name == name)).first() is not None:
        name, number = f"{wanted} {number}", number + 1
    return name


def _this(claimed: Claimed) -> Any:
    return (_I.issuer == claimed.issuer) & (_I.subject == claimed.subject)


def _person(connection: Connection, which: Any) -> User | None:
    row = connection.execute(select(tables.users).where(which)).first()
    return None if row is None else User(**{name: getattr(row, name) for name in User.model_fields})
