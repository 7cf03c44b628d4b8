"""How long a run in the sandbox takes to start, alone and twenty at a time, here and through a runner; what the self-attack at the
start costs, and what it costs to read a stranger's file in a room.

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
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from core.settings import Settings
from memory.documents import DocumentReader
from tools.apart import Job, work_apart
from tools.archives import Archive, unpack
from tools.sandbox.opening import Sandbox, limits_of
from tools.sandbox.reading import ReadingRooms
from tools.sandbox.remote import RemoteSandbox
from tools.sandbox.terms import PYTHON, Absent, Hands
from tools.workspace import LARGEST

HERE = Path(__file__).parent
ROUNDS = 15
AT_ONCE = 20


async def seconds(sandbox: Hands, folder: Path, argv: Sequence[str]) -> float:
    began = time.perf_counter()
    result = await sandbox.run(argv, folder)
    assert (result.status, result.code) == ("exited", 0), result
    return time.perf_counter() - began


async def measured(root: Path) -> dict[str, float]:
    """Measure the sandbox of this machine, then that of a runner in a process of its own."""
    settings = Settings(data_dir=root, sandbox_runs_at_once=AT_ONCE)
    began = time.perf_counter()
    local = await Sandbox.open(settings)
    if isinstance(local, Absent):
        raise SystemExit(f"There is no sandbox here: {local.reason} {local.fix}")
    rows = {"here: open, with the attack on itself": time.perf_counter() - began}
    rows |= await runs("here", local, root) | await readings("here", local, settings)
    async with runner(root) as (remote, opened):
        rows["runner: start until it answers"] = opened
        rows |= await runs("runner", remote, root) | await readings("runner", remote, settings)
    return rows


async def runs(where: str, sandbox: Hands, root: Path) -> dict[str, float]:
    folder = root / "workspaces" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    commands = {
        "shell command": ("/bin/bash", "-c", "true"),
        "Python": (PYTHON, "-c", "pass"),
        "import numpy": (PYTHON, "-c", "import numpy"),
        "import pandas": (PYTHON, "-c", "import pandas"),
        "import matplotlib.pyplot": (PYTHON, "-c", "import matplotlib.pyplot"),
    }
    rows = {}
    for name, argv in commands.items():
        await seconds(sandbox, folder, argv)
        rows[f"{where}: {name}"] = statistics.median([await seconds(sandbox, folder, argv) for _ in range(ROUNDS)])
    for name in ("shell command", "Python"):
        began = time.perf_counter()
        await asyncio.gather(*(seconds(sandbox, folder, commands[name]) for _ in range(AT_ONCE)))
        rows[f"{where}: {AT_ONCE} at once, {name}"] = time.perf_counter() - began
    return rows


async def readings(where: str, sandbox: Hands, settings: Settings) -> dict[str, float]:
    """Measure what it costs to read a file in a room, beside a process with limits."""
    page, packed = settings.data_dir / "page.html", settings.data_dir / "packed.zip"
    page.write_text("<html><body>" + "<p>Some words on a page.</p>" * 500 + "</body></html>")
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "some words\n" * 10_000)
    rooms = ReadingRooms(sandbox, settings.data_dir / "workspaces")
    ways = {f"{where}, in a room": rooms} | ({"in a process": None} if where == "here" else {})
    rows = {}
    for way, chosen in ways.items():
        reader = DocumentReader(settings, chosen)
        rows[f"{way}: read a web page"] = await middle(lambda r=reader: r.read(page, "page.html"))
        archive = Archive("packed.zip", lambda: packed.open("rb"))
        rows[f"{way}: unpack an archive"] = await middle(lambda a=archive, c=chosen: unpack(a, c))
        for name, job in jobs(settings.data_dir).items():
            rows[f"{way}: {name}"] = await middle(lambda j=job, c=chosen: work_apart(j, c))
    return rows


def jobs(root: Path) -> dict[str, Job]:
    """What is done with strangers' data: a query over a table, a chart of it, a document, and the text of a page."""
    (root / "sales.csv").write_text("month,sum\n" + "".join(f"2026-{n % 12 + 1:02},{n}\n" for n in range(5_000)))
    table = (root / "sales.csv").open("rb")
    about = {"name": "sales.csv", "cited": "sales.csv", "table": "sales", "format": "text"}
    sql = "SELECT month, sum(sum) AS total FROM sales GROUP BY month ORDER BY month"
    chart = {"action": "chart", "kind": "bar", "sql": sql, "rows": [], "x": "", "y": [], "name": "c"}
    text = {"action": "docx", "text": "# Report\n\nSome words.\n", "name": "a.docx", "files": []}
    page = (root / "page.html").open("rb")
    return {
        "one SQL query": Job(
            "tools.table_worker",
            [table],
            lambda read, _: {"action": "query", "sql": sql, "files": [about | {"fd": read[0]}]},
            "died",
        ),
        "one chart": Job(
            "tools.making_worker",
            [table],
            lambda read, out: chart | {"files": [about | {"fd": read[0]}], "outputs": {"png": out[0], "json": out[1]}},
            "died",
            2,
            LARGEST,
            2 << 30,
        ),
        "one document": Job(
            "tools.making_worker", [], lambda _, out: text | {"outputs": {"docx": out[0]}}, "died", 1, LARGEST, 2 << 30
        ),
        "text of a fetched page": Job(
            "tools.page_text", [page], lambda read, _: {"fd": read[0], "url": "https://example.org/"}, "died"
        ),
    }


async def middle(work: Callable[[], Awaitable[object]]) -> float:
    taken = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await work()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


@asynccontextmanager
async def runner(root: Path) -> AsyncIterator[tuple[RemoteSandbox, float]]:
    """A runner as it is run, until it answers, and how long that took."""
    settings = Settings(data_dir=root, sandbox_runs_at_once=AT_ONCE)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:  # the path of a socket must be short
        command = [sys.executable, "-B", "-m", "chat.terminal", "runner", "--socket", f"{folder}/s"]
        env = {
            "PATH": os.environ["PATH"],
            "STAFFWORK_DATA_DIR": str(root),
            "STAFFWORK_SANDBOX_RUNS_AT_ONCE": str(AT_ONCE),
        }
        process = await asyncio.create_subprocess_exec(*command, cwd=HERE.parent, env=env, stderr=subprocess.DEVNULL)
        try:
            remote = RemoteSandbox(Path(folder, "s"), root / "workspaces", limits_of(settings))
            while await remote.look():
                assert process.returncode is None, "the runner has ended"
                await asyncio.sleep(0.005)
            yield remote, time.perf_counter() - began
        finally:
            process.terminate()
            await process.wait()


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
        print(f"{name:<40}  {value * 1000:8.1f} ms")
    if os.access(HERE, os.W_OK):
        keep(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
