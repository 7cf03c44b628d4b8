"""How long a start takes, and what an idle server holds: Staffwork beside a bare Chainlit hello.

`python bench/startup.py` starts each three times on loopback, prints a table and writes bench/results/startup.json.
"""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
ROUNDS = 3
HELLO = 'import chainlit as cl\n\n\n@cl.on_message\nasync def reply(message):\n    await cl.Message("Hello").send()\n'


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def first_page(port: int, process: subprocess.Popen[bytes]) -> float:
    """Wait for the first page (60 s at most); returns when it came (time.perf_counter)."""
    end = time.perf_counter() + 60
    while process.poll() is None and time.perf_counter() < end:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=5) as answer:
                answer.read()
            return time.perf_counter()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.02)
    raise SystemExit(f"No page came (the server's exit code is {process.returncode}).")


def held_mb(process: subprocess.Popen[bytes]) -> float:
    pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def cpu_seconds(process: subprocess.Popen[bytes]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(command: list[str], port: int, folder: str, environment: dict[str, str]) -> tuple[float, float, float]:
    began = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        waited = first_page(port, process) - began
        used = cpu_seconds(process)
        time.sleep(2)
        return waited, used, held_mb(process)
    finally:
        process.terminate()
        process.wait(30)


def staffwork(folder: str) -> tuple[float, float, float]:
    port = free_port()
    command = [str(BIN / "staffwork"), "serve", "--port", str(port)]
    return measure(command, port, folder, {"STAFFWORK_DATA_DIR": folder, "STAFFWORK_LOG_LEVEL": "error"})


def chainlit(folder: str) -> tuple[float, float, float]:
    port = free_port()
    (Path(folder) / "hello.py").write_text(HELLO)
    command = [str(BIN / "chainlit"), "run", "hello.py", "--headless", "--port", str(port)]
    return measure(command, port, folder, {})


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    results: dict[str, Any] = {}
    print(f"{'start':<28}  {'first page s':>12}  {'CPU s':>6}  {'idle MB':>8}")
    for name, start in (("Staffwork, second start", staffwork), ("Chainlit hello", chainlit)):
        with tempfile.TemporaryDirectory() as folder:
            start(folder)  # the first start sets things up and compiles
            rounds = [start(folder) for _ in range(ROUNDS)]
        waited, used, held = (round(min(r[i] for r in rounds), 2) for i in range(3))
        results[name] = {"first page s": waited, "cpu s": used, "idle mb": round(held)}
        print(f"{name:<28}  {waited:>12}  {used:>6}  {held:>8.0f}")
    folder = HERE / "results"
    folder.mkdir(exist_ok=True)
    (folder / "startup.json").write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
