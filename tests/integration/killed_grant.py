"""A process that works on a mission in which a tool is asked for and used; killed at any moment by test_requested_tools.py."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from mission_fixtures import calls, plans, says
from toolkit_fixtures import open_kit

from core.missions import Mission, Status, now


def note(folder: Path, words: str) -> None:
    log = os.open(folder / "calls.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(log, f"{words}\n".encode())
    os.close(log)


async def work(folder: Path) -> None:
    async def script(request: Any, site: Any) -> Any:
        note(folder, site.step)
        await asyncio.sleep(0.03)
        match site.step:
            case "plan":
                return plans({"operator": "hand", "goal": "Read it."})
            case "t1/1":
                return calls(("request_tools", {"names": ["read_page"]}))
            case "t1/2" | "t1/3" | "t1/4":
                return calls(("read_page", {"name": site.step}))
        return says("Done.")

    async with open_kit(folder / "staffwork.db", folder, script) as kit:
        mission = Mission(id="m", conversation_id="c", user_id="ada", goal="Go.", created_at=now())
        await kit.reception.submit(mission)
        await kit.dispatcher.submit(await kit.reception.missions.get("m"))
        await kit.until(mission, Status.COMPLETED)


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1])))
