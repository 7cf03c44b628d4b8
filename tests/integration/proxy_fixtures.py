"""A real Caddy in front of a house, with the file we ship: its own certificates, its own folder, free ports."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

CADDYFILE = Path(__file__).resolve().parents[2] / "docker" / "Caddyfile"


@dataclass(frozen=True)
class Proxy:
    """A running proxy: its ports, and what its certificates are checked with."""

    port: int
    plain_port: int
    trust: ssl.SSLContext

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def need_caddy() -> str:
    """Return the program, or skip where it is not installed, unless the tests are asked to insist on it."""
    program = shutil.which("caddy")
    if program is None:
        words = "Caddy is not installed here"
        if "proxy" in os.environ.get("STAFFWORK_TESTS_REQUIRE", "").split(","):
            pytest.fail(words)
        pytest.skip(words)
    return program


@asynccontextmanager
async def proxied(folder: Path, upstream: int) -> AsyncIterator[Proxy]:
    """Run the proxy in front of a port of this machine."""
    program, (port, plain) = need_caddy(), (free_port(), free_port())
    home = folder / "proxy"
    home.mkdir()
    environ = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "XDG_DATA_HOME": str(home),
        "XDG_CONFIG_HOME": str(home),
        "HTTP_PORT": str(plain),
        "HTTPS_PORT": str(port),
        "STAFFWORK_PUBLIC_URL": f"https://localhost:{port}",
        "UPSTREAM": f"127.0.0.1:{upstream}",
    }
    log = (home / "log").open("w")
    process = await asyncio.create_subprocess_exec(
        program, "run", "--config", str(CADDYFILE), "--adapter", "caddyfile", env=environ, stdout=log, stderr=log
    )
    try:
        root = home / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        async with asyncio.timeout(60):
            while not (root.exists() and await _shakes_hands(port)):
                assert process.returncode is None, (home / "log").read_text()
                await asyncio.sleep(0.05)
        yield Proxy(port, plain, ssl.create_default_context(cafile=str(root)))
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        log.close()


async def _shakes_hands(port: int) -> bool:
    """Say whether there is a certificate already; whom it is from does not matter yet."""
    careless = ssl.create_default_context()
    careless.check_hostname, careless.verify_mode = False, ssl.CERT_NONE
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=careless, server_hostname="localhost")
    except OSError:
        return False
    writer.close()
    return True
