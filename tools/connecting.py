"""Connections that lead only where they may: every address of a host is checked, and exactly a checked one is connected to."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpcore

from core.errors import BadInput, Misconfigured, Refused, ToolFailure
from tools.addresses import NOTHING_OPENED, Opened, WebAddress, host_name, literal
from tools.networks import Address, why_not

Resolve = Callable[[str], Awaitable[list[Address]]]
"""Finds all addresses of a host name; raises OSError if there are none."""

_MOST_TRIED = 4
_CONNECT_SECONDS = 8.0
_RESOLVERS = 4  # threads of its own: a name server that never answers holds nobody else up


class TooMuch(ToolFailure):
    """More came than may come."""


def system_resolver() -> Resolve:
    """Ask the system's resolver, on threads of its own."""
    threads = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolving")

    async def resolve(host: str) -> list[Address]:
        def ask() -> list[Any]:
            return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)

        found = await asyncio.get_running_loop().run_in_executor(threads, ask)
        # A zone ("fe80::1%eth0") is cut off; what has one is link-local and refused.
        return list(dict.fromkeys(ip_address(str(where[0]).partition("%")[0]) for *_, where in found))

    return resolve


def own_addresses() -> frozenset[Address]:
    """List this machine's own addresses, those of containers and bridges on it included; blocking, under a millisecond."""
    found: set[Address] = set()
    with suppress(OSError):
        lines = Path("/proc/net/fib_trie").read_text().splitlines()
        found |= {ip_address(a.split()[-1]) for a, b in pairwise(lines) if "host LOCAL" in b}
    with suppress(OSError):
        rows = Path("/proc/net/if_inet6").read_text().splitlines()
        found |= {ip_address(int(row.split()[0], 16).to_bytes(16, "big")) for row in rows}
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))  # chooses a sender's address; nothing is sent
            found.add(ip_address(probe.getsockname()[0].partition("%")[0]))
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class Blocked:
    """Hosts and networks that an administrator closed."""

    hosts: frozenset[str] = frozenset()
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def of(cls, text: str, *more_hosts: str) -> Blocked:
        """Read "198.51.100.7, 203.0.113.0/24, mail.example.org"; raises Misconfigured naming what is none of these."""
        hosts, networks = {host for host in more_hosts if host}, []
        for entry in (part.strip() for part in text.split(",") if part.strip()):
            try:
                networks.append(ip_network(entry, strict=False))
            except ValueError:
                try:
                    hosts.add(host_name(entry))
                except BadInput:
                    words = f"STAFFWORK_WEB_BLOCKED: {entry!r} is no host, address or network."
                    raise Misconfigured(words) from None
        return cls(frozenset(hosts), tuple(networks))

    def has_host(self, host: str) -> bool:
        return any(host == closed or host.endswith(f".{closed}") for closed in self.hosts)

    def has(self, address: Address) -> bool:
        return any(address in network for network in self.networks if network.version == address.version)


@dataclass(frozen=True)
class Ways:
    """Where web tools may go, and how hosts are found."""

    resolve: Resolve
    opened: Opened = NOTHING_OPENED
    blocked: Blocked = Blocked()
    only_opened: bool = False
    own: Callable[[], frozenset[Address]] = own_addresses

    async def to(self, address: WebAddress) -> list[Address]:
        """Return the addresses to connect to, all of them checked; raises Refused if any of a host's may not be reached."""
        opened = self.opened.has(address)
        if self.blocked.has_host(address.host) or (self.only_opened and not opened):
            raise Refused(f"{address.place} is not open for web tools here. {_WHO}")
        found = await self._addresses(address.host)
        own = self.own()
        for one in found:
            closed = f"{one} was closed by the administrator" if self.blocked.has(one) else ""
            with_port = self.opened.names_port(address)
            if why := closed or why_not(one, own, opened=opened, with_port=with_port):
                raise Refused(f"{address.place} is not reached: {why}.")
        return found[:_MOST_TRIED]

    async def _addresses(self, host: str) -> list[Address]:
        if (itself := literal(host)) is not None:
            return [itself]
        try:
            found = await self.resolve(host)
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise ToolFailure(f"{host} was not found. The name may be wrong, or there is no network here.")
        return found


_WHO = "An administrator decides that (STAFFWORK_WEB, STAFFWORK_WEB_HOSTS, STAFFWORK_WEB_BLOCKED)."


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Connects for one request to one web address, and counts what comes in; raises TooMuch beyond `most` bytes."""

    def __init__(self, ways: Ways, address: WebAddress, most: int) -> None:
        self._ways, self._address, self._left = ways, address, most
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Look the host up, check what was found, and connect to that: between the check and the use nobody is asked again."""
        if (host, port) != (self._address.host, self._address.port):
            raise Refused(f"{host}:{port} is not where this request goes.")
        problem: httpcore.ConnectError | httpcore.ConnectTimeout | None = None
        for address in await self._ways.to(self._address):
            try:
                stream = await self._network.connect_tcp(str(address), port, _CONNECT_SECONDS, None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
            else:
                return _Metered(stream, self)
        raise problem or httpcore.ConnectError()

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise Refused("Local sockets are not opened.")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def count(self, received: int) -> None:
        self._left -= received
        if self._left < 0:
            raise TooMuch(f"{self._address.place} sends more than may be read. It was stopped.")


class _Metered(httpcore.AsyncNetworkStream):
    """A stream whose every byte counts: of headers, of chunk marks, of what is thrown away."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, network: GuardedNetwork) -> None:
        self._stream, self._network = stream, network

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        got = await self._stream.read(max_bytes, timeout)
        self._network.count(len(got))
        return got

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        return _Metered(await self._stream.start_tls(ssl_context, server_hostname, timeout), self._network)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
