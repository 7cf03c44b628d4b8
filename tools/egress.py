"""The way out for code that was granted one: a proxy of its own for each run, which leads to listed hosts and nowhere else.

The room has no network; it reaches this socket only. Names are taken apart strictly, every address of a host is checked, and
exactly a checked one is connected to (see connecting.py). One connection carries one request, and nothing is sent on unread.
"""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from core.errors import BadInput, Refused, StaffworkError, StoreUnavailable
from core.ports import ToolContext
from core.settings import Settings
from tools.addresses import WebAddress, literal, web_address
from tools.connecting import Blocked, Ways, system_resolver
from tools.egress_hosts import HostList, OpenHosts
from tools.networks import Address

log = logging.getLogger(__name__)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[Address, int], Awaitable[Streams]]
NoteReach = Callable[[ToolContext, str, str, str], Awaitable[None]]
"""Takes for whom, by which tool, where to (host:port), and why it was refused ("" if it was not), before anything goes there."""
_HEAD, _PIECE = 16_384, 65_536  # bytes
_HEAD_SECONDS, _CONNECT_SECONDS, _IDLE_SECONDS, _LAST_SECONDS = 10.0, 8.0, 60.0, 1.0
_AT_ONCE, _MOST_CONNECTIONS, _MOST_SAID, _MOST_REFUSALS = 16, 500, 30, 30
_MOST_HERE = 64  # connections of one run at once, those that are refused included
_REQUEST = re.compile(rb"(CONNECT|GET|HEAD) ([!-~]{1,2000}) HTTP/1\.[01]")
_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)")
_OURS = {b"host", b"connection", b"proxy-connection", b"keep-alive", b"te", b"trailer", b"upgrade", b"expect"}
_BODY = {b"content-length", b"transfer-encoding"}


@dataclass
class Reached:
    """One connection: where to, bytes out and in, and why it was refused or ended ("" if it was not)."""

    place: str
    sent: int = 0
    received: int = 0
    refused: str = ""

    def __str__(self) -> str:
        how = f"refused: {self.refused}" if self.refused else f"{self.sent:,} bytes out, {self.received:,} in"
        return f"{self.place} ({how})"


@dataclass
class WayOut:
    """The way out of one run: its socket, what was reached, and how many bytes may still pass."""

    socket: Path
    hosts: HostList
    left: int
    log: list[Reached] = field(default_factory=list)
    open: int = 0
    note: Callable[[str, str], Awaitable[None]] | None = None
    noted: set[tuple[str, bool]] = field(default_factory=set)
    noting: asyncio.Lock = field(default_factory=asyncio.Lock)

    def told(self) -> list[str]:
        """Say what was reached, a line for each connection."""
        lines = [f"Network: {reached}" for reached in self.log[:_MOST_SAID]]
        more = len(self.log) - len(lines)
        return [*lines, f"Network: {more} more connections."] if more else lines

    async def put_on_record(self, place: str, refused: str = "") -> None:
        """Have a place noted, each once in a run (and so many refusals at most); raises StoreUnavailable if it cannot be."""
        one = (place, bool(refused))
        async with (
            self.noting
        ):  # a second connection waits for the word of the first, and tries itself where that failed
            refusals = sum(was_refused for _, was_refused in self.noted)
            if self.note is None or one in self.noted or (refused and refusals >= _MOST_REFUSALS):
                return
            await self.note(place, refused)
            self.noted.add(one)


async def _connect(address: Address, port: int) -> Streams:
    return await asyncio.open_connection(str(address), port, limit=_PIECE)


