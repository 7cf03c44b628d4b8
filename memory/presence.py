"""Whether some process works on the missions of a database: who only gives orders can say who will carry them out."""

from __future__ import annotations

from sqlalchemy import func, select

from core.settings import Settings
from memory import tables
from memory.database import Database, open_database
from memory.folder_lock import in_use

_W = tables.workers.c


async def attended(settings: Settings) -> bool:
    """Say whether a process works on missions now.

    Beside a file it has the folder of the index for itself; on PostgreSQL workers say every second that they live.
    """
    if not settings.database_url.get_secret_value():
        return in_use(settings.data_dir / "index")
    database = await open_database(settings)
    try:
        return await beating(database, settings.lease_seconds)
    finally:
        await database.close()


async def beating(database: Database, lease_seconds: float) -> bool:
    """Say whether a worker on PostgreSQL has said within the lease that it lives."""
    lively = _W.beat_at > func.extract("epoch", func.clock_timestamp()) - lease_seconds
    return bool(await database.rows(select(_W.id).where(lively).limit(1)))
