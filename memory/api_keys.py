"""API keys: how a program asks in a person's name. Only a hash is kept; a key can do less than its person, never more."""

from __future__ import annotations

import builtins
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, or_, select, update

from core.errors import BadInput, NotFound, Refused
from core.missions import Value, new_id, now
from core.steering import Right, may
from memory import audit, tables
from memory.database import Database
from memory.link_key import digest
from memory.people import People, User
from memory.sessions import TOPIC
from memory.throttle import Throttle

SCOPES = {
    "read": "See missions, conversations, approvals, links, schedules and files",
    "missions": "Give, steer and stop missions, change conversations and schedules",
    "approvals": "Decide what waits for approval",
    "shares": "Make, change and revoke links to conversations",
    "admin": "What administrators do",
}
"""What a key may be good for; the routes of each are in api/scopes.py."""
_NEEDS = {
    "read": Right.READ,
    "missions": Right.WORK,
    "approvals": Right.WORK,
    "shares": Right.SHARE,
    "admin": Right.PEOPLE,
}
PROGRAM_ROLES = ("member", "viewer")
"""What a service account can be."""
START = "sw_"
MOST = 50
"""Keys of one person that work at the same time."""
LONGEST_DAYS = 3650
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


def scopes_of(role: str) -> frozenset[str]:
    """Name the most that a key of somebody in this role can do, whatever it was made with."""
    return frozenset(scope for scope, right in _NEEDS.items() if may(role, right))


class KeyRefused(Refused):
    """The key is unknown, revoked or over, or its person may not come in any more."""


class ApiKey(Value):
    """One key, without the key itself; `prefix` is how it begins."""

    id: str
    user_id: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None

    def state(self, at: datetime) -> str:
        """Say where it stands: live, expired or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= at else "live"


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
        self, user: User, name: str, scopes: Sequence[str], days: int | None, *, by: str = ""
    ) -> tuple[ApiKey, str]:
        """Make a key that works for so many days (None: until revoked); returns it with the secret, which is nowhere else.

        `by` is who makes it, if it is not the person's own.
        Raises BadInput for a name, scopes or days that cannot be used, or if the person has too many keys.
        """
        secret = START + secrets.token_urlsafe(32)
        key = ApiKey(
            id=new_id(),
            user_id=user.id,
            name=_name(name),
            prefix=secret[:_PREFIX],
            scopes=_scopes(scopes, user.role),
            created_at=now(),
            expires_at=_end(days),
        )
        where = audit.came_from.get()
        row = key.model_dump() | {"scopes": " ".join(key.scopes), "key_hash": digest(secret)}

        def work(connection: Connection) -> None:
            living = select(func.count()).select_from(tables.api_keys).where(_K.user_id == user.id, _live(now()))
            if connection.execute(living).scalar_one() >= MOST:
                raise BadInput(f"There are {MOST} keys that work, which is the most one can have. Revoke one first.")
            connection.execute(insert(tables.api_keys), row)
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


def _name(name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > 100 or not name.isprintable():
        raise BadInput("name: give the key a name of 1 to 100 characters, so that you know it again.")
    return name


def _scopes(scopes: Sequence[str], role: str) -> tuple[str, ...]:
    allowed = scopes_of(role)
    if not scopes:
        raise BadInput(f"scopes: choose at least one of {', '.join(s for s in SCOPES if s in allowed)}.")
    for scope in scopes:
        if scope not in SCOPES:
            raise BadInput(f"scopes: there is no {scope[:40]!r}. There are {', '.join(SCOPES)}.")
        if scope not in allowed:
            raise BadInput(f"scopes: {scope} is more than your role allows; a key never can do more than its person.")
    return tuple(s for s in SCOPES if s in scopes)


def _end(days: int | None) -> datetime | None:
    if days is None:
        return None
    if not 1 <= days <= LONGEST_DAYS:
        raise BadInput(f"days: a key works for 1 to {LONGEST_DAYS:,} days, or until you revoke it.")
    return now() + timedelta(days=days)


def _key(row: Any) -> ApiKey:
    fields = {name: getattr(row, name) for name in ApiKey.model_fields}
    return ApiKey.model_validate(fields | {"scopes": tuple(row.scopes.split())})


def _told(key: ApiKey) -> dict[str, str]:
    return {"key": key.name, "prefix": key.prefix}


def _no_such() -> NotFound:
    return NotFound("There is no such key, or it is not yours.")
