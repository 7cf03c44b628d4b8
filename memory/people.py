"""People: the owner's set-up, and who may log in."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import unicodedata
from datetime import timedelta
from functools import cached_property
from typing import Any

from pwdlib import PasswordHash
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from core.errors import BadInput, Conflict, NotFound, Refused
from core.missions import Value, new_id, now
from core.steering import Right, denial, may
from memory import audit, tables
from memory.database import Database
from memory.throttle import Throttle, TooManyAttempts

LEAST_PASSWORD = 10
SETUP_LASTS = timedelta(hours=24)
NOTED_EVERY = timedelta(minutes=1)
_U, _T, _S = tables.users.c, tables.setup_tokens.c, tables.sessions.c
_CAN_LOG_IN = _U.password_hash != ""


class User(Value):
    """One person; a session made for another `token_version` is over."""

    id: str
    name: str
    role: str  # owner | admin | member | viewer
    active: bool = True
    token_version: int = 1


class People:
    """Knows everyone who may use this house."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._throttle = Throttle(database)
        self._hashing = asyncio.Semaphore(2)  # argon2 takes 64 MB each time

    async def count(self) -> int:
        """Count the people who can log in; 0 means that the owner is still to be set up."""
        async with self._database.reading() as connection:
            return int((await connection.execute(select(func.count()).where(_CAN_LOG_IN))).scalar_one())

    async def new_setup_token(self) -> str:
        """Make the token that lets one person become the owner, once, within 24 hours; an earlier one is void.

        Raises Conflict if there is an owner already.
        """
        token = secrets.token_urlsafe(32)

        def work(connection: Connection) -> None:
            _check_no_owner(connection)
            connection.execute(delete(tables.setup_tokens))
            row = {"token_hash": _digest(token), "created_at": now(), "expires_at": now() + SETUP_LASTS}
            connection.execute(insert(tables.setup_tokens), row)

        await self._database.apply(work, durable=True)
        return token

    async def create_owner(self, token: str, name: str, password: str) -> User:
        """Set up the owner; who worked here without a login before (in the terminal) becomes that owner.

        Raises BadInput for a name or password that cannot be used, Refused for a token that is unknown, used or expired,
        Conflict if there is an owner already.
        """
        name = named(name)
        check_password(password)
        await self._database.apply(lambda c: _check_token(c, token))  # before the costly part
        password_hash, where = await self.hashed(password), audit.came_from.get()

        def work(connection: Connection) -> User:
            user = _set_up(connection, token, name, password_hash)
            audit.put(connection, "owner_set_up", user.id, user.name, where=where)
            return user

        return await self._database.apply(work, durable=True)

    async def hashed(self, password: str) -> str:
        """Hash a password that somebody chose; raises BadInput for one that cannot be used."""
        check_password(password)
        async with self._hashing:
            return await asyncio.to_thread(self._argon.hash, password)

    async def change_password(self, user_id: str, old: str, new: str, keep: str) -> None:
        """Give a person who knows the old password another one; all their sessions end but `keep` (by id).

        Raises BadInput for a new one that cannot be used, Refused if the old one is wrong, TooManyAttempts as `verify`.
        """
        person = await self.get(user_id)
        check_password(new)
        try:
            await self.verify(person.name, old, audit.came_from.get())
        except TooManyAttempts:
            raise
        except Refused:
            raise Refused("That is not your password now.") from None
        password_hash, where = await self.hashed(new), audit.came_from.get()

        def work(connection: Connection) -> None:
            version = person.token_version + 1
            unchanged = (_U.id == user_id) & _U.active & (_U.token_version == person.token_version)
            changed = update(tables.users).where(unchanged).values(password_hash=password_hash, token_version=version)
            if connection.execute(changed).rowcount != 1:
                raise Conflict("Your account was changed a moment ago. Please sign in again.")
            kept = (_S.id == keep) & (_S.user_id == user_id) & (_S.token_version == person.token_version)
            connection.execute(update(tables.sessions).where(kept).values(token_version=version))
            audit.put(connection, "password_changed", user_id, person.name, where=where)
            self._database.signals.notify(connection, "sessions")

        await self._database.apply(work, durable=True)

    async def check(self, user_id: str, right: Right) -> None:
        """Raise Refused, in words for them, unless a person is active and has a right just now."""
        found = await self._find(_U.id == user_id)
        if found is None or not found["active"]:
            raise Refused("This account is not active. Ask an owner or admin.")
        if not may(found["role"], right):
            raise Refused(denial(found["role"], right))

    async def verify(self, name: str, password: str, address: str) -> User:
        """Return the person with this name and password; raises Refused otherwise, and never says which was wrong.

        After five failures for a name or from an address, the next try must wait: 1 s, doubling to 15 minutes
        (TooManyAttempts). The wait survives a restart; a right password afterwards clears it.
        """
        name = normal(name)
        try:
            subjects = await self._throttle.admit(name, address)
        except TooManyAttempts as wait:
            await self._note_throttled(name, wait)
            raise
        found = await self._find(_U.name == name)
        usable = found is not None and found["active"] and found["password_hash"] and len(password) <= 1000
        async with self._hashing:
            # The same work for an unknown name, so that the time taken does not tell.
            stand_in = await asyncio.to_thread(lambda: self._stand_in)
            against = found["password_hash"] if found is not None and usable else stand_in
            right = await asyncio.to_thread(self._argon.verify, password[:1000], against)
        if found is None or not usable or not right:
            # Only a name that exists is written down: what was typed may be a password in the wrong field.
            known = name if found is not None else ""
            await audit.Audit(self._database).note("sign_in_failed", "", known, reason=_reason(found))
            raise Refused("The name or the password is not right.")
        await self._throttle.clear(subjects)
        return _user(found)

    async def get(self, user_id: str) -> User:
        """Return a person by id; raises NotFound."""
        return _known(await self._find(_U.id == user_id))

    async def by_name(self, name: str) -> User:
        """Return a person by name, however it is spelt; raises NotFound."""
        return _known(await self._find(_U.name == normal(name)))

    async def ensure_local_owner(self) -> User:
        """Return the owner, for whoever has the machine itself; without one, a user without a password takes that place."""
        return await self._database.apply(_local_owner)

    async def _note_throttled(self, name: str, wait: TooManyAttempts) -> None:
        """Put on record that somebody has to wait; once a minute is enough."""
        found = await self._find(_U.name == name)
        log, known = audit.Audit(self._database), name if found is not None else ""
        lately = [e for e in await log.read(kind="sign_in_throttled", limit=20) if now() - e.at < NOTED_EVERY]
        if not any((e.subject, e.address) == (known, audit.came_from.get()) for e in lately):
            await log.note("sign_in_throttled", "", known, seconds=wait.seconds)

    async def _find(self, condition: ColumnElement[bool]) -> Any:
        rows = await self._database.rows(select(tables.users).where(condition))
        return rows[0]._mapping if rows else None

    @cached_property
    def _argon(self) -> PasswordHash:
        return PasswordHash.recommended()

    @cached_property
    def _stand_in(self) -> str:
        return self._argon.hash(secrets.token_urlsafe(16))


