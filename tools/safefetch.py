"""Fetching from the web as if every page were hostile: checked connections, redirects one by one, limits on everything."""

from __future__ import annotations

import asyncio
import ssl
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from http import HTTPStatus
from urllib.parse import urljoin

import httpcore

from core.errors import BadInput, Refused, ToolFailure
from tools.addresses import LONGEST, WebAddress, web_address
from tools.connecting import GuardedNetwork, TooMuch, Ways

AGENT = "Staffwork/0.1 (self-hosted; reads pages for its user)"
MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_PAUSE_EVERY = 32  # chunks, however small: after them others get their turn
_CODINGS = {"": 0, "identity": 0, "gzip": 31, "x-gzip": 31, "deflate": 15}  # zlib's window bits


@dataclass(frozen=True, slots=True)
class Limits:
    """What one fetch may take: seconds in all, bytes on the wire, bytes unpacked."""

    seconds: float = 30.0
    wire: int = 10_000_000
    unpacked: int = 20_000_000


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked of a server besides its address; nothing of ours goes along but what is named here."""

    method: str = "GET"
    headers: Mapping[str, str] | None = None
    body: bytes = b""
    follow: bool = True
    types: Collection[str] = ()
    """Types that are read ("text/", "application/pdf"); none: all of them."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: from where in the end, as which type (lower case, without parameters), in which charset ("" unknown)."""

    url: str
    type: str
    charset: str
    content: bytes


class Unanswered(ToolFailure):
    """The server answered, but not with what was asked for; `status` is its HTTP status."""

    def __init__(self, words: str, status: int) -> None:
        super().__init__(words)
        self.status = status


class SafeFetch:
    """Fetches from http(s) addresses within `ways` and `limits`; knows no cookies, no proxies, no logins."""

    def __init__(self, ways: Ways, limits: Limits, tls: Callable[[], ssl.SSLContext] | None = None) -> None:
        self._ways, self._limits = ways, limits
        self._make_tls = tls or httpcore.default_ssl_context

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        return self._make_tls()

    def takes(self, url: str) -> bool:
        """Say whether an address could be opened, by what it says; where its host leads is seen when it is fetched."""
        try:
            web_address(url, self._ways.opened)
        except (Refused, BadInput):
            return False
        return True

    async def fetch(self, url: str, asking: Asking = Asking()) -> Fetched:
        """Fetch one address, following redirects; raises Refused, BadInput, Unanswered or ToolFailure in plain words."""
        address = web_address(url, self._ways.opened)
        try:
            async with asyncio.timeout(self._limits.seconds):
                return await self._through_redirects(address, asking)
        except TimeoutError:
            words = f"took longer than {self._limits.seconds:g} seconds, so it was given up"
            raise ToolFailure(f"{address.place} {words}.") from None

    async def _through_redirects(self, address: WebAddress, asking: Asking) -> Fetched:
        for _ in range(MOST_REDIRECTS + 1):
            answer = await self._ask(address, asking)
            if isinstance(answer, Fetched):
                return answer
            address = self._next(address, answer)
        raise ToolFailure(f"{address.place} leads on and on: more than {MOST_REDIRECTS} redirects.")

    def _next(self, address: WebAddress, location: str) -> WebAddress:
        try:
            return web_address(urljoin(str(address), location.partition("#")[0]), self._ways.opened)
        except (Refused, BadInput, ValueError) as problem:
            raise Refused(f"{address.place} leads to an address that is not opened. {problem}") from None

    async def _ask(self, address: WebAddress, asking: Asking) -> Fetched | str:
        """Ask one server: its answer, or where it leads on to."""
        network = GuardedNetwork(self._ways, address, self._limits.wire)
        host = f"[{address.host}]" if ":" in address.host else address.host
        url = httpcore.URL(
            scheme=address.scheme.encode(),
            host=address.host.encode(),
            port=address.port,
            target=address.target.encode(),
        )
        headers = {
            "Host": address.place,
            "User-Agent": AGENT,
            "Accept-Encoding": "gzip, deflate",
            "Connection": "close",
        }
        headers |= {"Accept": "*/*"} | dict(asking.headers or {})
        tls = self._tls if address.scheme == "https" else None
        try:
            async with (
                httpcore.AsyncConnectionPool(ssl_context=tls, network_backend=network) as pool,
                pool.stream(asking.method, url, headers=list(headers.items()), content=asking.body or None) as response,
            ):
                return await self._read(address, asking, response)
        except (httpcore.NetworkError, httpcore.TimeoutException) as problem:
            raise ToolFailure(_unreachable(host, problem)) from None
        except httpcore.ProtocolError:
            raise ToolFailure(f"{host} broke off, or does not speak HTTP properly.") from None
        except (httpcore.UnsupportedProtocol, ssl.SSLError, OSError) as problem:
            raise ToolFailure(_unreachable(host, problem)) from None

    async def _read(self, address: WebAddress, asking: Asking, response: httpcore.Response) -> Fetched | str:
        headers = {name.lower().decode("latin-1"): value.decode("latin-1") for name, value in response.headers}
        if response.status in _REDIRECTS and "location" in headers:
            if not asking.follow:
                raise Refused(f"{address.place} leads on to another address, which is not followed here.")
            return _location(headers["location"])
        kind, charset = _content_type(headers.get("content-type", ""))
        if not 200 <= response.status < 300:
            raise Unanswered(f"{address.place} answered {response.status}{_meaning(response.status)}.", response.status)
        if asking.types and kind and not kind.startswith(tuple(asking.types)):
            raise ToolFailure(f"{address} is {kind[:80]}, which cannot be read here.")
        self._check_length(address, headers.get("content-length", ""))
        coding = headers.get("content-encoding", "").strip().lower()
        return Fetched(str(address), kind, charset, await self._unpacked(address, coding, response))

    def _check_length(self, address: WebAddress, length: str) -> None:
        if length.isascii() and length.isdigit() and int(length[:20]) > self._limits.wire:
            raise TooMuch(f"{address.place} would send {int(length[:20]):,} bytes; {self._limits.wire:,} may be read.")

    async def _unpacked(self, address: WebAddress, coding: str, response: httpcore.Response) -> bytes:
        """Read a body, unpacked piece by piece, never further than the limit."""
        if coding not in _CODINGS:
            raise ToolFailure(f"{address.place} packs its answer as {coding[:40]!r}, which was not asked for.")
        unpack = _Unpacking(_CODINGS[coding])
        content = bytearray()
        count = 0
        async for chunk in response.aiter_stream():
            content += unpack.more(chunk, self._limits.unpacked - len(content))
            if len(content) > self._limits.unpacked:
                raise TooMuch(f"{address.place} unpacks to more than {self._limits.unpacked:,} bytes. It was stopped.")
            if (count := count + 1) % _PAUSE_EVERY == 0:
                await asyncio.sleep(0)
        if not unpack.whole:
            raise ToolFailure(f"{address.place} sent an answer that is cut off or damaged.")
        return bytes(content)


