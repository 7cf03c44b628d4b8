"""API keys: how a program asks in a person's name. Only a hash is kept; a key can do less than its person, never more."""

from __future__ import annotations

import builtins
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, or_, select, update

from core.errors import BadInput, NotFound
from core.missions import Value, new_id, now
from core.steering import Right, may
from memory import audit, tables
from memory.database import Database
from memory.key_terms import PROGRAM_ROLES, START, ApiKey, KeyRefused, chosen, ends, named, scopes_of
from memory.link_key import digest
from memory.people import People, User
from memory.sessions import TOPIC
from memory.statements import insert_once
from memory.throttle import Throttle

MOST = 50
"""Keys of one person that work at the same time."""
MADE = (
    "This key was made already, and nothing was made now. A key is shown only once: if you did not copy it, revoke it and "
    "make another."
)
USE_NOTED = timedelta(minutes=1)
"""How exact the time of the last use is: it is written no more often than this."""
_PREFIX = len(START) + 8
_K, _U, _A = tables.api_keys.c, tables.users.c, tables.service_accounts.c
_OWNED = (
    select(tables.api_keys, _A.owner_id, _U.active.label("owner_active"), _U.role.label("owner_role"))
    .outerjoin(tables.service_accounts, _A.user_id == _K.user_id)
    .outerjoin(tables.users, _U.id == _A.owner_id)
)
"""Keys, with who answers for them if they are a program's."""


class Bearer(Value):
    """Who comes with a key, and what the key is good for now."""

    key: ApiKey
    user: User
    scopes: frozenset[str]


