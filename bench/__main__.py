"""Run the benchmarks one after the other, or those named: `python -m bench [mission startup ...]` (see ALL)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ALL = (
    "mission",
    "startup",
    "stream_cost",
    "journal_cost",
    "stuck_missions",
    "prompt_size",
    "chat_scale",
    "opening",
    "sandbox",
    "door",
    "login",
    "page",
    "gate",
)
LONG = ("soak", "agentdojo")
"""Run only when named: these take many minutes, or need what `make` installs for them."""


def main(names: list[str]) -> int:
    if unknown := set(names) - {*ALL, *LONG}:
        print(f"There is no benchmark {', '.join(sorted(unknown))}. There are: {', '.join((*ALL, *LONG))}.")
        return 2
    failed = 0
    for name in names or ALL:
        print(f"\n{name}", flush=True)
        failed |= subprocess.run([sys.executable, "-m", f"bench.{name}"], cwd=HERE.parent, check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
