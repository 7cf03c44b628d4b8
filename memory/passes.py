"""Passes: what a browser holds between two steps of a login. Random, kept as a hash, good for minutes and, if taken, once."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from core.errors import Refused
from core.missions import Value, now
from memory import tables
from memory.database import Database
from memory.link_key import digest

LASTS = timedelta(minutes=10)
MOST = 5000
"""Passes of one kind that are kept: beyond that the oldest go, so that nobody fills the database by asking for them."""
_P = tables.passes.c


class Pass(Value):
    """What stands behind a pass."""

    user_id: str | None
    data: dict[str, Any]


class PassRefused(Refused):
    """The pass is unknown, used or too old."""

    def __init__(self) -> None:
        super().__init__("This took too long, or was done already. Please log in again.")


class Passes:
    """Gives out passes and takes them back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def make(self, kind: str, user_id: str | None = None, **data: Any) -> str:
        """Make a pass of a kind; returns its token, which is nowhere else."""
        token = secrets.token_urlsafe(32)
        row = {"token_hash": digest(token), "kind": kind, "user_id": user_id, "data": json.dumps(data)}

        def work(connection: Connection) -> None:
            at = now()
            connection.execute(delete(tables.passes).where(_P.expires_at <= at))
            kept = select(_P.created_at).where(_P.kind == kind).order_by(_P.created_at.desc()).offset(MOST - 1).limit(1)
            connection.execute(delete(tables.passes).where(_P.kind == kind, _P.created_at <= kept.scalar_subquery()))
            connection.execute(insert(tables.passes), row | {"created_at": at, "expires_at": at + LASTS})

        await self._database.apply(work)
        return token

    async def look(self, kind: str, token: str) -> Pass:
        """Say what stands behind a pass, which goes on holding; raises PassRefused."""
        return _read(await self._database.rows(select(tables.passes).where(_good(kind, token))))

    async def take(self, kind: str, token: str) -> Pass:
        """Use a pass up; raises PassRefused, also for whoever comes second."""

        def work(connection: Connection) -> Pass:
            found = _read(list(connection.execute(select(tables.passes).where(_good(kind, token)).with_for_update())))
            connection.execute(delete(tables.passes).where(_P.token_hash == digest(token)))
            return found

        return await self._database.apply(work)


def _good(kind: str, token: str) -> Any:
    return (_P.token_hash == digest(token)) & (_P.kind == kind) & (_P.expires_at > now())


def _read(rows: list[Any]) -> Pass:
    if not rows:
        raise PassRefused
    return Pass(user_id=rows[0].user_id, data=json.loads(rows[0].data))
