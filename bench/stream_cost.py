"""CPU per stream event of our model clients: a 400-event reply from a loopback server, read through the official SDKs.

`python bench/stream_cost.py` prints a table and writes bench/results/stream_cost.json. The server is a process of its own
and is not counted; the event loop is uvloop, as in the real server. "at once" is a server that sends as fast as it can,
so that many events are read in one go; "one by one" sends 500 events a second, and each one wakes the reader.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "integration")]

import uvloop  # noqa: E402
from langchain_core.messages import HumanMessage, SystemMessage  # noqa: E402
from wire_replies import WireReply  # noqa: E402
from wire_servers import WireServer  # noqa: E402

from agents.llm.calls import ModelRequest  # noqa: E402
from agents.llm.providers import Providers  # noqa: E402
from agents.llm.streams import DeltaSource  # noqa: E402
from core.settings import Settings  # noqa: E402

EVENTS, ROUNDS = 400, 15
PACES = {"at once": 0.0, "one by one": 1000.0}  # tokens per second, two to an event
REQUEST = ModelRequest([SystemMessage("Be brief."), HumanMessage("Hello?")])


class NoEmbedder:
    name, dimensions = "none", 0

    async def embed(self, texts: Any) -> list[list[float]]:
        return []


async def typed(client: Any, wire: str) -> AsyncIterator[object]:
    """Read the same stream as the SDK's typed objects, for comparison."""
    question: Any = [{"role": "user", "content": "Hello?"}]
    create = client.chat.completions.create if wire == "openai" else client.messages.create
    options = {"stream_options": {"include_usage": True}} if wire == "openai" else {"max_tokens": 100}
    async for event in await create(model="m", messages=question, stream=True, **options):
        yield event


async def microseconds(stream: Callable[[], AsyncIterator[object]]) -> tuple[float, float]:
    """Return (median microseconds of CPU per stream event, items read per reply), the first reply left out."""
    spent, items = [], 0
    for _ in range(ROUNDS):
        began = time.thread_time()
        items = 0
        async for _item in stream():
            items += 1
        spent.append((time.thread_time() - began) / EVENTS * 1e6)
    return statistics.median(spent[1:]), items


@contextmanager
def server(wire: str, pace: float) -> Iterator[str]:
    """Run the server in a process of its own; yields its base URL."""
    with subprocess.Popen(
        [sys.executable, __file__, "serve", wire, str(pace)], stdin=-1, stdout=-1, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()  # which ends it


def serve(wire: Any, pace: float) -> None:
    with WireServer([WireReply("12345678" * EVENTS, tokens_per_second=pace)], wire, check=False) as running:
        print(running.base_url, flush=True)
        sys.stdin.read()


async def measure(wire: str, base_url: str) -> list[dict[str, Any]]:
    settings = Settings.model_validate(
        {"model": f"{wire}:m", f"{wire}_api_key": "sk-none", f"{wire}_base_url": base_url}
    )
    providers = Providers(settings, NoEmbedder())
    chat: Any = providers.build(f"{wire}:m")
    source: DeltaSource = chat
    ours, deltas = await microseconds(lambda: source.deltas(REQUEST))
    theirs, _ = await microseconds(lambda: typed(chat.client, wire))
    short, _ = await microseconds(lambda: first(source))
    await providers.close()
    name = type(chat).__name__
    return [
        {"reader": f"{name}.deltas", "microseconds": round(ours, 1), "deltas": deltas},
        {"reader": f"{wire} SDK, typed events", "microseconds": round(theirs, 1), "deltas": EVENTS},
        {"reader": f"{name}: the request alone, per reply", "microseconds": round(short * EVENTS), "deltas": 1},
    ]


async def first(source: DeltaSource) -> AsyncIterator[object]:
    """Read the first delta only, which costs the request and nothing else."""
    stream: Any = source.deltas(REQUEST)
    yield await anext(stream)
    await stream.aclose()


def main() -> None:
    rows = []
    for pace, tokens_per_second in PACES.items():
        for wire in ("openai", "anthropic"):
            with server(wire, tokens_per_second) as base_url:
                rows += [{"server": pace} | row for row in uvloop.run(measure(wire, base_url))]
    print(f"{EVENTS} events per reply, median of {ROUNDS - 1} replies; CPU per event unless it says otherwise\n")
    print(f"{'server':12} {'reader':48} {'microseconds':>12} {'items read':>11}")
    for row in rows:
        print(f"{row['server']:12} {row['reader']:48} {row['microseconds']:>12} {row['deltas']:>11}")
    results = ROOT / "bench" / "results"
    results.mkdir(exist_ok=True)
    (results / "stream_cost.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve(sys.argv[2], float(sys.argv[3]))
    else:
        main()
