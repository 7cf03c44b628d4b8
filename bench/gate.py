"""What the gate adds to a tool call, how long an approved call takes from the click to the deed, and how long prompts are.

`python -m bench.gate` prints a table and writes bench/results/gate.json. The tools do nothing, so the time is the gate's; the
database is a SQLite file. Goal: under 2 ms at the median, but for calls that must stand a power cut (they wait for the disk).
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "integration"))

from approval_fixtures import Play, World, open_house  # noqa: E402
from store_fixtures import mission, store  # noqa: E402
from toolkit_fixtures import open_kit  # noqa: E402
from toolkit_many import many_tools, prompt_tokens  # noqa: E402

from core.decisions import ToolCall  # noqa: E402
from core.missions import Status  # noqa: E402
from core.ports import ToolContext  # noqa: E402
from memory.approvals import Approvals  # noqa: E402
from memory.effects import Effects  # noqa: E402
from memory.missions import Missions  # noqa: E402
from tools.define import Tool, ToolResult, define  # noqa: E402
from tools.policy import Policy, Rule  # noqa: E402
from tools.toolbox import GatedToolbox  # noqa: E402

CALLS, WARM = 400, 40
LONG = "The quick brown fox jumps over the lazy dog. " * 4_000  # 180 KB that the user said
ARGUMENTS = {"to": "bob@example.org", "text": "hello " * 40}
Row = dict[str, float]


class Statements:
    """Counts statements sent to the database."""

    def __init__(self) -> None:
        self.count = 0
        event.listen(Engine, "before_cursor_execute", self._one)

    def _one(self, *_: Any) -> None:
        self.count += 1


async def act(context: ToolContext, to: str, text: str) -> ToolResult:
    """Do nothing."""
    return ToolResult("done")


def written() -> int:
    """Count the bytes that this process has given to write(2)."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["wchar"])


async def measured(call: Callable[[int], Awaitable[Any]], statements: Statements) -> Row:
    """Time calls one after the other; milliseconds at the median and the 95th, statements and bytes for each."""
    for number in range(WARM):
        await call(number)
    spent, count, wrote = [], statements.count, written()
    for number in range(WARM, WARM + CALLS):
        began = time.perf_counter()
        await call(number)
        spent.append((time.perf_counter() - began) * 1000)
    cut = statistics.quantiles(spent, n=20)
    per_call = (statements.count - count) / CALLS, (written() - wrote) / CALLS
    return {"p50": cut[9], "p95": cut[18], "statements": per_call[0], "bytes": per_call[1]}


def context(number: int, **more: Any) -> ToolContext:
    about = {"mission_id": "m", "conversation_id": "c", "user_id": "ada", "task_id": "t1", "step": f"t1/{number}.0"}
    return ToolContext(**about, granted=("act",), operator="hand", attempt=0, **more)


