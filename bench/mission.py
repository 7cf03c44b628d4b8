"""What a delegated mission costs with everything switched on: wall time, CPU, bytes written, first event, memory, tokens.

`python bench/mission.py [instant] [paced] [hundred] [turns]` (default: all) prints a table and writes bench/results/mission.json.
The model is a process on loopback (see loopback_model.py); "written" is what this process gave to write(2) less what it
sent to the model.
"""

from __future__ import annotations

import asyncio
import json
import logging
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import uvloop

from core.events import MissionEnded
from core.missions import Mission, Status, new_id, now
from core.settings import Settings
from graphs.office import Office

HERE = Path(__file__).parent
logging.getLogger("httpx2").setLevel(logging.WARNING)
sys.path.insert(0, str(HERE))

from loopback_model import CALLS, CRITICAL_PATH  # noqa: E402

GOAL = "Compare the three parts and tell me which one matters most."


class Model:
    """The loopback model's process."""

    def __init__(self, pace: float) -> None:
        command = [sys.executable, str(HERE / "loopback_model.py"), str(pace)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    def counted(self) -> dict[str, int]:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/", timeout=10) as answer:
            return dict(json.loads(answer.read()))

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@asynccontextmanager
async def office_with(pace: float) -> AsyncIterator[tuple[Office, Model]]:
    model = Model(pace)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            data_dir=Path(folder),
            model="compatible:bench",
            compatible_base_url=f"http://127.0.0.1:{model.port}/v1",
            price_in=1,
            price_out=2,
            missions_at_once=200,
            model_calls_at_once=1000,
            log_level="error",
        )
        try:
            async with Office.open(settings) as office:
                yield office, model
        finally:
            model.stop()


async def one(office: Office, conversation_id: str | None = None) -> tuple[float, float]:
    """Run one mission as a browser would see it; returns (seconds to the first event, seconds to the end)."""
    user = await office.people.ensure_local_owner()
    began = time.perf_counter()
    mission = Mission(
        id=new_id(), conversation_id=conversation_id or new_id(), user_id=user.id, goal=GOAL, created_at=now()
    )
    await office.submit(mission)
    first = None
    async for event in office.follow(mission.id):
        if first is None and event.kind != "mission_accepted":
            first = time.perf_counter() - began
        if isinstance(event, MissionEnded):
            assert event.status is Status.COMPLETED, event
            assert event.usage.model_calls == CALLS, event.usage
    assert first is not None
    return first, time.perf_counter() - began


def written() -> int:
    return int(next(line for line in Path("/proc/self/io").read_text().splitlines() if "wchar" in line).split()[1])


def rss_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


def ms(values: list[float]) -> float:
    return round(statistics.median(values) * 1000, 1)


async def instant(rounds: int = 30) -> dict[str, Any]:
    async with office_with(0) as (office, model):
        for _ in range(5):
            await one(office)
        await asyncio.sleep(0.5)
        before, sent, cpu = written(), model.counted(), time.process_time()
        times = [await one(office) for _ in range(rounds)]
        await asyncio.sleep(0.5)
        cpu = (time.process_time() - cpu) / rounds
        counted = model.counted()
        network = counted["received"] - sent["received"]
        return {
            "wall ms": (ms([t for _, t in times]), "<= 80"),
            "CPU ms": (round(cpu * 1000, 1), "<= 60"),
            "first event ms": (ms([t for t, _ in times]), "<= 30"),
            "written KB": (round((written() - before - network) / rounds / 1024), "<= 150"),
            "stream events": (round((counted["events"] - sent["events"]) / rounds), "~400"),
            "input tokens": (round((counted["prompt_tokens"] - sent["prompt_tokens"]) / rounds), ""),
        }


async def paced() -> dict[str, Any]:
    async with office_with(1) as (office, _):
        times = [(await one(office))[1] for _ in range(2)]
    return {"wall / critical path": (round(min(times) / CRITICAL_PATH, 3), "<= 1.01")}


async def hundred(at_once: int = 100) -> dict[str, Any]:
    async with office_with(1) as (office, _):
        await one(office)
        before, cpu = rss_mb(), time.process_time()
        times = sorted(t for _, t in await asyncio.gather(*(one(office) for _ in range(at_once))))
        cpu = (time.process_time() - cpu) / at_once
        grown = (rss_mb() - before) / at_once
    return {
        f"{at_once} at once: p95 / critical path": (round(times[int(at_once * 0.95) - 1] / CRITICAL_PATH, 2), "<= 1.3"),
        f"{at_once} at once: CPU s each": (round(cpu, 3), "<= 0.1"),
        f"{at_once} at once: MB each": (round(grown, 2), "<= 0.5"),
    }


async def turns(count: int = 50) -> dict[str, Any]:
    async with office_with(0) as (office, model):
        conversation, used, disk = new_id(), [], []
        for _ in range(count):
            before = model.counted()["prompt_tokens"]
            await one(office, conversation)
            used.append(model.counted()["prompt_tokens"] - before)
            disk.append(sum(f.stat().st_size for f in office.settings.data_dir.rglob("*") if f.is_file()) / 1024)
    half = count // 2
    return {
        f"turn {half}: input tokens": (used[half - 1], "flat"),
        f"turn {count}: input tokens": (used[-1], "<= 10000"),
        f"most of turns {half}-{count}: input tokens": (max(used[half:]), "<= 10000"),
        "KB per turn, first half": (round((disk[half - 1] - disk[0]) / (half - 1)), "linear"),
        "KB per turn, second half": (round((disk[-1] - disk[half - 1]) / half), "linear"),
    }


PARTS = {"instant": instant, "paced": paced, "hundred": hundred, "turns": turns}


async def main(names: list[str]) -> None:
    results: dict[str, Any] = {}
    for name in names or list(PARTS):
        results |= await PARTS[name]()
    width = max(len(name) for name in results)
    print(f"{'mission (' + str(CALLS) + ' model calls)':<{width}}  {'measured':>10}  target")
    for name, (value, target) in results.items():
        print(f"{name:<{width}}  {value:>10}  {target}")
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    (folder / "mission.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1:]))  # as the server does
