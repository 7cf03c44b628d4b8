"""A process that works on one mission and may be killed at any moment; started by test_kill.py.

Every model and tool call writes a line to `calls.log` when it begins, outside of everything that is tested.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from mission_fixtures import calls, open_desk, plans, says

from agents.llm.calls import CallSite, ModelRequest
from core.decisions import Reply
from core.missions import Mission, now

MISSION = "the-mission"


def note(folder: Path, words: str) -> None:
    log = os.open(folder / "calls.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(log, f"{words}\n".encode())
    os.close(log)


async def work(folder: Path) -> None:
    async def script(request: ModelRequest, site: CallSite) -> Reply:
        note(folder, f"model {site.step}")
        await asyncio.sleep(0.02)
        match site.step:
            case "plan":
                tasks = [{"id": f"t{i}", "operator": "analyst", "goal": f"Part {i}"} for i in (1, 2, 3)]
                return plans(*tasks, {"id": "t4", "operator": "writer", "goal": "Write", "needs": ["t1", "t2"]})
            case "report":
                return says("The end.")
        number = int(site.step.rsplit("/", 1)[1])
        if number < 3:
            return calls(("count", {"step": site.step}), ("count", {"step": f"{site.step} again"}))
        return says(f"Result of {site.task_id}")

    async def count(step: str) -> str:
        note(folder, f"tool {step}")
        await asyncio.sleep(0.02)
        return f"counted {step}"

    functions: dict[str, Any] = {"count": count}
    async with open_desk(folder, script, functions, durable=True) as desk:
        mission = Mission(id=MISSION, conversation_id="talk", user_id="ada", goal="Go.", created_at=now())
        await desk.missions.accept(mission, "the-message", title="Go.")
        note(folder, "ready")
        await desk.run(mission)


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1])))
