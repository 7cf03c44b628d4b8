"""Links to conversations: what stands under them is a copy, made once, and gone when the link ends."""

from __future__ import annotations

import asyncio
import builtins
import hmac
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from pwdlib import PasswordHash
from sqlalchemy import Connection, delete, func, insert, or_, select, update

from core.errors import BadInput, Conflict, NotFound, Refused
from core.missions import now
from core.steering import Right
from memory import audit, tables
from memory.database import Database
from memory.forgetting import still_used
from memory.link_key import derived, digest, link_key
from memory.members import check_right
from memory.snapshots import Share, Snapshot, Visit, Visited
from memory.throttle import Throttle

MOST = 200
"""Links of one person that work at the same time."""
LOG = 100
"""Visits of one link that are kept: the newest."""
REMEMBERED = timedelta(days=30)
"""How long a link that has ended stays in its owner's list."""
_RIGHTS = {"people": Right.SHARE, "public": Right.SHARE_PUBLIC}

_S, _F, _V = tables.shares.c, tables.share_files.c, tables.share_views.c
_U, _C = tables.users.c, tables.conversations.c


class Shares:
    """Keeps links; only their owner finds them in a list, and only who has the token finds what stands under them."""

    def __init__(self, database: Database, key_file: Path) -> None:
        self._database, self._key_file = database, key_file
        self._key: bytes | None = None
        self._throttle = Throttle(database)
        self._hashing = asyncio.Semaphore(2)  # argon2 takes 64 MB each time

    async def publish(self, share: Share, snapshot: Snapshot, password: str = "") -> None:
        """Make a link; raises NotFound unless the conversation is this user's, Refused unless they may share like this at
        that moment, BadInput if there are too many."""
        row = share.model_dump(exclude={"protected"})
        row |= {"snapshot": snapshot.model_dump_json(), "token_hash": digest(await self._derived(share.id))}
        row |= {"password_hash": await self._hashed(password)}
        files = [{"share_id": share.id, "position": n, "hash": f.hash} for n, f in enumerate(snapshot.files)]
        where = audit.came_from.get()

        def work(connection: Connection) -> None:
            check_right(connection, share.user_id, _RIGHTS[share.audience])  # what was looked at before may be over
            mine = (_C.id == share.conversation_id) & (_C.user_id == share.user_id)
            if connection.execute(select(_C.id).where(mine)).first() is None:
                raise NotFound("There is no such conversation.")
            living = select(func.count()).select_from(tables.shares).where(_S.user_id == share.user_id, _live(now()))
            if connection.execute(living).scalar_one() >= MOST:
                raise BadInput(f"You have {MOST} links that work, which is the most one can have. Revoke one first.")
            connection.execute(insert(tables.shares), row)
            if files:
                connection.execute(insert(tables.share_files), files)
            # Not its title: that is the person's own words, and stays in the log when they are gone.
            told = {"conversation": share.conversation_id, "audience": share.audience, "shows": share.include}
            audit.put(connection, "share_made", share.user_id, share.id, where=where, **told, files=len(files))

        await self._database.apply(work, durable=True)

    async def list(self, user_id: str) -> builtins.list[Share]:
        """List a person's links, newest first, those that ended lately included."""
        query = select(tables.shares).where(_S.user_id == user_id).order_by(_S.created_at.desc(), _S.id)
        return [_share(row) for row in await self._rows(query)]

    async def get(self, share_id: str, user_id: str) -> tuple[Share, Snapshot]:
        """Return one link of this user with what it shows (nothing once it has ended); raises NotFound."""
        return _found(await self._rows(select(tables.shares).where(_S.id == share_id, _S.user_id == user_id)))

    async def visits(self, share_id: str, user_id: str) -> builtins.list[Visit]:
        """List who looked, newest first; raises NotFound if the link is not this user's."""
        await self.get(share_id, user_id)
        query = select(tables.share_views).where(_V.share_id == share_id).order_by(_V.number.desc()).limit(LOG)
        return [Visit(at=row["at"], what=row["what"], who=row["who"]) for row in await self._rows(query)]

    async def token(self, share_id: str) -> str:
        """Compute the token of a link, for its owner; "" if the link was made with another key."""
        token = await self._derived(share_id)
        rows = await self._rows(select(_S.token_hash).where(_S.id == share_id))
        return token if rows and hmac.compare_digest(rows[0]["token_hash"], digest(token)) else ""

    async def open(self, token: str) -> tuple[Share, Snapshot]:
        """Find what stands under a token; raises the same NotFound for unknown, expired and revoked ones, and when
        the owner may not log in any more."""
        query = select(tables.shares).join(tables.users, _U.id == _S.user_id)
        return _found(await self._rows(query.where(_S.token_hash == digest(token), _live(now()), _U.active.is_(True))))

    async def visited(self, share_id: str, what: Visited, who: str) -> None:
        """Note that somebody looked; only looking at the page counts as a view."""

        def work(connection: Connection) -> None:
            if connection.execute(select(_S.id).where(_S.id == share_id)).first() is None:
                return  # it was deleted in the meantime
            row = {"share_id": share_id, "at": now(), "what": what, "who": who[:200]}
            connection.execute(insert(tables.share_views), row)
            if what == "page":
                seen = {"views": _S.views + 1, "viewed_at": row["at"]}
                connection.execute(update(tables.shares).where(_S.id == share_id).values(**seen))
            of_this = _V.share_id == share_id
            beyond = select(_V.number).where(of_this).order_by(_V.number.desc()).offset(LOG).limit(1)
            connection.execute(delete(tables.share_views).where(of_this, _V.number <= beyond.scalar_subquery()))

        await self._database.apply(work)

    async def change(self, share_id: str, user_id: str, values: dict[str, Any], password: str | None = None) -> None:
        """Change title, audience or end of a link, and (unless None) its password ("" takes it away).

        Raises NotFound, Conflict if the link has ended (an ended link never works again), or Refused as `publish` does.
        """
        if password is not None:
            values = values | {"password_hash": await self._hashed(password)}
        where = audit.came_from.get()

        def work(connection: Connection) -> None:
            which = (_S.id == share_id) & (_S.user_id == user_id)
            row = connection.execute(select(tables.shares).where(which).with_for_update()).mappings().one_or_none()
            if row is None:
                raise _no_such()
            if _share(row).state(now()) != "live":
                raise Conflict("This link has ended and does not come back. Make a new one.")
            if "audience" in values:
                check_right(connection, user_id, _RIGHTS[values["audience"]])
            if values:
                connection.execute(update(tables.shares).where(which).values(**values))
                changed = ", ".join(sorted(name.removesuffix("_hash") for name in values))
                audit.put(connection, "share_changed", user_id, share_id, where=where, changed=changed)

        await self._database.apply(work, durable=True)

    async def revoke(self, share_id: str, user_id: str) -> Sequence[str]:
        """End a link now (again changes nothing), and erase its copy; returns hashes of contents nobody needs any more."""
        where = audit.came_from.get()

        def work(connection: Connection) -> Sequence[str]:
            which = (_S.id == share_id) & (_S.user_id == user_id)
            if connection.execute(select(_S.id).where(which)).first() is None:
                raise _no_such()
            once = update(tables.shares).where(which, _S.revoked_at.is_(None))
            if connection.execute(once.values(revoked_at=now())).rowcount:
                audit.put(connection, "share_revoked", user_id, share_id, where=where)
            return _erase(connection, now())

        return await self._database.apply(work, durable=True)

    async def sweep(self) -> Sequence[str]:
        """Erase the copies of all links that have ended; returns hashes of contents nobody needs any more."""
        return await self._database.apply(lambda c: _erase(c, now()))

    async def admit(self, share: Share, password: str, address: str) -> str:
        """Return the pass of a link for its password; raises Refused, or TooManyAttempts when one has to wait first."""
        subjects = await self._throttle.admit(f"link {share.id}", address)
        found = await self._rows(select(_S.password_hash).where(_S.id == share.id))
        async with self._hashing:
            known = found[0]["password_hash"] if found else ""
            right = known and await asyncio.to_thread(self._argon.verify, password[:1000], known)
        if not right:
            raise Refused("That is not the password of this link.")
        await self._throttle.clear(subjects)
        return await self.pass_for(share.id)

    async def pass_for(self, share_id: str) -> str:
        """Compute what a browser shows instead of the password; another password makes it worthless."""
        rows = await self._rows(select(_S.password_hash).where(_S.id == share_id))
        return await self._derived(share_id, "pass", rows[0]["password_hash"] if rows else "")

    async def _hashed(self, password: str) -> str:
        if not password:
            return ""
        async with self._hashing:
            return await asyncio.to_thread(self._argon.hash, password)

    async def _derived(self, *parts: str) -> str:
        if self._key is None:
            self._key = await asyncio.to_thread(link_key, self._key_file)
        return derived(self._key, "share", *parts)

    async def _rows(self, query: Any) -> builtins.list[Any]:
        async with self._database.reading() as connection:
            return builtins.list((await connection.execute(query)).mappings())

    @cached_property
    def _argon(self) -> PasswordHash:
        return PasswordHash.recommended()


