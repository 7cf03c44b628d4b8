"""Slows down guessing: each failure beyond a few makes the next try wait longer, also after a restart."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select

from core.errors import Refused
from core.missions import now
from memory import tables
from memory.database import Database
from memory.statements import insert_into

FREE_FAILURES = 5
LONGEST_WAIT = timedelta(minutes=15)
FORGET_AFTER = timedelta(days=1)
_A = tables.login_attempts.c


class TooManyAttempts(Refused):
    """Too many failures; `seconds` is the wait until the next try is looked at."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many attempts. Please try again in {_spelt(seconds)}.")
        self.seconds = seconds


class Throttle:
    """Counts failed logins by name and by address."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def admit(self, name: str, address: str) -> Sequence[str]:
        """Let one try through and count it as failed until `clear`, so that many at once gain nothing.

        Returns what to clear if it succeeds; raises TooManyAttempts.
        """
        subjects = (_subject("name", name), _subject("address", address))
        await self._database.apply(lambda c: _count(c, subjects, now()))
        return subjects

    async def clear(self, subjects: Sequence[str]) -> None:
        """Forget the failures of a name and an address."""
        await self._database.write((delete(tables.login_attempts).where(_A.subject.in_(subjects)), None))


def _count(connection: Connection, subjects: Sequence[str], at: datetime) -> None:
    connection.execute(delete(tables.login_attempts).where(_A.last_at < at - FORGET_AFTER))
    known = {
        row.subject: row for row in connection.execute(select(tables.login_attempts).where(_A.subject.in_(subjects)))
    }
    waits = [row.blocked_until - at for row in known.values() if row.blocked_until is not None]
    # A wait longer than the longest comes from a clock that was set back: it must not lock anyone out.
    if (wait := max((w for w in waits if w <= LONGEST_WAIT), default=timedelta(0))) > timedelta(0):
        raise TooManyAttempts(math.ceil(wait.total_seconds()))
    for subject in subjects:
        failures = 1 + (known[subject].failures if subject in known else 0)
        row = {"failures": failures, "last_at": at, "blocked_until": _blocked_until(failures, at)}
        put = insert_into(connection, tables.login_attempts).values(subject=subject, **row)
        connection.execute(put.on_conflict_do_update(index_elements=[_A.subject], set_=row))


def _blocked_until(failures: int, at: datetime) -> datetime | None:
    if failures < FREE_FAILURES:
        return None
    return at + min(timedelta(seconds=2 ** min(failures - FREE_FAILURES, 20)), LONGEST_WAIT)


def _subject(kind: str, value: str) -> str:
    if len(value) > 100:
        value = hashlib.sha256(value.encode("utf-8", "replace")).hexdigest()
    return f"{kind}:{value}"


def _spelt(seconds: int) -> str:
    if seconds >= 60:
        minutes = math.ceil(seconds / 60)
        return f"{minutes} minute{'s' if minutes > 1 else ''}"
    return f"{seconds} second{'s' if seconds > 1 else ''}"
