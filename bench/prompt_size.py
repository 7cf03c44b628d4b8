"""How long an operator's prompt is with 10, 20 and 200 tools, and how long it takes to choose those that are shown.

`python -m bench prompt_size` prints a table and writes bench/results/prompt_size.json. Four characters count as a token.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from pathlib import Path
from typing import Any

from agents.role_tools import in_brief
from core.ports import ToolContext
from graphs.provisioning import MOST_CHOSEN, ROOM
from memory.embeddings import LocalEmbedder
from tools.catalogue import Catalogue
from tools.define import Tool, define

HERE = Path(__file__).parent
DEEDS = ("translate_letter", "weigh_parcel", "convert_invoice", "paint_wall", "tune_piano",
         "count_birds", "bake_bread", "mend_shoe", "chart_river", "grade_essay")  # fmt: skip
GOAL = "Translate the letter into French and weigh the parcel it comes with."


def many(count: int) -> list[Tool]:
    """Make so many tools, of ten kinds."""
    return [_tool(f"{DEEDS[n % 10]}_{n // 10 + 1}") for n in range(count)]


def _tool(name: str) -> Tool:
    async def deed(context: ToolContext, text: str) -> str:
        return text

    words = name.rpartition("_")[0].replace("_", " ")
    deed.__name__, deed.__doc__ = name, f"{words.capitalize()} as one asks for it, whatever stands in the text."
    return define(deed, f"{words.capitalize()}: {{text}}")


async def measured(count: int) -> dict[str, Any]:
    """Choose for one goal out of so many tools, again and again."""
    tools = {tool.name: tool for tool in many(count)}
    catalogue = Catalogue(tools.values(), LocalEmbedder())
    await catalogue.ranked(GOAL, tools)  # the model is loaded, the descriptions are embedded: once in a process
    times = []
    for _ in range(30):
        began = time.perf_counter()
        chosen = await catalogue.relevant(GOAL, list(tools), ROOM, MOST_CHOSEN)
        times.append(time.perf_counter() - began)
    shown = [tools[name] for name in (tools if chosen is None else chosen)]
    told = sum(len(json.dumps(in_brief(tool.spec).model_dump(), separators=(",", ":"))) for tool in shown)
    return {"shown": len(shown), "tokens": told // 4, "choose ms": round(statistics.median(times) * 1000, 2)}


async def main() -> None:
    results = {str(count): await measured(count) for count in (10, 20, 200)}
    print(f"{'tools held':>10}  {'shown':>6}  {'prompt tokens':>13}  {'choosing, ms':>12}")
    for count, found in results.items():
        print(f"{count:>10}  {found['shown']:>6}  {found['tokens']:>13}  {found['choose ms']:>12}")
    few, most = results["10"]["tokens"], results["200"]["tokens"]
    print(
        f"200 tools cost {most / few:.2f} times the tokens of 10 (target: 1.0; longer names and descriptions cost more)"
    )
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    (folder / "prompt_size.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    asyncio.run(main())
