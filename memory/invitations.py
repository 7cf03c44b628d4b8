"""Ways in: invitations, and links with which a person sets a new password. Each works once; only a hash of it is kept."""

from __future__ import annotations

import builtins
import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from core.errors import BadInput, Conflict, NotFound, Refused
from core.missions import Value, new_id, now
from core.steering import RIGHTS, Right, may
from memory import audit, tables
from memory.database import Database
from memory.members import check_right, find_member
from memory.people import People, User, named
from memory.sessions import TOPIC, digest
from memory.statements import insert_once

INVITATION_DAYS = 7
RESET_LASTS = timedelta(hours=24)
INVITED = (
    "This invitation was made already, and nothing was made now. Its link is shown only once: if you did not copy it, revoke "
    "the invitation and make another."
)
RESET_MADE = (
    "This link was made already, and nothing was made now: the one that was shown still works. It is shown only once: if you "
    "did not copy it, make another, which ends it."
)
_I, _R, _U = tables.invitations.c, tables.reset_links.c, tables.users.c


class Invitation(Value):
    """One invitation, without its link; `name` and `email` are notes of who made it."""

    id: str
    role: str
    name: str
    email: str
    made_by: str
    created_at: datetime
    expires_at: datetime


class Invitations:
    """Keeps the ways in."""

    def __init__(self, database: Database, people: People) -> None:
        self._database, self._people = database, people

    async def make(
        self,
        by: str,
        role: str,
        *,
        name: str = "",
        email: str = "",
        days: int = INVITATION_DAYS,
        invitation_id: str = "",
    ) -> tuple[Invitation, str]:
        """Invite somebody; returns the invitation and its token, which is shown once and kept nowhere.

        `invitation_id` is the id it gets, where its maker chose one before. Raises BadInput for a role, name or number of
        days that cannot be used, Refused if `by` may not, Conflict if an invitation with that id was made before.
        """
        if role not in RIGHTS:
            raise BadInput(f"role: it must be one of {', '.join(RIGHTS)}.")
        if not 1 <= days <= 90:
            raise BadInput("days: an invitation works for 1 to 90 days.")
        if len(name) > 100 or len(email) > 200:
            raise BadInput("name: at most 100 characters; email: at most 200.")
        token, at, where = secrets.token_urlsafe(32), now(), audit.came_from.get()
        made = Invitation(
            id=invitation_id or new_id(),
            role=role,
            name=_clean(name),
            email=_clean(email),
            made_by=by,
            created_at=at,
            expires_at=at + timedelta(days=days),
        )

        def work(connection: Connection) -> None:
            check_right(connection, by, Right.PEOPLE)
            if role == "owner":
                check_right(connection, by, Right.OWNERS)
            insert_once(connection, tables.invitations, made.model_dump() | {"token_hash": digest(token)}, INVITED)
            audit.put(connection, "person_invited", by, made.name or made.email, where=where, role=role)

        await self._database.apply(work, durable=True)
        return made, token

    async def list(self) -> builtins.list[Invitation]:
        """List the invitations that still work, newest first."""
        query = select(tables.invitations).where(_open()).order_by(_I.created_at.desc(), _I.id)
        return [_invitation(row) for row in await self._database.rows(query)]

    async def revoke(self, invitation_id: str, by: str) -> None:
        """End an invitation; raises NotFound if there is none that works, Refused if `by` may not."""
        where = audit.came_from.get()

        def work(connection: Connection) -> None:
            check_right(connection, by, Right.PEOPLE)
            this = (_I.id == invitation_id) & _open()
            found = connection.execute(select(tables.invitations).where(this)).one_or_none()
            if found is None:
                raise NotFound("There is no such invitation, or it does not work any more.")
            connection.execute(update(tables.invitations).where(this).values(revoked_at=now()))
            audit.put(connection, "invitation_revoked", by, found.name or found.email, where=where, role=found.role)

        await self._database.apply(work, durable=True)

    async def look(self, token: str) -> Invitation:
        """Show what an invitation offers; raises the same NotFound for unknown, used, revoked and expired ones."""
        return await self._database.apply(lambda c: _invitation(_offered(c, token)))

    async def accept(self, token: str, name: str, password: str) -> User:
        """Make the account somebody was invited to.

        Raises NotFound as `look` does, BadInput for a name or password that cannot be used, Conflict for a name that is taken.
        """
        name = named(name)
        await self.look(token)  # before the costly part
        password_hash = await self._people.hashed(password)
        where = audit.came_from.get()

        def work(connection: Connection) -> User:
            offered = _offered(connection, token)
            if connection.execute(select(_U.id).where(_U.name == name)).first() is not None:
                raise Conflict(f"Somebody is called {name} here already. Please choose another name.")
            user = User(id=new_id(), name=name, role=offered.role)
            row = user.model_dump(include=set(tables.users.c.keys())) | {"created_at": now()}
            connection.execute(insert(tables.users), row | {"password_hash": password_hash})
            used = update(tables.invitations).where(_I.id == offered.id)
            connection.execute(used.values(used_at=now(), used_by=name))
            audit.put(connection, "person_joined", user.id, name, where=where, role=user.role)
            return user

        return await self._database.apply(work, durable=True)

    async def make_reset(self, user_id: str, by: str, *, link_id: str = "") -> str:
        """Make the link's token with which a person sets a new password, within a day; earlier ones are void.

        Raises NotFound, or Refused if `by` may not (for an owner, only an owner may), or if the person is deactivated, or
        Conflict if a link with `link_id`, which its maker chose before, was made already; that one still works then.
        """
        token, at, where = secrets.token_urlsafe(32), now(), audit.came_from.get()

        def work(connection: Connection) -> None:
            check_right(connection, by, Right.PEOPLE)
            person = find_member(connection, user_id)
            if person.role == "owner":
                check_right(connection, by, Right.OWNERS)
            if not person.active:
                raise Refused(f"{person.name} is deactivated. Activate them first.")
            program = select(tables.service_accounts.c.user_id).where(tables.service_accounts.c.user_id == user_id)
            if connection.execute(program).first() is not None:
                raise Refused(f"{person.name} is a service account: it has keys, and no password.")
            _void(connection, user_id)
            row = {"id": link_id or new_id(), "token_hash": digest(token), "user_id": user_id, "made_by": by}
            times = {"created_at": at, "expires_at": at + RESET_LASTS}
            insert_once(connection, tables.reset_links, row | times, RESET_MADE)
            audit.put(connection, "reset_link_made", by, person.name, where=where)

        await self._database.apply(work, durable=True)
        return token

    async def whose_reset(self, token: str) -> str:
        """Name the person a reset link is for; raises the same NotFound for unknown, used and expired ones."""
        return await self._database.apply(lambda c: str(_resettable(c, token).name))

    async def reset(self, token: str, password: str) -> User:
        """Set a new password by a link, and end every session of the person; raises NotFound or BadInput."""
        await self.whose_reset(token)
        password_hash = await self._people.hashed(password)
        where = audit.came_from.get()

        def work(connection: Connection) -> User:
            person = _resettable(connection, token)
            _void(connection, person.id)
            version = person.token_version + 1
            values = {"password_hash": password_hash, "token_version": version}
            connection.execute(update(tables.users).where(_U.id == person.id).values(**values))
            audit.put(connection, "password_reset", person.id, person.name, where=where)
            self._database.signals.notify(connection, TOPIC)
            return User(id=person.id, name=person.name, role=person.role, token_version=version)

        return await self._database.apply(work, durable=True)


