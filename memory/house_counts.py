"""How much there is in the house, for those who look after it: missions by status, workers, schema."""

from __future__ import annotations

from sqlalchemy import func, select

from core.missions import ENDED
from memory import tables
from memory.database import Database
from memory.migrations import HEAD

_M, _W = tables.missions.c, tables.workers.c


async def house_counts(database: Database) -> dict[str, str]:
    """Say in words what waits, who works, and which schema the database has."""
    unended = _M.status.not_in([status.value for status in ENDED])
    query = select(_M.status, func.count()).where(unended).group_by(_M.status).order_by(_M.status)
    waiting = [f"{number} {status.replace('_', ' ')}" for status, number in await database.rows(query)]
    workers = await database.rows(select(_W.host, _W.pid, _W.started_at).order_by(_W.started_at))
    known = [f"{row.host} (process {row.pid}, since {row.started_at:%Y-%m-%d %H:%M} UTC)" for row in workers]
    return {
        "missions": ", ".join(waiting) or "none that has not ended",
        "worker processes": "; ".join(known) or "none on record",
        "database schema": HEAD,
    }
