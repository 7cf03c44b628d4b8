"""A small internet for the proxy: names, addresses and servers of ours behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

from core.ports import ToolContext
from tools.connecting import Blocked, Ways
from tools.egress import Egress, Streams, WayOut
from tools.egress_hosts import OpenHosts
from tools.networks import Address

PUBLIC = "93.184.215.14"
CONTEXT = ToolContext(
    mission_id="m1", conversation_id="c1", user_id="ada", task_id="t1", step="t1/1.0", granted=(), operator="analyst"
)
NAMES: dict[str, list[str]] = {
    "open.example.org": [PUBLIC],
    "files.open.example.net": [PUBLIC],
    "meta.example.org": ["169.254.169.254"],
    "wire.example.org": ["168.63.129.16"],
    "home.example.org": ["127.0.0.1"],
    "inner.example.org": ["10.1.2.3"],
    "six.example.org": ["::ffff:127.0.0.1"],
    "mixed.example.org": [PUBLIC, "10.1.2.3"],
    "me.example.org": ["93.184.215.99"],
    "closed.example.org": [PUBLIC],
}
HOSTS = ", ".join([*NAMES, "*.open.example.net"]).replace("files.open.example.net, ", "")


class Internet:
    """Resolves names, counts what is asked, and connects to one server whatever the address is."""

    def __init__(self, names: dict[str, list[str]] | None = None) -> None:
        self.names = NAMES if names is None else names
        self.asked: list[str] = []
        self.connected: list[tuple[str, int]] = []
        self.heard: list[bytes] = []
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
        self.port = 0

    async def resolve(self, host: str) -> list[Address]:
        self.asked.append(host)
        if host not in self.names:
            raise OSError("no such host")
        return [ip_address(one) for one in self.names[host]]

    async def connect(self, address: Address, port: int) -> Streams:
        self.connected.append((str(address), port))
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heard.append(await reader.read(65_536))
        writer.write(self.answer)
        await writer.drain()
        writer.close()

    @asynccontextmanager
    async def up(self) -> AsyncIterator[Internet]:
        async with await asyncio.start_server(self.serve, "127.0.0.1", 0) as server:
            self.port = server.sockets[0].getsockname()[1]
            yield self

    def egress(self, root: Path, hosts: str = HOSTS, most: int = 1_000_000) -> Egress:
        own: Callable[[], frozenset[Address]] = lambda: frozenset([ip_address("93.184.215.99")])  # noqa: E731
        ways = Ways(self.resolve, blocked=Blocked.of("closed.example.org"), own=own)
        return Egress(OpenHosts.of(hosts, root / "policy.toml"), ways, most, self.connect)


async def sent(way: WayOut, request: bytes, *, then: bytes = b"") -> bytes:
    """Send bytes to a proxy and return all that comes back; `then` is sent after the first of it came."""
    reader, writer = await asyncio.open_unix_connection(way.socket)
    writer.write(request)
    await writer.drain()
    first = await reader.read(65_536)
    if then:
        writer.write(then)
        await writer.drain()
    rest = await reader.read()
    writer.close()
    return first + rest