def _open() -> Any:
    return _I.used_at.is_(None) & _I.revoked_at.is_(None) & (_I.expires_at > now())


def _offered(connection: Connection, token: str) -> Any:
    """Find an invitation that works: whoever made it must still be able to give that role."""
    query = select(tables.invitations, _U.role.label("giver")).join(tables.users, _U.id == _I.made_by)
    found = connection.execute(query.where(_I.token_hash == digest(token), _open(), _U.active)).one_or_none()
    right = Right.OWNERS if found is not None and found.role == "owner" else Right.PEOPLE
    if found is None or not may(found.giver, right):
        raise NotFound("This invitation does not work any more. Ask the person who sent it for a new one.")
    return found


def _resettable(connection: Connection, token: str) -> Any:
    good = (_R.token_hash == digest(token)) & _R.used_at.is_(None) & (_R.expires_at > now()) & _U.active
    found = connection.execute(
        select(tables.users).join(tables.reset_links, _R.user_id == _U.id).where(good)
    ).one_or_none()
    if found is None:
        raise NotFound("This link does not work any more. Ask an owner or admin for a new one.")
    return found


def _void(connection: Connection, user_id: str) -> None:
    unused = update(tables.reset_links).where(_R.user_id == user_id, _R.used_at.is_(None))
    connection.execute(unused.values(used_at=now()))


def _clean(text: str) -> str:
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def _invitation(row: Any) -> Invitation:
    return Invitation(**{name: getattr(row, name) for name in Invitation.model_fields})
