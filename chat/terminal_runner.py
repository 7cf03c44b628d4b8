"""The runner at the terminal: the sandbox and a socket, and nothing else of the product."""

from __future__ import annotations

import asyncio
import logging
import signal
from pathlib import Path

from core.settings import Settings
from tools.sandbox.opening import Sandbox
from tools.sandbox.serving import RunnerServer
from tools.sandbox.terms import Absent

log = logging.getLogger(__name__)


async def run_for_others(settings: Settings, socket: Path) -> int:
    """Open the sandbox, answer on the socket until told to stop, and end what is under way then.

    Where the sandbox does not hold it answers all the same, with the reason and the fix: they are shown by Staffwork.
    """
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    sandbox = await Sandbox.open(settings)
    async with RunnerServer(sandbox, settings.data_dir / "workspaces", socket).open():
        if isinstance(sandbox, Absent):
            log.warning("nothing can be run: %s %s", sandbox.reason, sandbox.fix)
        else:
            log.info("ready to run code for others on %s", socket)
        await stopped.wait()
    return 0
