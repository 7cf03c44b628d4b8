"""`chainlit run chat/app.py`: the way to work on the chat has the same doors as the server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environ = {**os.environ, "STAFFWORK_DATA_DIR": str(tmp_path / "data"), "CHAINLIT_APP_ROOT": str(tmp_path)}
    command = [sys.executable, "-m", "chainlit", "run", "chat/app.py", "--headless", "--port", str(port)]
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(command, cwd=PROJECT, env=environ, stdout=log, stderr=log)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def test_it_starts_with_the_guard_and_the_office(address: str) -> None:
    ends = time.monotonic() + 40
    while True:
        try:
            ready = httpx.get(f"{address}/readyz")
            break
        except httpx.ConnectError:
            assert time.monotonic() < ends
            time.sleep(0.2)
    assert (ready.status_code, ready.json()["database"]) == (200, "")
    assert httpx.get(f"{address}/user").status_code == 401
    assert httpx.get(f"{address}/openapi.json").status_code == 401
    assert "jsdelivr" not in httpx.get(f"{address}/login", headers={"accept": "text/html"}).text
