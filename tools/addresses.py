"""Web addresses, taken apart strictly: what can be read in two ways is refused."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import quote, urlsplit

import idna

from core.errors import BadInput, Misconfigured, Refused
from tools.networks import Address

LONGEST = 2_000  # characters of an address
PORTS = {"http": 80, "https": 443}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)\Z")
_PATH, _QUERY = "!$&'()*+,;=:@/-._~%", "!$&'()*+,;=:@/?-._~%[]"
_LOCAL_NAMES = ("localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp", "private")
_HERE_ONLY = frozenset([*_LOCAL_NAMES, "arpa", "onion", "test", "invalid"])


@dataclass(frozen=True, slots=True)
class WebAddress:
    """One http(s) address: `host` is ASCII and lower case (an IPv6 address without brackets), `target` path and query."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def place(self) -> str:
        """The host as it is written in an address, with its port if that is not the usual one."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.scheme}://{self.place}{self.target}"


@dataclass(frozen=True, slots=True)
class Opened:
    """Hosts that an administrator opened: by name alone (the usual ports), or with a port."""

    places: frozenset[tuple[str, int | None]] = frozenset()

    @classmethod
    def of(cls, text: str) -> Opened:
        """Read "wiki.example.org, 10.1.2.3:8080"; raises Misconfigured naming the entry that is no host."""
        return cls(frozenset(_opened(entry.strip()) for entry in text.split(",") if entry.strip()))

    def has(self, address: WebAddress) -> bool:
        return (address.host, address.port) in self.places or (
            address.port == PORTS[address.scheme] and (address.host, None) in self.places
        )

    def names_port(self, address: WebAddress) -> bool:
        return (address.host, address.port) in self.places


NOTHING_OPENED = Opened()


def web_address(text: str, opened: Opened = NOTHING_OPENED) -> WebAddress:
    """Take an address apart; raises BadInput for what is none, Refused for what is not allowed, in plain words."""
    if not text or len(text) > LONGEST:
        raise BadInput(f"The address must have 1 to {LONGEST:,} characters.")
    if "\\" in text or any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zs", "Zl", "Zp") for c in text):
        raise BadInput(
            "An address may hold no spaces, backslashes, control or invisible characters. Percent-encode them."
        )
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BadInput(f"{text[:200]} is no web address.") from None
    if parts.scheme not in PORTS or not text.lower().startswith(f"{parts.scheme}://"):
        raise Refused("Only web addresses that begin with http:// or https:// can be opened.")
    if "@" in parts.netloc:
        raise Refused("Addresses with a user name or password in them are not opened.")
    if not parts.netloc or parts.netloc.endswith(":") or port == 0:
        raise BadInput(f"{text[:200]} names no host, or no port behind the colon.")
    path, query = quote(parts.path or "/", safe=_PATH), quote(parts.query, safe=_QUERY)
    host = host_name(_host_part(parts.netloc))
    address = WebAddress(parts.scheme, host, port or PORTS[parts.scheme], f"{path}?{query}" if query else path)
    _check_allowed(address, opened)
    return address


def _host_part(netloc: str) -> str:
    """Take the host out of `host`, `host:port` or `[address]:port`, exactly as it was written."""
    if netloc.startswith("["):
        return netloc[: netloc.rindex("]") + 1] if "]" in netloc else netloc
    return netloc.partition(":")[0]


def _check_allowed(address: WebAddress, opened: Opened) -> None:
    if opened.has(address):
        return
    if address.port != PORTS[address.scheme]:
        usual = PORTS[address.scheme]
        raise Refused(f"Port {address.port} is not open: {address.scheme} goes to port {usual}. {_ask(address.place)}")
    if literal(address.host) is None and ("." not in address.host or address.host.rsplit(".", 1)[1] in _HERE_ONLY):
        raise Refused(f"{address.host} is a name inside a local network, which is not reached. {_ask(address.host)}")


def _ask(place: str) -> str:
    return f"An administrator can open {place} with STAFFWORK_WEB_HOSTS."


def host_name(text: str) -> str:
    """Return a host in the one form that is used from here on; raises BadInput for what only looks like one."""
    if text.startswith("["):
        return str(_six(text))
    host = text.lower().removesuffix(".")
    if not host.isascii():
        try:
            host = idna.encode(unicodedata.normalize("NFC", host), strict=True).decode()
        except idna.IDNAError:
            raise BadInput(f"{text[:100]!r} is no host name: it holds characters that names may not have.") from None
    labels = host.split(".")
    if len(host) > 253 or not all(_LABEL.match(label) for label in labels):
        raise BadInput(f"{text[:100]!r} is no host name.")
    if any(label.startswith("xn--") and not _is_punycode(label) for label in labels):
        raise BadInput(f"{text[:100]!r} is no host name: its encoding is broken.")
    if re.match(r"(\d+|0x[0-9a-f]*)\Z", labels[-1]):  # read as a number by some programs, and as a name by others
        return str(_four(host))
    return host


def _is_punycode(label: str) -> bool:
    try:
        return idna.encode(idna.decode(label)).decode() == label
    except idna.IDNAError:
        return False


def _four(host: str) -> IPv4Address:
    try:
        return IPv4Address(host)
    except ValueError:
        words = "is a number in disguise. Write an IPv4 address as four plain numbers, such as 93.184.215.14."
        raise BadInput(f"{host[:100]} {words}") from None


def _six(text: str) -> IPv6Address:
    inner = text[1:-1]
    if not text.endswith("]") or "%" in inner:
        raise BadInput(f"{text[:100]} is no host: IPv6 addresses stand in brackets and have no zone.")
    try:
        return IPv6Address(inner)
    except ValueError:
        raise BadInput(f"{text[:100]} is no IPv6 address.") from None


def literal(host: str) -> Address | None:
    """Return the address a host is, if it is one and no name."""
    try:
        return ip_address(host)
    except ValueError:
        return None


def _opened(entry: str) -> tuple[str, int | None]:
    name, port = entry, ""
    if found := re.fullmatch(r"(\[[^]]*\]|[^:]*):(\d{1,5})", entry):
        name, port = found[1], found[2]
    try:
        host = host_name(name)
    except BadInput:
        raise Misconfigured(f"STAFFWORK_WEB_HOSTS: {entry!r} is no host, and no host:port.") from None
    if port and not 0 < int(port) < 65536:
        raise Misconfigured(f"STAFFWORK_WEB_HOSTS: {entry!r} names a port that does not exist.")
    return host, int(port) if port else None