def normal(name: str) -> str:
    """Spell a name the one way it is kept: no surrounding or double spaces, no case."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())


def named(name: str) -> str:
    """Return a name somebody chose as it is kept; raises BadInput for one that cannot be used."""
    name = normal(name)
    if not name or len(name) > 100 or not name.isprintable():
        raise BadInput("Please choose a name of 1 to 100 characters, all of them visible.")
    return name


def check_password(password: str) -> None:
    """Raise BadInput for a password nobody may choose."""
    if len(password) < LEAST_PASSWORD:
        raise BadInput(
            f"Please choose a password of at least {LEAST_PASSWORD} characters; this one has {len(password)}."
        )
    if len(password) > 1000:
        raise BadInput("Please choose a password of at most 1,000 characters.")


def _reason(found: Any) -> str:
    if found is None:
        return "no such name"
    return "wrong password" if found["active"] else "deactivated"


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _user(row: Any) -> User:
    return User.model_validate({name: row[name] for name in User.model_fields})


def _known(row: Any) -> User:
    if row is None:
        raise NotFound("There is no such person.")
    return _user(row)


def _check_no_owner(connection: Connection) -> None:
    if connection.execute(select(_U.id).where(_U.role == "owner", _CAN_LOG_IN)).first() is not None:
        raise Conflict("The owner is set up already. Please log in.")


def _check_token(connection: Connection, token: str) -> None:
    _check_no_owner(connection)
    usable = (_T.token_hash == _digest(token)) & _T.used_at.is_(None) & (_T.expires_at > now())
    if connection.execute(select(_T.token_hash).where(usable)).first() is None:
        raise Refused("This set-up link is used up, too old or replaced. Restart Staffwork to get a new one.")


def _set_up(connection: Connection, token: str, name: str, password_hash: str) -> User:
    _check_token(connection, token)
    connection.execute(update(tables.setup_tokens).where(_T.token_hash == _digest(token)).values(used_at=now()))
    local = _local_owner(connection)
    values = {"name": name, "password_hash": password_hash, "token_version": local.token_version + 1}
    connection.execute(update(tables.users).where(_U.id == local.id).values(**values))
    return local.model_copy(update={"name": name, "token_version": values["token_version"]})


def _local_owner(connection: Connection) -> User:
    owners = select(tables.users).where(_U.role == "owner").order_by(_U.created_at).limit(1)
    found = connection.execute(owners).mappings().one_or_none()
    if found is not None:
        return _user(found)
    user = User(id=new_id(), name="local", role="owner")
    connection.execute(insert(tables.users), user.model_dump() | {"password_hash": "", "created_at": now()})
    return user
