"""What the door bears: visitors who never finish asking, idle connections, bodies and messages far too large.

`python -m bench door` starts Staffwork with the proxy of compose.yaml in front (needs `caddy`), tries each in turn, and asks for
the health page meanwhile, through the proxy. Prints a table and writes bench/results/door.json.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import connect
from websockets.typing import Origin

from bench.startup import HERE, free_port, held_mb

CADDYFILE = HERE.parent / "docker" / "Caddyfile"
HALF_OPEN, IDLE, UPLOAD = 600, 10_000, 2 * 1024**3
PASSWORD = "a long password"
SOCKET = "/ws/socket.io/?EIO=4&transport=websocket"


@dataclass
class Street:
    """The house, the proxy in front of it, and a person who has logged in."""

    house: subprocess.Popen[Any]
    proxy: subprocess.Popen[Any]
    url: str
    port: int
    trust: ssl.SSLContext
    visitor: httpx.AsyncClient
    rows: list[dict[str, Any]] = field(default_factory=list)

    async def health_ms(self) -> float:
        began = time.perf_counter()
        async with httpx.AsyncClient(verify=self.trust, trust_env=False, timeout=30) as anew:
            answer = await anew.get(self.url + "/healthz")
        assert answer.status_code == 200, answer.text
        return (time.perf_counter() - began) * 1000

    async def tried(self, what: str, trial: Callable[[Street, AsyncExitStack], Awaitable[str]]) -> None:
        """Do it, ask for the health page while it lasts, and note how much memory each side holds before and after."""
        before = (held_mb(self.house), held_mb(self.proxy))
        async with AsyncExitStack() as held:
            came = await trial(self, held)
            health = [await self.health_ms() for _ in range(5)]
            after = (held_mb(self.house), held_mb(self.proxy))
        row = {
            "what": what,
            "came of it": came,
            "health ms": round(max(health)),
            "house mb": f"{before[0]:.0f} -> {after[0]:.0f}",
            "proxy mb": f"{before[1]:.0f} -> {after[1]:.0f}",
        }
        self.rows.append(row)
        print(f"{what:<34}{came:<38}{row['health ms']:>9}  {row['house mb']:>12}  {row['proxy mb']:>12}", flush=True)


async def nothing(street: Street, held: AsyncExitStack) -> str:
    return ""


async def half_open(street: Street, held: AsyncExitStack) -> str:
    for _ in range(HALF_OPEN):
        _, writer = await asyncio.open_connection(
            "127.0.0.1", street.port, ssl=street.trust, server_hostname="localhost"
        )
        held.callback(writer.close)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
    return f"{HALF_OPEN} held"


async def idle(street: Street, held: AsyncExitStack) -> str:
    for _ in range(IDLE):
        _, writer = await asyncio.open_connection("127.0.0.1", street.port)
        held.callback(writer.close)
    return f"{IDLE} opened"


async def upload_announced(street: Street, held: AsyncExitStack) -> str:
    return await _upload(street, {"content-length": str(UPLOAD)})


async def upload_unannounced(street: Street, held: AsyncExitStack) -> str:
    return await _upload(street, {})


async def _upload(street: Street, headers: dict[str, str]) -> str:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.bin"\r\n\r\n'
        piece = bytes(2**20)
        for _ in range(UPLOAD // len(piece)):
            sent += len(piece)
            yield piece

    headers = {"content-type": "multipart/form-data; boundary=x", **headers}
    try:
        answer = await street.visitor.post("/project/file?session_id=x", content=body(), headers=headers)
        words = str(answer.status_code)
    except httpx.TransportError:
        words = "cut off"
    return f"{words} after {sent // 2**20} MB were sent"


async def long_message(street: Street, held: AsyncExitStack) -> str:
    address = street.url.replace("https", "wss") + SOCKET
    cookie = {"cookie": street.visitor.headers["cookie"]}
    async with connect(address, ssl=street.trust, origin=Origin(street.url), additional_headers=cookie) as socket:
        await socket.recv()
        await socket.send("40{}")
        await socket.send("42" + json.dumps(["client_message", {"message": {"output": "a" * 1_000_000}}]))
    return "taken or refused, and nobody harmed"


TRIALS = {
    "nothing": nothing,
    f"{HALF_OPEN} who never finish asking": half_open,
    f"{IDLE:,} idle connections": idle,
    "2 GB upload, announced": upload_announced,
    "2 GB upload, not announced": upload_unannounced,
    "1 MB message on the socket": long_message,
    "nothing, afterwards": nothing,
}


@contextmanager
def processes(folder: Path) -> Iterator[tuple[subprocess.Popen[str], subprocess.Popen[bytes], str, int]]:
    """Start the house and the proxy; gives both, the address people use, and the proxy's port."""
    port, https, http = free_port(), free_port(), free_port()
    url = f"https://localhost:{https}"
    environ = {**os.environ, "STAFFWORK_PUBLIC_URL": url}
    home = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    ports = {"HTTP_PORT": str(http), "HTTPS_PORT": str(https), "UPSTREAM": f"127.0.0.1:{port}"}
    house = subprocess.Popen(
        [sys.executable, "-m", "chat.terminal", "serve", "--port", str(port)],
        env={**environ, "STAFFWORK_DATA_DIR": str(folder / "data"), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    proxy = subprocess.Popen(
        ["caddy", "run", "--config", str(CADDYFILE), "--adapter", "caddyfile"],
        env={**environ, **home, **ports},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield house, proxy, url, https
    finally:
        for process in (proxy, house):
            process.terminate()
            process.wait(60)


def setup_token(house: subprocess.Popen[str]) -> str:
    """Read what the house prints until it names its set-up address."""
    assert house.stdout is not None
    for line in house.stdout:
        if found := re.search(r"token=(\S+)", line):
            return found[1]
    raise SystemExit("The server did not start.")


def trusting(folder: Path) -> ssl.SSLContext:
    """Trust the proxy's own authority, as soon as it has made one (60 s at most)."""
    root, ends = folder / "caddy" / "pki" / "authorities" / "local" / "root.crt", time.monotonic() + 60
    while not root.exists():
        if time.monotonic() > ends:
            raise SystemExit("The proxy did not start.")
        time.sleep(0.1)
    return ssl.create_default_context(cafile=str(root))


@asynccontextmanager
async def street(folder: Path) -> AsyncIterator[Street]:
    with processes(folder) as (house, proxy, url, port):
        token, trust = setup_token(house), trusting(folder)
        async with httpx.AsyncClient(base_url=url, verify=trust, trust_env=False, timeout=120) as visitor:
            visitor.headers["origin"] = url
            account = {"name": "Ada", "password": PASSWORD, "repeated": PASSWORD}
            await visitor.post("/setup", data={"token": token, **account})
            answer = await visitor.post("/login", data={"username": "Ada", "password": PASSWORD})
            visitor.headers["cookie"] = answer.headers["set-cookie"].split(";")[0]
            yield Street(house, proxy, url, port, trust, visitor)


async def measure() -> None:
    print(f"{'':<34}{'came of it':<38}{'health ms':>9}  {'house MB':>12}  {'proxy MB':>12}")
    with tempfile.TemporaryDirectory() as folder:
        async with street(Path(folder)) as opened:
            for what, trial in TRIALS.items():
                await opened.tried(what, trial)
    results = HERE / "results"
    results.mkdir(exist_ok=True)
    (results / "door.json").write_text(json.dumps(opened.rows, indent=1))


def main() -> None:
    if shutil.which("caddy") is None:
        print("Skipped: this needs Caddy 2.6 or newer on the machine (the package `caddy`).")
        return
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(measure())


if __name__ == "__main__":
    main()