class _Unpacking:
    """Unpacks one body; `whole` says that it came to its end."""

    def __init__(self, bits: int) -> None:
        self._bits, self._unpacker = bits, zlib.decompressobj(bits) if bits else None
        self._begun = False

    @property
    def whole(self) -> bool:
        return self._unpacker is None or self._unpacker.eof or not self._begun

    def more(self, chunk: bytes, room: int) -> bytes:
        """Unpack a piece, to one byte more than there is room for."""
        if self._unpacker is None:
            return chunk
        if not chunk or self._unpacker.eof:
            return b""
        try:
            return self._first(chunk, room) if not self._begun else self._unpacker.decompress(chunk, room + 1)
        except zlib.error:
            raise ToolFailure("The answer is packed in a damaged way and cannot be read.") from None

    def _first(self, chunk: bytes, room: int) -> bytes:
        """Begin; some servers send "deflate" without the header it should have."""
        self._begun = True
        assert self._unpacker is not None
        try:
            return self._unpacker.decompress(chunk, room + 1)
        except zlib.error:
            if self._bits != _CODINGS["deflate"]:
                raise
            self._unpacker = zlib.decompressobj(-15)
            return self._unpacker.decompress(chunk, room + 1)


def _location(value: str) -> str:
    """Read a Location header: UTF-8 where it is no ASCII, as browsers do."""
    return value.encode("latin-1").decode("utf-8", "replace")[: LONGEST + 1]


def _content_type(value: str) -> tuple[str, str]:
    kind, *parameters = (part.strip() for part in value.lower().split(";"))
    charsets = [p.partition("=")[2].strip("\"' ") for p in parameters if p.startswith("charset=")]
    return kind, charsets[0][:40] if charsets else ""


def _meaning(status: int) -> str:
    meanings = {
        401: "it wants a login",
        403: "it does not let programs in",
        429: "too many requests; wait, or try another page",
    }
    known = status in HTTPStatus._value2member_map_
    said = meanings.get(status) or (HTTPStatus(status).phrase.lower() if known else "")
    return f" ({said})" if said else ""


def _unreachable(host: str, problem: Exception) -> str:
    if isinstance(problem, httpcore.TimeoutException):
        return f"{host} did not answer in time."
    text = str(problem)
    if "CERTIFICATE" in text.upper() or "hostname" in text.lower():
        return f"{host} could not prove who it is (its certificate is not valid), so nothing was read."
    return f"{host} cannot be reached. It may be down, or there is no network here."