class Egress:
    """Gives runs their way out; `most` is the bytes of one run, both directions together."""

    def __init__(self, hosts: OpenHosts, ways: Ways, most: int, connect: Connect = _connect) -> None:
        self._hosts, self._ways, self._most, self._connect = hosts, ways, most, connect
        self.note: NoteReach | None = None

    @asynccontextmanager
    async def way_out(self, context: ToolContext, tool: str, folder: Path | None) -> AsyncIterator[WayOut]:
        """Open a proxy for one call, with its socket in a folder (None: one of its own); raises Refused if nothing is open."""
        hosts = self._hosts.of_call(tool, context.operator)
        if not hosts:
            raise Refused(
                "No host is open for this operator's code. An administrator opens them (STAFFWORK_SANDBOX_HOSTS)."
            )
        with ExitStack() as stack:
            place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="proxy-")))
            way = WayOut(place / f"proxy-{secrets.token_hex(8)}", hosts, self._most)
            if (note := self.note) is not None:
                way.note = lambda where, refused: note(context, tool, where, refused)
            here: set[asyncio.Task[None]] = set()

            async def welcome(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                task = asyncio.current_task()
                assert task is not None
                if len(here) >= _MOST_HERE:  # each holds a descriptor of ours, also while it is refused
                    writer.transport.abort()
                    return
                here.add(task)
                try:
                    with suppress(asyncio.CancelledError):  # by us, at the end of the run
                        await self._serve(way, reader, writer)
                finally:
                    here.discard(task)
                    writer.close()

            server = await asyncio.start_unix_server(welcome, way.socket, limit=_HEAD)
            way.socket.chmod(0o600)
            try:
                yield way
            finally:
                server.close()
                for task in here:
                    task.cancel()
                await asyncio.gather(*here, return_exceptions=True)
                way.socket.unlink(missing_ok=True)
                for reached in way.log:
                    log.info("mission %s, step %s, %s: %s", context.mission_id, context.step, tool, reached)

    async def _serve(self, way: WayOut, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reached = Reached("?")
        if len(way.log) < _MOST_CONNECTIONS:
            way.log.append(reached)
        try:
            if way.open >= _AT_ONCE or len(way.log) >= _MOST_CONNECTIONS:
                raise Refused("there are too many connections")
            way.open += 1
            try:
                await self._lead(way, reached, reader, writer)
            finally:
                way.open -= 1
        except StaffworkError as problem:
            reached.refused = str(problem)
            await _noted_refusal(way, reached)
            await _refuse(reader, writer, reached.refused)
        except (OSError, asyncio.IncompleteReadError) as problem:
            reached.refused = reached.refused or f"it broke off ({type(problem).__name__})"

    async def _lead(
        self, way: WayOut, reached: Reached, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        address, head = await _asked(reader, reached)
        if literal(address.host) is not None or not way.hosts.has(address.host):
            raise Refused(f"{address.host} is not open for code. Open are: {way.hosts}.")
        await way.put_on_record(f"{address.host}:{address.port}")  # or nothing goes there
        outer_reader, outer_writer = await self._connected(address)
        try:
            if head:
                outer_writer.write(head)
                way.left, reached.sent = way.left - len(head), reached.sent + len(head)
            else:
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = asyncio.ensure_future(_carry(way, reached, outer_reader, writer, out=False))
            # Behind a plain request nothing more is sent: a second one in the same breath would be unread.
            there = asyncio.ensure_future(
                _carry(way, reached, reader, outer_writer, out=True) if not head else _nothing()
            )
            try:
                await back
            finally:
                there.cancel()
                back.cancel()
                await asyncio.gather(back, there, return_exceptions=True)
        finally:
            outer_writer.close()

    async def _connected(self, address: WebAddress) -> Streams:
        problem: Exception | None = None
        for one in await self._ways.to(address):
            try:
                async with asyncio.timeout(_CONNECT_SECONDS):
                    return await self._connect(one, address.port)
            except OSError as error:
                problem = error
        raise Refused(f"{address.host} does not answer ({type(problem).__name__})")


async def _asked(reader: asyncio.StreamReader, reached: Reached) -> tuple[WebAddress, bytes]:
    """Read a request: where to, and what is sent there of it (b"" for a tunnel). Raises BadInput or Refused."""
    try:
        async with asyncio.timeout(_HEAD_SECONDS):
            raw = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.LimitOverrunError, TimeoutError):
        raise BadInput("the request is too long, or never ends") from None
    line, *rows = raw[:-4].split(b"\r\n")
    request = _REQUEST.fullmatch(line)
    fields = [_FIELD.fullmatch(row) for row in rows]
    if request is None or None in fields:
        raise BadInput("only CONNECT host:443, and GET and HEAD of http:// addresses, strictly written, are passed on")
    named = [(row[1].lower(), row[0]) for row in fields if row is not None]
    if {name for name, _ in named} & _BODY:
        raise Refused("a plain request may carry no body")
    method, target = request[1].decode(), request[2].decode()
    reached.place = f"{method} {urlsplit(target).netloc or target}"[:200] if method != "CONNECT" else target[:200]
    if method == "CONNECT":
        if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}:443", target):
            raise Refused("a tunnel leads to a plain host name and port 443 only")
        return web_address(f"https://{target}/"), b""
    address = web_address(target)
    if address.scheme != "http":
        raise Refused("https:// addresses are reached through a tunnel (CONNECT)")
    kept = [row for name, row in named if name not in _OURS and not name.startswith(b"proxy-")]
    lines = [f"{method} {address.target} HTTP/1.1".encode(), f"Host: {address.place}".encode(), b"Connection: close"]
    return address, b"\r\n".join([*lines, *kept, b"", b""])


async def _carry(
    way: WayOut, reached: Reached, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, out: bool
) -> None:
    while True:
        async with asyncio.timeout(_IDLE_SECONDS):
            if not (piece := await source.read(_PIECE)):
                break
        way.left -= len(piece)
        reached.sent, reached.received = reached.sent + len(piece) * out, reached.received + len(piece) * (not out)
        if way.left < 0:
            reached.refused = "more was moved than one run may"
            sink.transport.abort()
            raise ConnectionAbortedError
        sink.write(piece)
        async with asyncio.timeout(_IDLE_SECONDS):
            await sink.drain()
    with suppress(OSError):
        sink.write_eof()


async def _noted_refusal(way: WayOut, reached: Reached) -> None:
    try:
        await way.put_on_record(reached.place, reached.refused)
    except StoreUnavailable as problem:  # nothing went out, and the log of the run says so
        log.warning("a refused connection is not on the audit log: %s", problem)


async def _nothing() -> None:
    return None


async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, words: str) -> None:
    """Answer with the reason, and read what still comes for a moment: a socket closed over unread bytes loses the answer."""
    body = words.encode()
    head = f"HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    with suppress(OSError):
        writer.write(head.encode() + b"Connection: close\r\n\r\n" + body)
        writer.write_eof()
        async with asyncio.timeout(_LAST_SECONDS):
            while await reader.read(_PIECE):
                pass


def open_egress(settings: Settings, policy: Path) -> Egress | None:
    """Make the way out that the settings allow; None where no host is open. Raises Misconfigured for hosts that are none."""
    hosts = OpenHosts.of(settings.sandbox_hosts, policy)
    if not hosts:
        return None
    blocked = Blocked.of(settings.web_blocked, urlsplit(settings.public_url).hostname or "")
    return Egress(hosts, Ways(system_resolver(), blocked=blocked), settings.sandbox_network_mb * 1_000_000)
