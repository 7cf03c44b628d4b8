"""What was in use at the last start, as fingerprints: so that a change of files and settings is put on the audit log."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from sqlalchemy import Connection, delete, insert, select, update

from memory import audit, tables
from memory.database import Database

_M = tables.marks.c


async def notice(
    database: Database, kind: str, shown: Mapping[str, str], hidden: Mapping[str, str] | None = None
) -> None:
    """Compare names and values with those of the last time, and note each difference as `kind` (see audit.KINDS).

    What a value of `shown` is now stands in the log, of `hidden` it does not. The first time nothing is noted.
    """
    base = f"{kind[0]}: "
    now = {base + name: (name, value) for name, value in (dict(shown) | dict(hidden or {})).items()}

    def work(connection: Connection) -> None:
        rows = connection.execute(select(_M.name, _M.version).where(_M.name.startswith(base, autoescape=True))).all()
        known = {str(row.name): int(row.version) for row in rows}
        first = known.pop(base, None) is None
        if first:  # also where there is nothing: the next time is not the first
            connection.execute(insert(tables.marks).values(name=base, version=0))
        for mark, (name, value) in now.items():
            if known.get(mark) == _number(value):
                continue
            _keep(connection, mark, value, known=mark in known)
            if not first:
                told = {"now": value} if name in shown else {}
                audit.put(connection, kind, "", name, where="start", what="changed" if mark in known else "new", **told)
        for mark in known.keys() - now.keys():
            connection.execute(delete(tables.marks).where(_M.name == mark))
            audit.put(connection, kind, "", mark.removeprefix(base), where="start", what="gone")

    await database.apply(work, durable=True)


def _keep(connection: Connection, mark: str, value: str, *, known: bool) -> None:
    if known:
        connection.execute(update(tables.marks).where(_M.name == mark).values(version=_number(value)))
    else:
        connection.execute(insert(tables.marks).values(name=mark, version=_number(value)))


def _number(value: str) -> int:
    return int(hashlib.sha256(value.encode()).hexdigest()[:7], 16)
