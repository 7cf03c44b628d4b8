"""The terminal's worker: works on missions without serving anybody; for several machines on one PostgreSQL."""

from __future__ import annotations

import asyncio
import logging
import signal

from core.errors import Misconfigured
from core.settings import Settings
from graphs.office import Office

log = logging.getLogger(__name__)


async def work(settings: Settings) -> int:
    """Work on missions until the process is told to stop; what is under way then finishes or is left to others."""
    if not settings.database_url.get_secret_value():
        raise Misconfigured(
            "A worker of its own needs PostgreSQL: set STAFFWORK_DATABASE_URL. With the file in the data folder, "
            "`staffwork serve` does the work itself."
        )
    stop = asyncio.Event()
    for kind in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(kind, stop.set)
    async with Office.open(settings):
        print("Staffwork is at work. Stop it with Ctrl-C; it lets calls under way finish first.", flush=True)
        await stop.wait()
        log.info("stopping: calls under way finish first")
    return 0
