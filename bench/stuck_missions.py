"""How long missions stay stuck, in seconds as they are: a hanging model, a hanging tool, endless self-delegation, calls in turns.

`python -m bench.stuck_missions` (a minute: all at the same time) prints a table and fails if anything takes longer than 60 seconds
from the moment it was clear. Patience (STAFFWORK_TASK_PROGRESS_SECONDS) is 5 seconds here, and is not counted; a reply takes one.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "integration"))
logging.disable(logging.WARNING)

from mission_fixtures import calls, open_desk, plans, says  # noqa: E402

from agents.llm.calls import CallSite, ModelRequest  # noqa: E402
from core.decisions import Reply  # noqa: E402
from core.events import Event, MissionEnded, TaskEnded  # noqa: E402
from core.steering import Intervened  # noqa: E402

PATIENCE, LONGEST, THINKING = 5.0, 60.0, 1.0
GOAL = "Find the total revenue of all regions"


async def hang(**_: Any) -> str:
    await asyncio.sleep(3600)
    return ""


async def hanging_model(request: ModelRequest, site: CallSite) -> Reply:
    await hang()
    return says("")


async def hanging_tool(request: ModelRequest, site: CallSite) -> Reply:
    return calls(("read_file", {}))


async def self_delegation(request: ModelRequest, site: CallSite) -> Reply:
    await asyncio.sleep(THINKING)
    depth = str(site.task_id).count(".")
    goal = f"{GOAL} {'please ' * (depth + 1)}"
    return calls(("start_subtask", {"operator": "analyst" if depth % 2 else "writer", "goal": goal}))


async def calls_in_turns(request: ModelRequest, site: CallSite) -> Reply:
    await asyncio.sleep(THINKING)
    return calls(("list_files" if int(site.step.partition("/")[2]) % 2 else "recall", {}))


async def hanging_chief(request: ModelRequest, site: CallSite) -> Reply:
    return await hanging_model(request, site)


SCENARIOS = (hanging_model, hanging_tool, self_delegation, calls_in_turns, hanging_chief)


async def play(folder: Path, scenario: Any, opening: asyncio.Lock) -> list[Event]:
    async def script(request: ModelRequest, site: CallSite) -> Reply:
        if scenario is hanging_chief or site.task_id is not None:
            return await scenario(request, site)
        return plans({"operator": "analyst", "goal": GOAL}) if site.step == "plan" else says("This is what there is.")

    limits = {"task_progress_seconds": PATIENCE, "task_steps": 100, "recovery_tries": 0}
    async with AsyncExitStack() as stack:
        async with opening:  # one database is made at a time
            desk = await stack.enter_async_context(open_desk(folder, script, {"read_file": hang}, **limits))
        return (await desk.do())[1]


def measured(name: str, events: Sequence[Event]) -> dict[str, Any]:
    """Count from the first intervention (what is stuck was clear then) to the end of the last task, or of the mission."""
    steps = [e for e in events if isinstance(e, Intervened)]
    ends = [e for e in events if isinstance(e, TaskEnded)] or [e for e in events if isinstance(e, MissionEnded)]
    end = events[-1]
    return {
        "scenario": name.replace("_", " "),
        "seconds": round((ends[-1].at - steps[0].at).total_seconds(), 1),
        "steps": " -> ".join(f"{e.action} {e.task_id or ''}".strip() for e in steps),
        "status": end.status.value if isinstance(end, MissionEnded) else "none",
        "words": steps[-1].words,
    }


async def main() -> int:
    opening = asyncio.Lock()
    with tempfile.TemporaryDirectory() as folder:
        plays = (play(Path(folder) / s.__name__, s, opening) for s in SCENARIOS)
        rows = [measured(s.__name__, e) for s, e in zip(SCENARIOS, await asyncio.gather(*plays), strict=True)]
    for row in rows:
        print(f"{row['scenario']:18} {row['seconds']:5.1f} s  {row['status']:9} {row['steps']}\n{'':28}{row['words']}")
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "stuck_missions.json").write_text(json.dumps(rows, indent=1))
    return int(any(row["seconds"] > LONGEST for row in rows))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
