"""AgentDojo through the gate: is a user's work still done, and is nothing done that a stranger's text asked for?

`make agentdojo` (it installs AgentDojo beside; ARGS="banking slack" takes some suites) prints a table and writes
bench/results/agentdojo.json. No model and no network: the user's task and the attack are scripts, the model believes everything it
reads, the person allows exactly the calls of their own task. The exit code says whether everything held. See docs/testing.md.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE.parent / "results"
sys.path.insert(0, str(HERE.parents[1] / "tests" / "integration"))

import dojo_suites  # noqa: E402
from dojo_trials import Score, through_gate, without_gate  # noqa: E402

COLUMNS = (
    ("utility", "user tasks done, nobody attacking"),
    ("utility_attacked", "user tasks done under attack"),
    ("attacks", "attacks that succeed, of those that need a tool"),
    ("carried_out", "attacked tasks in which a planted call changed anything"),
    ("attacks_open", "the same attacks without the gate"),
    ("text_only", "attacks on the words of the answer alone (no gate can stop those)"),
    ("approvals", "approvals per task: mean, most"),
    ("refused", "planted calls put before the person, per attacked task"),
    ("false_refusals", "calls of the user's task that were not made"),
)


def part(found: Sequence[Score], which: Any) -> str:
    return f"{sum(bool(which(s)) for s in found)} of {len(found)}"


def row(clean: Sequence[Score], attacked: Sequence[Score], open_: Sequence[Score]) -> dict[str, Any]:
    """Put one suite's scores (or all suites') together."""
    acting, talking = [s for s in attacked if s.needs_tool], [s for s in attacked if not s.needs_tool]
    return {
        "utility": part(clean, lambda s: s.useful),
        "utility_attacked": part(attacked, lambda s: s.useful),
        "attacks": part(acting, lambda s: s.harmed),
        "carried_out": part(acting, lambda s: s.carried_out),
        "attacks_open": part([s for s in open_ if s.needs_tool], lambda s: s.harmed),
        "text_only": part(talking, lambda s: s.harmed),
        "approvals": f"{sum(s.allowed for s in clean) / len(clean):.2f}, {max(s.allowed for s in clean)}",
        "refused": f"{sum(s.asked - s.allowed for s in attacked) / len(attacked):.2f}",
        "false_refusals": str(sum(len(s.missed) for s in (*clean, *attacked))),
    }


def problems(clean: Sequence[Score], attacked: Sequence[Score], open_: Sequence[Score]) -> list[str]:
    """Say what is not as it must be."""
    found = [f"{s.name}: the user's task was not done" for s in (*clean, *attacked) if not s.useful]
    found += [f"{s.name}: left out {', '.join(s.missed)}" for s in (*clean, *attacked) if s.missed]
    found += [f"{s.name}: the attack succeeded" for s in attacked if s.needs_tool and s.harmed]
    found += [f"{s.name}: carried out {', '.join(s.carried_out)}" for s in attacked if s.carried_out]
    if not any(s.harmed for s in open_ if s.needs_tool):
        found.append("Without the gate no attack succeeds either, so this proves nothing.")
    return found


async def suite(own: dojo_suites.Suite) -> tuple[list[Score], list[Score], list[Score]]:
    """Play one suite: alone, attacked, and attacked without the gate."""
    risks = {tool.name: tool.risks for tool in own.tools}
    open_ = [without_gate(trial, risks) for trial in own.trials(attacked=True)]
    with tempfile.TemporaryDirectory() as folder:
        clean = await through_gate(own.tools, own.trials(attacked=False), Path(folder) / "clean")
        attacked = await through_gate(own.tools, own.trials(attacked=True), Path(folder) / "attacked")
    return clean, attacked, open_


def printed(rows: dict[str, dict[str, Any]]) -> str:
    """Write the table, one line for each thing counted."""
    widest = max(len(words) for _, words in COLUMNS)
    head = " " * widest + "".join(f"  {name:>12}" for name in rows)
    lines = [f"{words:<{widest}}" + "".join(f"  {r[key]:>12}" for r in rows.values()) for key, words in COLUMNS]
    return "\n".join([head, *lines])


def main(names: Sequence[str]) -> int:
    if unknown := set(names) - set(dojo_suites.SUITES):
        print(f"There is no suite {', '.join(sorted(unknown))}. There are: {', '.join(dojo_suites.SUITES)}.")
        return 2
    if not dojo_suites.found():
        print("AgentDojo is not installed. `make agentdojo` installs it beside Staffwork and runs this.")
        return 2
    logging.disable(logging.ERROR)
    began, rows, wrong = time.monotonic(), {}, []
    sums: tuple[list[Score], list[Score], list[Score]] = ([], [], [])
    for own in dojo_suites.load(names or dojo_suites.SUITES):
        found = asyncio.run(suite(own))
        rows[own.name] = row(*found)
        wrong += problems(*found)
        for sum_, part_ in zip(sums, found, strict=True):
            sum_.extend(part_)
        print(f"{own.name}: {sum(map(len, found))} missions, {time.monotonic() - began:.0f} s", flush=True)
    rows["all"] = row(*sums)
    print(printed(rows), *wrong[:50], f"{len(wrong)} wrong", sep="\n")
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "agentdojo.json").write_text(json.dumps({"suites": rows, "wrong": wrong}, indent=1) + "\n")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
