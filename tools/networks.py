"""Which networks web tools may reach: the public internet, and never this machine, its provider or its wire."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

Address = IPv4Address | IPv6Address

# Never reached, not even where an administrator opened a host: cloud metadata, what is local to a wire, what is no host.
_NEVER: list[IPv4Network | IPv6Network] = [IPv4Network(n) for n in (
    "0.0.0.0/8", "169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.0/24", "224.0.0.0/3",
)] + [IPv6Network(n) for n in ("::/128", "fe80::/10", "fec0::/10", "ff00::/8", "fd00:ec2::/32", "fd20:ce::/32")]  # fmt: skip
_HERE: list[IPv4Network | IPv6Network] = [IPv4Network("127.0.0.0/8"), IPv6Network("::1/128")]
_NOT_PUBLIC = [IPv4Network(n) for n in (
    "10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16", "192.0.2.0/24", "192.31.196.0/24",
    "192.52.193.0/24", "192.88.99.0/24", "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
)]  # fmt: skip
# Of IPv6 only what is handed out to networks is public; of that, what wraps an IPv4 address or is set aside is not.
_PUBLIC_SIX = IPv6Network("2000::/3")
_NOT_PUBLIC_SIX = [
    IPv6Network(n) for n in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
]
_FOUR_IN_SIX = [IPv6Network(n) for n in ("::ffff:0:0/96", "64:ff9b::/96", "::/96", "::ffff:0:0:0/96")]
_ISATAP = (0x5EFE, 0x2005EFE)


def why_not(address: Address, own: frozenset[Address], *, opened: bool = False, with_port: bool = False) -> str:
    """Say why an address is not reached; "" if it may be.

    A host that an administrator opened may be in a private network, and on this machine if its port was named too.
    """
    if _in(address, _NEVER):
        return f"{address} belongs to the machine's own provider or wire (metadata, link-local, multicast)"
    if address in own or _in(address, _HERE):
        return "" if opened and with_port else f"{address} is this machine itself"
    inside = _wrapped(address)
    if inside is not None:  # the way leads to the IPv4 address in it
        return why_not(inside, own, opened=opened, with_port=with_port) or (
            "" if opened or address in _FOUR_IN_SIX[1] else f"{address} is an IPv4 address in disguise"
        )
    if not opened and not _is_public(address):
        return f"{address} is not on the public internet"
    return ""


def _is_public(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return address.is_global and not _in(address, _NOT_PUBLIC)
    isatap = (int(address) >> 32) & 0xFFFFFFFF in _ISATAP
    return address in _PUBLIC_SIX and not _in(address, _NOT_PUBLIC_SIX) and not isatap


def _wrapped(address: Address) -> IPv4Address | None:
    """Return the IPv4 address inside an IPv6 one (mapped, compatible, translated by NAT64)."""
    if isinstance(address, IPv4Address) or int(address) <= 1 or not _in(address, _FOUR_IN_SIX):
        return None
    return IPv4Address(int(address) & 0xFFFFFFFF)


def _in(address: Address, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    return any(address in network for network in networks if network.version == address.version)