def _live(moment: datetime) -> Any:
    return _S.revoked_at.is_(None) & or_(_S.expires_at.is_(None), _S.expires_at > moment)


def _erase(connection: Connection, moment: datetime) -> Sequence[str]:
    ended = ~_live(moment)
    connection.execute(
        delete(tables.shares).where(ended, func.coalesce(_S.revoked_at, _S.expires_at) < moment - REMEMBERED)
    )
    dead = builtins.list(connection.execute(select(_S.id).where(ended, _S.snapshot != "")).scalars())
    if not dead:
        return []
    gone = _F.share_id.in_(dead)
    hashes = set(connection.execute(select(_F.hash).where(gone)).scalars())
    connection.execute(delete(tables.share_files).where(gone))
    connection.execute(update(tables.shares).where(_S.id.in_(dead)).values(snapshot=""))
    return sorted(hashes - still_used(connection, hashes))


def _found(rows: Sequence[Any]) -> tuple[Share, Snapshot]:
    if not rows:
        raise _no_such()
    text = rows[0]["snapshot"]
    return _share(rows[0]), Snapshot.model_validate(json.loads(text)) if text else Snapshot()


def _share(row: Any) -> Share:
    fields = {name: row[name] for name in Share.model_fields if name != "protected"}
    return Share.model_validate(fields | {"protected": bool(row["password_hash"])})


def _no_such() -> NotFound:
    return NotFound("There is no such link.")
