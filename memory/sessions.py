"""Sessions: who is signed in where. A browser holds a signed token; whether it still counts is decided here, every time."""

from __future__ import annotations

import builtins
import hashlib
import secrets
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, delete, insert, select, update

from core.errors import NotFound, Refused
from core.missions import Value, new_id, now
from memory import audit, tables
from memory.database import Database
from memory.people import User

TOPIC = "sessions"
"""Signalled whenever sessions end before their time."""
NOTED_EVERY = timedelta(minutes=1)
"""How exactly it is known when a session was last used."""
REMEMBERED = timedelta(days=30)
_CHUNK = 500
_S, _U = tables.sessions.c, tables.users.c


class Session(Value):
    """One place where a person is signed in."""

    id: str
    user_id: str
    how: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime
    agent: str = ""
    address: str = ""


class Origin(NamedTuple):
    """Where somebody signs in from, and how: password, invitation, reset, oidc ..."""

    how: str
    agent: str = ""
    address: str = ""


class Sessions:
    """Keeps sessions; one ends `idle` after it was last used and `longest` after it began, or when somebody ends it."""

    def __init__(self, database: Database, idle: timedelta, longest: timedelta) -> None:
        self._database, self._idle, self._longest = database, idle, longest

    async def open(self, user: User, origin: Origin) -> tuple[Session, str]:
        """Begin a session and return it with its token, which is kept nowhere; it is on record as a sign-in.

        Raises Refused if the person was deactivated, or changed their password, since `user` was read.
        """
        token, at = secrets.token_urlsafe(32), now()
        opened = Session(
            id=new_id(),
            user_id=user.id,
            how=origin.how,
            created_at=at,
            seen_at=at,
            expires_at=at + self._longest,
            agent=_printable(origin.agent)[:300],
            address=origin.address[:100],
        )
        row = opened.model_dump() | {"token_hash": digest(token), "token_version": user.token_version}

        def work(connection: Connection) -> None:
            unchanged = (_U.id == user.id) & _U.active & (_U.token_version == user.token_version)
            if connection.execute(select(_U.id).where(unchanged)).first() is None:
                raise Refused("This account was changed a moment ago. Please sign in again.")
            connection.execute(delete(tables.sessions).where(_S.expires_at < at - REMEMBERED))
            connection.execute(insert(tables.sessions), row)
            connection.execute(update(tables.users).where(_U.id == user.id).values(seen_at=at))
            audit.put(
                connection, "signed_in", user.id, user.name, where=opened.address, how=origin.how, browser=opened.agent
            )

        await self._database.apply(work, durable=True)
        return opened, token

    async def find(self, token: str) -> tuple[Session, User] | None:
        """Return the session a token belongs to with its person as they are now; None if it has ended, or never was."""
        rows = await self._database.rows(self._living(_S.token_hash == digest(token)))
        if not rows:
            return None
        row = rows[0]
        session = _session(row)
        await self._seen(session)
        user = User(id=session.user_id, name=row.name, role=row.role, active=True, token_version=row.token_version)
        return session, user

    async def whose(self, token: str) -> str:
        """Name the person (id) whose session a token is or was; "" for one that is unknown."""
        rows = await self._database.rows(select(_S.user_id).where(_S.token_hash == digest(token)))
        return str(rows[0].user_id) if rows else ""

    async def of_user(self, user_id: str) -> builtins.list[Session]:
        """List the places where a person is signed in, the one used last first."""
        query = self._living(_S.user_id == user_id).order_by(_S.seen_at.desc(), _S.id)
        return [_session(row) for row in await self._database.rows(query)]

    async def end(self, session_id: str, user_id: str, *, by: str = "") -> None:
        """End one session of a person now; raises NotFound if it is not theirs, or has ended."""
        where = audit.came_from.get()

        def work(connection: Connection) -> None:
            this = (_S.id == session_id) & (_S.user_id == user_id) & _S.revoked_at.is_(None)
            ended = connection.execute(update(tables.sessions).where(this).values(revoked_at=now()))
            if ended.rowcount == 0:
                raise NotFound("There is no such session, or it has ended.")
            name = connection.execute(select(_U.name).where(_U.id == user_id)).scalar_one()
            audit.put(connection, "session_ended", by or user_id, name, where=where, sessions=1)
            self._database.signals.notify(connection, TOPIC)

        await self._database.apply(work, durable=True)

    async def sign_out(self, session_id: str) -> None:
        """End the session of somebody who signs out; one that has ended already stays as it is."""
        where = audit.came_from.get()

        def work(connection: Connection) -> None:
            this = (_S.id == session_id) & _S.revoked_at.is_(None)
            found = connection.execute(
                select(_U.id, _U.name).join(tables.sessions, _S.user_id == _U.id).where(this)
            ).first()
            if found is None:
                return
            connection.execute(update(tables.sessions).where(this).values(revoked_at=now()))
            audit.put(connection, "signed_out", found.id, found.name, where=where)
            self._database.signals.notify(connection, TOPIC)

        await self._database.apply(work, durable=True)

    async def end_others(self, user_id: str, keep: str, *, by: str = "") -> int:
        """End all sessions of a person but one ("" keeps none); returns how many ended."""
        where = audit.came_from.get()

        def work(connection: Connection) -> int:
            count = revoke(connection, _S.user_id == user_id, _S.id != keep)
            name = connection.execute(select(_U.name).where(_U.id == user_id)).scalar_one_or_none()
            if count and name is not None:
                audit.put(connection, "session_ended", by or user_id, name, where=where, sessions=count)
                self._database.signals.notify(connection, TOPIC)
            return count

        return await self._database.apply(work, durable=True)

    async def ended(self, ids: Collection[str]) -> set[str]:
        """Find those of some sessions (by id) that do not count any more, for whatever reason."""
        living: set[str] = set()
        for some in _chunks(ids):
            living |= {row.id for row in await self._database.rows(self._living(_S.id.in_(some)))}
        return set(ids) - living

    async def used(self, session_id: str) -> bool:
        """Say whether a session (by id) still counts, and note that it was used."""
        rows = await self._database.rows(self._living(_S.id == session_id))
        for row in rows:
            await self._seen(_session(row))
        return bool(rows)

    async def _seen(self, session: Session) -> None:
        at = now()
        if at - session.seen_at < NOTED_EVERY:
            return
        await self._database.write(
            (update(tables.sessions).where(_S.id == session.id).values(seen_at=at), None),
            (update(tables.users).where(_U.id == session.user_id).values(seen_at=at), None),
        )

    def _living(self, which: ColumnElement[bool]) -> Select[Any]:
        at = now()
        counts = _S.revoked_at.is_(None) & (_S.expires_at > at) & (_S.seen_at > at - self._idle)
        unchanged = _U.active & (_U.token_version == _S.token_version)
        query = select(tables.sessions, _U.name, _U.role).join(tables.users, _U.id == _S.user_id)
        return query.where(which, counts, unchanged)


def revoke(connection: Connection, *which: ColumnElement[bool]) -> int:
    """End sessions as part of work that is written; returns how many ended."""
    ended = update(tables.sessions).where(*which, _S.revoked_at.is_(None)).values(revoked_at=now())
    return connection.execute(ended).rowcount


def digest(token: str) -> str:
    """Name a token without giving it away (SHA-256, hex): tokens are long and random, so this is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def _printable(text: str) -> str:
    return "".join(letter for letter in text if letter.isprintable())


def _chunks(ids: Collection[str]) -> Iterable[list[str]]:
    every = list(ids)
    return (every[n : n + _CHUNK] for n in range(0, len(every), _CHUNK))


def _session(row: Any) -> Session:
    return Session(**{name: getattr(row, name) for name in Session.model_fields})
