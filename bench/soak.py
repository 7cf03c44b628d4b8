"""Missions survive anything: hundreds of them, processes killed at random moments, and a count of what came of it.

`python -m bench soak [sqlite] [postgres] [dag]` (default: all) prints a table and writes bench/results/soak.json; the exit code
says whether everything held. What is done and checked is in tests/integration/soak_*.py.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests" / "integration"))

from soak_drive import Count, Terms, soak  # noqa: E402

LATEST = 10.0


def sqlite(folder: Path) -> Count:
    return asyncio.run(soak(Terms(), folder / "staffwork.db", folder))


PARTS = {"sqlite": sqlite}


def rows(count: Count) -> dict[str, tuple[Any, str]]:
    """Say what was counted, and what it must be."""
    wrong = count.wrong
    return {
        "missions acknowledged": (f"{count.acknowledged} of {count.missions}", ""),
        "processes killed": (count.kills, ""),
        "missions hit (once, twice)": (
            f"{sum(n == 1 for n in count.hits.values())}, {sum(n == 2 for n in count.hits.values())}",
            "",
        ),
        "processes frozen and woken": (count.frozen, ""),
        "missions lost": (sum("lost" in w for w in wrong), "0"),
        "effects executed twice": (sum("was executed" in w for w in wrong), "0"),
        "definite state after restart, slowest s": (round(count.slowest, 1), f"<= {LATEST:.0f}"),
        "decisions of a person": (count.decisions, ""),
        "events followed, exactly once": (count.events, ""),
        "model calls repeated": (count.repeated, ""),
        "ends": (", ".join(f"{n} {state}" for state, n in count.ends.most_common()), ""),
        "anything wrong": (len(wrong), "0"),
        "seconds": (round(count.seconds), ""),
    }


def held(count: Count) -> bool:
    return not count.wrong and count.slowest <= LATEST and count.acknowledged == count.missions


def main(names: list[str]) -> int:
    results, good = {}, True
    for name in names or list(PARTS):
        with tempfile.TemporaryDirectory() as folder:
            count = PARTS[name](Path(folder))
        found = rows(count)
        print(f"\n{name:<40} {'measured':>28}  target")
        for what, (value, target) in found.items():
            print(f"{what:<40} {value!s:>28}  {target}")
        for problem in count.wrong[:20]:
            print(f"  {problem}")
        results[name] = asdict(count) | {"hits": count.hits.total()}
        good = good and held(count)
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    (folder / "soak.json").write_text(json.dumps(results, indent=1))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
