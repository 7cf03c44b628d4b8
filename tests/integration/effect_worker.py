"""A process that calls tools with effects, one after the other, and may be killed at any moment; started by
test_effects_kill.py. What the tools do is written by itself, outside of everything that is tested.

Usage: effect_worker.py <folder> <database> <port> <calls>. Prints "ready", then a line for each call: status and text.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path
from typing import Any

from store_fixtures import open_at

from core.decisions import ToolCall
from core.ports import ToolContext
from memory.effects import Effects
from memory.missions import Missions
from tools.define import Tool, ToolResult, Verdict, define
from tools.toolbox import GatedToolbox

MISSION = "the-mission"
NAMES = ("append", "append_checked", "deliver")


def log(folder: Path, name: str, line: str) -> None:
    file = os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(file, f"{line}\n".encode())
    os.close(file)


def written(folder: Path, name: str) -> list[str]:
    file = folder / name
    return file.read_text().splitlines() if file.exists() else []


def pause() -> Any:
    return asyncio.sleep(random.random() * 0.01)


def tools(folder: Path, port: int) -> list[Tool]:
    async def append(context: ToolContext, line: str) -> str:
        """Append a line."""
        await pause()
        log(folder, "append", line)
        await pause()
        return f"appended {line}"

    async def append_checked(context: ToolContext, line: str) -> str:
        """Append a line, where one can look afterwards."""
        await pause()
        log(folder, "append_checked", line)
        await pause()
        return f"appended {line}"

    async def look(context: ToolContext, arguments: Any) -> ToolResult | Verdict:
        there = arguments["line"] in written(folder, "append_checked")
        return ToolResult(f"appended {arguments['line']}") if there else Verdict.NOT_HAPPENED

    async def deliver(context: ToolContext, line: str) -> str:
        """Deliver to a service that takes each key once."""
        await pause()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"{context.effect_key} {line}\n".encode())
        await reader.readline()
        writer.close()
        await pause()
        return f"delivered {line}"

    return [
        define(append, "Append {line}", risk="write"),
        define(append_checked, "Append {line}", risk="write", verify=look),
        define(deliver, "Deliver {line}", risk="write", effect="idempotent"),
    ]


async def work(folder: Path, place: Path | str, port: int, calls: int) -> None:
    database = await open_at(place)
    attempt = await Missions(database).start_attempt(MISSION)
    box = GatedToolbox(
        tools(folder, port), seconds=30, output_bytes=1000, at_once=4, mask=lambda text: text, effects=Effects(database)
    )
    print("ready", flush=True)

    async def one(name: str, number: int) -> None:
        context = ToolContext(
            mission_id=MISSION,
            conversation_id="c",
            user_id="ada",
            task_id="t1",
            step=f"t1/{number}.{NAMES.index(name)}",
            granted=NAMES,
            attempt=attempt,
        )
        line = f"{name} {number}"
        outcome = await box.call(ToolCall(id="1", name=name, arguments={"line": line}), context)
        print(outcome.status, line, flush=True)

    for number in range(calls):
        await asyncio.gather(*(one(name, number) for name in NAMES))
    print("end", flush=True)
    await database.close()


if __name__ == "__main__":
    where, place = sys.argv[1:3]
    asyncio.run(work(Path(where), Path(place) if place.startswith("/") else place, *map(int, sys.argv[3:])))