async def gate(folder: Path, statements: Statements) -> dict[str, Row]:
    """Measure calls through the gate over a real database."""
    read = define(act, "Act for {to}")
    changing = define(act, "Act for {to}", "write", effect="idempotent", undo="Undo it.")
    lasting = define(act, "Act for {to}", "write", effect="once", undo="Undo it.")
    outside = define(act, "Act for {to}", ("network", "write"), effect="idempotent")
    rules = Policy(tuple(Rule("deny", tools=(f"other_{n}_*",), arguments={"to": "*@evil.example"}) for n in range(50)))
    tainted = {"tainted": "It has read a page."}
    rows: dict[str, Row] = {}
    async with store(folder / "gate.db") as database:
        await Missions(database).accept(mission("m"), "message", title="m")
        effects, approvals = Effects(database), Approvals(database)

        async def run(name: str, tool: Tool, policy: Policy | None = None, **where: Any) -> None:
            box = GatedToolbox(
                [tool],
                seconds=20,
                output_bytes=16_000,
                at_once=8,
                mask=str,
                effects=effects,
                policy=policy,
                authority=approvals,
            )
            prefix = len(rows) * 1_000_000

            async def call(number: int) -> None:
                arguments = {**ARGUMENTS, **where.get("arguments", {})}
                given = context(prefix + number, **{k: v for k, v in where.items() if k != "arguments"})
                outcome = await box.call(ToolCall(id="1", name="act", arguments=arguments), given)
                assert outcome.status == where.get("expected", "approval" if "asked" in name else "ok"), outcome

            rows[name] = await measured(call, statements)

        await run("reads", read)
        await run("reads, tainted, 50 rules of the house", read, rules, **tainted)
        await run("reads, with 100 KB of arguments", read, arguments={"text": "x" * 100_000})
        await run("changes here: on record before and after", changing, **tainted)
        await run("changes for good: on record, safe against a power cut", lasting)
        said = (LONG + "bob@example.org", LONG + ARGUMENTS["text"].strip())
        stripped = {"text": ARGUMENTS["text"].strip()}
        await run(
            "changes outside, in the user's own words (360 KB)", outside, said=said, arguments=stripped, **tainted
        )
        await run("must be asked: looked up, not begun", outside, **tainted)
    return rows


async def round_trip(folder: Path) -> list[float]:
    """Time from a person's decision to the deed, through queue, graph, gate and journal; milliseconds each."""
    at = [0.0]
    spent: list[float] = []

    class Timed(World):
        async def pay(self, context: ToolContext, to: str, amount: int) -> str:
            """Pay money."""
            spent.append((time.perf_counter() - at[0]) * 1000)
            return "paid"

    world = Timed()
    play = Play(("pay", {"to": "bob", "amount": 1}))
    async with open_house(folder / "house.db", folder, play, world.tools()) as house:
        for _ in range(20):
            submitted = await house.submit()
            asked = await house.asked(submitted)
            at[0] = time.perf_counter()
            await house.decide(asked, "once")
            await house.until(submitted, Status.COMPLETED)
    return spent


async def prompts(folder: Path) -> dict[str, int]:
    """Count the tokens of an operator's first prompt (four characters each), by how many tools it holds."""
    found = {}
    for count in (10, 20, 200):
        place = folder / str(count)
        place.mkdir(parents=True)
        tools = many_tools(count)
        async with open_kit(place / "s.db", place, Play(), held=[tool.name for tool in tools], more=tools) as kit:
            submitted = await kit.submit("Convert the invoice number 17 to roman numerals.")
            await kit.until(submitted, Status.COMPLETED)
            found[str(count)] = prompt_tokens(kit.gateway.requests["t1/1"])
    return found


def main() -> int:
    statements = Statements()
    with tempfile.TemporaryDirectory() as folder:
        rows = asyncio.run(gate(Path(folder), statements))
        spent = asyncio.run(round_trip(Path(folder) / "house"))
        tokens = asyncio.run(prompts(Path(folder) / "prompts"))
    print(f"{'one call through the gate':<56}{'p50':>9}{'p95':>9}{'statements':>12}{'bytes':>10}")
    for name, row in rows.items():
        numbers = f"{row['p50']:>6.2f} ms{row['p95']:>6.2f} ms{row['statements']:>12.1f}{row['bytes']:>10,.0f}"
        print(f"{name:<56}{numbers}")
    trip = {"p50": statistics.median(spent), "most": max(spent)}
    print(f"{'from a decision to the deed':<56}{trip['p50']:>6.0f} ms, at most {trip['most']:.0f} ms")
    print("tokens of a prompt, with so many tools held: " + ", ".join(f"{n}: {size:,}" for n, size in tokens.items()))
    (HERE / "results").mkdir(exist_ok=True)
    found = {"calls": rows, "decision_to_deed_ms": trip, "prompt_tokens": tokens}
    (HERE / "results" / "gate.json").write_text(json.dumps(found, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
