"""A web on loopback: a server that plays scripted raw answers, and a resolver that knows made-up hosts."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from tools_fixtures import Desk

from core.settings import Settings
from memory.documents import DocumentReader
from tools.addresses import Opened
from tools.connecting import Ways
from tools.networks import Address
from tools.safefetch import Limits, SafeFetch
from tools.toolbox import GatedToolbox
from tools.web import WebTools

Play = Callable[["Visit", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Visit:
    """One request as it came in."""

    line: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.line.split(" ")[1]


@dataclass
class LittleWeb:
    """What is served by path; `visits` holds what was asked for, `port` is where."""

    pages: dict[str, bytes | Play] = field(default_factory=dict)
    visits: list[Visit] = field(default_factory=list)
    connections: int = 0
    port: int = 0

    def address(self, path: str = "/", host: str = "site.example") -> str:
        return f"http://{host}:{self.port}{path}"

    def fetch(self, limits: Limits | None = None, *hosts: str) -> SafeFetch:
        """Make a fetch that may go to `site.example` (and more hosts) here, and nowhere else on loopback."""
        opened = ",".join(f"{host}:{self.port}" for host in ("site.example", *hosts))
        return SafeFetch(Ways(known("127.0.0.1"), Opened.of(opened)), limits or Limits(seconds=10))


def known(*addresses: str) -> Callable[[str], Awaitable[list[Address]]]:
    """Make a resolver that knows every host under the same addresses."""

    async def resolve(host: str) -> list[Address]:
        return [ip_address(address) for address in addresses]

    return resolve


class Changing:
    """A resolver whose answers change from one question to the next; the last one stays."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.answers, self.asked = list(answers), 0

    async def __call__(self, host: str) -> list[Address]:
        self.asked += 1
        answer = self.answers[min(self.asked, len(self.answers)) - 1]
        return [ip_address(address) for address in answer]


def page(body: bytes | str, kind: str = "text/html; charset=utf-8", *more: str, status: str = "200 OK") -> bytes:
    """Write a whole answer."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"HTTP/1.1 {status}", f"content-type: {kind}", f"content-length: {len(content)}", *more, "", ""]
    return "\r\n".join(lines).encode() + content


def moved(location: str, status: str = "302 Found") -> bytes:
    return f"HTTP/1.1 {status}\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode()


def packed(content: bytes) -> bytes:
    return page(gzip.compress(content), "text/plain", "content-encoding: gzip")


async def drip(visit: Visit, writer: asyncio.StreamWriter) -> None:
    """Send a byte now and then, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.05)


def endless(begin: bytes, again: bytes) -> Play:
    """Send something, and then the same for ever, as fast as it goes."""

    async def play(visit: Visit, writer: asyncio.StreamWriter) -> None:
        writer.write(begin)
        while True:
            writer.write(again)
            await writer.drain()

    return play


@asynccontextmanager
async def little_web(**pages: bytes | Play) -> AsyncIterator[LittleWeb]:
    """Serve pages on a free port of loopback; a page's key is its path without the slash ("start" is "/")."""
    web = LittleWeb({"/" if name == "start" else f"/{name}": content for name, content in pages.items()})

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        web.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *rest = head.strip().split("\r\n")
            headers = {k.strip().lower(): v.strip() for k, _, v in (text.partition(":") for text in rest)}
            visit = Visit(line, headers, await reader.readexactly(int(headers.get("content-length", 0))))
            web.visits.append(visit)
            content = web.pages.get(visit.path.partition("?")[0], page("nothing here", status="404 Not Found"))
            if isinstance(content, bytes):
                writer.write(content)
                await writer.drain()
            else:
                await content(visit, writer)
        writer.close()

    server = await asyncio.start_server(converse, "127.0.0.1", 0)
    web.port = server.sockets[0].getsockname()[1]
    try:
        yield web
    finally:
        server.close()


def desk_with(root: Path, web: LittleWeb, search: Any = None, rooms: Any = None) -> Desk:
    """A desk whose operator may use the web tools on the little web."""
    desk = Desk(root)
    tools = WebTools(web.fetch(), DocumentReader(Settings(data_dir=root)), search, rooms).tools()
    desk.toolbox = GatedToolbox(tools, seconds=30, output_bytes=16_000, at_once=4, mask=lambda text: text)
    desk.context = desk.context.model_copy(update={"granted": tuple(tool.name for tool in tools)})
    return desk