class ApiKeys:
    """Keeps keys; only their person finds them in a list."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._people = People(database)
        self._throttle = Throttle(database)

    async def make(
        self, user: User, name: str, scopes: Sequence[str], days: int | None, *, by: str = "", key_id: str = ""
    ) -> tuple[ApiKey, str]:
        """Make a key that works for so many days (None: until revoked); returns it with the secret, which is nowhere else.

        `by` is who makes it, if it is not the person's own; `key_id` is the id it gets, where its maker chose one before.
        Raises BadInput for a name, scopes or days that cannot be used, or if the person has too many keys; Conflict if a key
        with that id was made before.
        """
        secret = START + secrets.token_urlsafe(32)
        key = ApiKey(
            id=key_id or new_id(),
            user_id=user.id,
            name=named(name),
            prefix=secret[:_PREFIX],
            scopes=chosen(scopes, user.role),
            created_at=now(),
            expires_at=ends(days),
        )
        where = audit.came_from.get()
        row = key.model_dump() | {"scopes": " ".join(key.scopes), "key_hash": digest(secret)}

        def work(connection: Connection) -> None:
            insert_once(connection, tables.api_keys, row, MADE)  # first, or a form sent again hears of another limit
            living = select(func.count()).select_from(tables.api_keys).where(_K.user_id == user.id, _live(now()))
            if connection.execute(living).scalar_one() > MOST:
                raise BadInput(f"There are {MOST} keys that work, which is the most one can have. Revoke one first.")
            audit.put(connection, "key_made", by or user.id, user.name, where=where, scopes=row["scopes"], **_told(key))

        await self._database.apply(work, durable=True)
        return key, secret

    async def list(self, user_id: str) -> builtins.list[ApiKey]:
        """List a person's keys, newest first, those that ended included."""
        query = select(tables.api_keys).where(_K.user_id == user_id).order_by(_K.created_at.desc(), _K.id)
        return [_key(row) for row in await self._database.rows(query)]

    async def get(self, key_id: str, user_id: str) -> ApiKey:
        """Return one key of this person; raises NotFound."""
        query = select(tables.api_keys).where(_K.id == key_id, _K.user_id == user_id)
        found = await self._database.rows(query)
        if not found:
            raise _no_such()
        return _key(found[0])

    async def revoke(self, key_id: str, user_id: str, *, by: str = "") -> ApiKey:
        """End a key of this person now; again changes nothing. Raises NotFound."""
        where = audit.came_from.get()

        def work(connection: Connection) -> ApiKey:
            which = (_K.id == key_id) & (_K.user_id == user_id)
            once = update(tables.api_keys).where(which, _K.revoked_at.is_(None)).values(revoked_at=now())
            ended = connection.execute(once).rowcount
            row = connection.execute(
                select(tables.api_keys, _U.name.label("of")).join(tables.users).where(which)
            ).first()
            if row is None:
                raise _no_such()
            if ended:
                audit.put(connection, "key_revoked", by or user_id, row.of, where=where, **_told(_key(row)))
                self._database.signals.notify(connection, TOPIC)
            return _key(row)

        return await self._database.apply(work, durable=True)

    async def ended(self, ids: Collection[str]) -> set[str]:
        """Find those of some keys (by id) that do not hold any more, for whatever reason."""
        if not ids:
            return set()
        rows = await self._database.rows(_OWNED.where(_K.id.in_(list(ids)), _live(now())))
        people = [await self._people.get(row.user_id) for row in rows]
        living = {row.id for row, user in zip(rows, people, strict=True) if not _orphaned(row) and user.active}
        return set(ids) - living

    async def recognise(self, secret: str, address: str) -> Bearer:
        """Return who comes with this key, and note that it was used; raises KeyRefused in words.

        Many wrong keys from one address are answered with TooManyAttempts; a right one is let in all the same.
        """
        counted = f"{address} with a key"
        try:
            row = await self._find(secret)
            key, user = _key(row), await self._people.get(row.user_id)
            counted = f"{address} with the key {key.id}"  # who has a key that ended guesses nothing
            _check(key, user, row)
            if row.owner_id is not None and user.role not in PROGRAM_ROLES:  # whoever changed it: no program is more
                user = user.model_copy(update={"role": "member"})
        except KeyRefused:
            await self._throttle.admit(f"key {secret[:_PREFIX]}", counted)
            raise
        await self._note_use(key)
        return Bearer(key=key, user=user, scopes=frozenset(key.scopes) & scopes_of(user.role))

    async def _find(self, secret: str) -> Any:
        if len(secret) > 200 or not secret.startswith(START):
            raise KeyRefused("This is no API key of this house.")
        found = await self._database.rows(_OWNED.where(_K.key_hash == digest(secret)))
        if not found:
            raise KeyRefused("This API key is not known here. Make a new one on the page /keys.")
        return found[0]

    async def _note_use(self, key: ApiKey) -> None:
        at = now()
        if key.last_used_at is not None and at - USE_NOTED < key.last_used_at <= at:
            return
        await self._database.write((update(tables.api_keys).where(_K.id == key.id).values(last_used_at=at), None))


def _check(key: ApiKey, user: User, row: Any) -> None:
    if key.state(now()) == "revoked":
        raise KeyRefused(f"The API key “{key.name}” was revoked. Make a new one on the page /keys.")
    if key.state(now()) == "expired":
        raise KeyRefused(f"The API key “{key.name}” has expired. Make a new one on the page /keys.")
    if not user.active or _orphaned(row):
        raise KeyRefused("Whom this API key belongs to may not come in any more. Ask an administrator.")


def _orphaned(row: Any) -> bool:
    """Say whether this is a program's key, and nobody answers for the program any more."""
    return row.owner_id is not None and not (row.owner_active and may(row.owner_role, Right.PEOPLE))


def _live(moment: datetime) -> Any:
    return _K.revoked_at.is_(None) & or_(_K.expires_at.is_(None), _K.expires_at > moment)


def _key(row: Any) -> ApiKey:
    fields = {name: getattr(row, name) for name in ApiKey.model_fields}
    return ApiKey.model_validate(fields | {"scopes": tuple(row.scopes.split())})


def _told(key: ApiKey) -> dict[str, str]:
    return {"key": key.name, "prefix": key.prefix}


def _no_such() -> NotFound:
    return NotFound("There is no such key, or it is not yours.")
