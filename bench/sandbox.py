"""How long a run in the sandbox takes to start, alone and twenty at a time, and what the self-attack at the start costs.

`python -m bench.sandbox` prints a table and writes bench/results/sandbox.json. It runs as an ordinary user: where it is
started by root, it starts itself again as one (which needs util-linux; see tests/integration/ordinary_user.py).
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from core.settings import Settings
from tools.sandbox.opening import Sandbox
from tools.sandbox.terms import Absent

HERE = Path(__file__).parent
ROUNDS = 15
AT_ONCE = 20


async def seconds(sandbox: Sandbox, folder: Path, argv: Sequence[str]) -> float:
    began = time.perf_counter()
    result = await sandbox.run(argv, folder)
    assert (result.status, result.code) == ("exited", 0), result
    return time.perf_counter() - began


async def measured(root: Path) -> dict[str, float]:
    began = time.perf_counter()
    sandbox = await Sandbox.open(Settings(data_dir=root, sandbox_runs_at_once=AT_ONCE))
    if isinstance(sandbox, Absent):
        raise SystemExit(f"There is no sandbox here: {sandbox.reason} {sandbox.fix}")
    rows = {"open, with the attack on itself": time.perf_counter() - began}
    folder = root / "work"
    folder.mkdir()
    commands = {
        "shell command": ("/bin/bash", "-c", "true"),
        "Python": (sandbox.python, "-c", "pass"),
        "import numpy": (sandbox.python, "-c", "import numpy"),
        "import pandas": (sandbox.python, "-c", "import pandas"),
        "import matplotlib.pyplot": (sandbox.python, "-c", "import matplotlib.pyplot"),
    }
    for name, argv in commands.items():
        await seconds(sandbox, folder, argv)
        rows[name] = statistics.median([await seconds(sandbox, folder, argv) for _ in range(ROUNDS)])
    for name in ("shell command", "Python"):
        began = time.perf_counter()
        await asyncio.gather(*(seconds(sandbox, folder, commands[name]) for _ in range(AT_ONCE)))
        rows[f"{AT_ONCE} at once: {name}"] = time.perf_counter() - began
    return rows


def as_ordinary_user() -> int:
    sys.path.insert(0, str(HERE.parent / "tests" / "integration"))
    import ordinary_user

    with tempfile.TemporaryDirectory() as base:
        os.chown(base, ordinary_user.USER, ordinary_user.USER)
        command = ordinary_user.dropped([sys.executable, "-B", "-m", "bench.sandbox"])
        env = {"PATH": os.environ["PATH"], "HOME": base, "TMPDIR": base}
        done = subprocess.run(command, cwd=HERE.parent, env=env, capture_output=True, text=True, check=False)
    print(done.stdout or done.stderr, end="")
    if done.returncode == 0:
        keep({row.rsplit("  ", 1)[0].strip(): float(row.split()[-2]) / 1000 for row in done.stdout.splitlines()})
    return done.returncode


def keep(rows: dict[str, float]) -> None:
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results" / "sandbox.json").write_text(json.dumps({"seconds": rows}, indent=1) + "\n")


def main() -> int:
    if os.geteuid() == 0:
        return as_ordinary_user()
    with tempfile.TemporaryDirectory() as root:
        rows = asyncio.run(measured(Path(root)))
    for name, value in rows.items():
        print(f"{name:<36}  {value * 1000:8.1f} ms")
    if os.access(HERE, os.W_OK):
        keep(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
