"""Web addresses that are refused before anything is looked up, and networks that are never reached."""

from __future__ import annotations

import random
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import pytest

from core.errors import BadInput, Misconfigured, Refused, StaffworkError
from tools.addresses import Opened, host_name, literal, web_address
from tools.networks import why_not

NOBODY: frozenset[IPv4Address | IPv6Address] = frozenset()

HOSTILE = [
    # other schemes, and none
    "file:///etc/passwd", "ftp://example.org/", "gopher://example.org:70/_x", "data:text/html,x", "javascript:alert(1)",
    "dict://example.org:2628/", "ldap://example.org/", "jar:http://example.org!/", "//example.org/", "example.org", "",
    "http:/example.org/", "http:example.org", "unix:/run/docker.sock", "http+unix://%2Frun%2Fdocker.sock/info",
    # numbers in disguise
    "http://2130706433/", "http://0x7f000001/", "http://0x7f.0.0.1/", "http://0177.0.0.1/", "http://127.1/",
    "http://127.0.1/", "http://017700000001/", "http://0/", "http://00000177.1/", "http://1.1.1.256/", "http://127.0.0.1.1/",
    "http://①②⑦.⓪.⓪.①/", "http://１２７.0.0.1/", "http://127。0。0。1/", "http://١٢٧.0.0.1/", "http://0x7f.1/",
    # IPv6 tricks
    "http://[fe80::1%25eth0]/", "http://[::1%25lo]/", "http://[v1.fe80::a]/", "http://[::1", "http://::1/", "http://[]/",
    # who, not where
    "http://user@example.org/", "http://user:secret@example.org/", "http://example.org:80@127.0.0.1/",
    "http://example.org%40127.0.0.1/", "http://example.org\\@127.0.0.1/", "http://127.0.0.1\\.example.org/",
    "http:\\\\127.0.0.1/", "https://example.org\t.evil.example/", "http://example.org\r\nHost: evil/", "http://exa mple.org/",
    "http://example.org\u200b/", "http://\u202egro.elpmaxe/", "http://example.org\x00.evil.example/", "\u00a0http://example.org/",
    # names that lead inside
    "http://localhost/", "http://LOCALHOST./", "http://a.localhost/", "http://ｌocalhost/", "http://printer.local/",
    "http://metadata/computeMetadata/v1/", "http://metadata.google.internal/", "http://wiki/", "http://wiki.corp/",
    "http://hidden.onion/", "http://1.0.0.127.in-addr.arpa/",
    # ports, and hosts that are none
    "http://example.org:22/", "https://example.org:80/", "http://example.org:443/", "http://example.org:99999/",
    "http://example.org:/", "http://example.org:0/", "http://example.org:-1/", "http://exa_mple-.org/", "http://.example.org/",
    "http://example..org/", "http://-example.org/", "http://xn--a.example/", "http://" + "a" * 64 + ".org/",
    "http://" + "a." * 130 + "org/", "http://example.org/" + "x" * 2000, "http:///x", "http://%31%32%37.0.0.1/",
    "http://paypaⅼ.com/", "http://a‍b.example/",
]  # fmt: skip


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_refused_in_words(url: str) -> None:
    with pytest.raises((Refused, BadInput)) as refused:
        web_address(url)
    assert str(refused.value).endswith((".", "encode them.")) or "STAFFWORK_WEB_HOSTS" in str(refused.value)


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("https://Example.ORG", "https://example.org/"),
        ("https://example.org./a", "https://example.org/a"),
        ("HTTP://example.org:80/?a=b c".replace(" ", "%20"), "http://example.org/?a=b%20c"),
        ("https://bücher.example/straße?q=ü#top", "https://xn--bcher-kva.example/stra%C3%9Fe?q=%C3%BC"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("http://93.184.215.14/x", "http://93.184.215.14/x"),
        ("http://[2606:2800:21F::1]/", "http://[2606:2800:21f::1]/"),
        ("https://example.org/a/../b;c=1", "https://example.org/a/../b;c=1"),
        ("https://раураl.example/", "https://xn--l-7sba6dbr.example/"),
    ],
)
def test_an_ordinary_address_is_taken_in_its_one_form(url: str, seen: str) -> None:
    assert str(web_address(url)) == seen
    assert str(web_address(seen)) == seen


NEVER = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "169.254.170.2", "168.63.129.16", "100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.2.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::127.0.0.1",
    "64:ff9b::169.254.169.254", "64:ff9b:1::8.8.8.8", "2002:7f00:1::", "2002:808:808::1", "2001::1", "2001:db8::1",
    "fe80::1", "fec0::1", "fc00::1", "fd00:ec2::254", "fd20:ce::254", "ff02::1", "3fff::1", "5f00::1", "100::1", "4000::1",
    "2a00:1450::5efe:7f00:1", "2a00:1450::200:5efe:7f00:1", "2001:2::1", "2001:10::1",
]  # fmt: skip


@pytest.mark.parametrize("address", NEVER)
def test_what_is_not_public_is_not_reached(address: str) -> None:
    assert why_not(ip_address(address), NOBODY)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "2a00:1450:4001::8a", "64:ff9b::808:808"]
)
def test_the_public_internet_is_reached_unless_it_is_this_machine(address: str) -> None:
    here = ip_address(address)
    assert not why_not(here, NOBODY)
    assert "this machine itself" in why_not(here, frozenset([here]))


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "168.63.129.16", "fe80::1", "224.0.0.1", "::ffff:169.254.169.254"]
)
def test_metadata_is_not_reached_even_where_a_host_was_opened(address: str) -> None:
    assert why_not(ip_address(address), NOBODY, opened=True, with_port=True)


def test_an_opened_host_may_be_inside_and_on_this_machine_only_by_its_port() -> None:
    assert not why_not(ip_address("10.1.2.3"), NOBODY, opened=True)
    assert why_not(ip_address("127.0.0.1"), NOBODY, opened=True)
    assert not why_not(ip_address("127.0.0.1"), NOBODY, opened=True, with_port=True)


def test_opened_hosts_are_these_and_at_these_ports() -> None:
    opened = Opened.of(" wiki, 10.1.2.3:8080 ,[fd12::1]:81, Intranet.example. ")
    for url in (
        "http://wiki/x",
        "https://wiki/",
        "http://10.1.2.3:8080/",
        "http://[fd12::1]:81/",
        "http://intranet.example/",
    ):
        assert opened.has(web_address(url, opened))
    for url in ("http://wiki:8080/", "http://10.1.2.3:8081/", "http://wiki2/", "http://wiki@x.example/"):
        with pytest.raises((Refused, BadInput)):
            web_address(url, opened)


@pytest.mark.parametrize("entry", ["http://wiki", "wiki/x", "a b", "wiki:0", "wiki:99999", "*", "user@wiki", "127.1"])
def test_an_entry_that_is_no_host_stops_the_start(entry: str) -> None:
    with pytest.raises(Misconfigured, match="STAFFWORK_WEB_HOSTS"):
        Opened.of(f"good.example,{entry}")


def test_whatever_is_accepted_names_one_host_that_every_reader_agrees_on() -> None:
    """Random addresses out of dangerous pieces: accepted ones come out the same everywhere, or not at all."""
    chance = random.Random(5)
    words = "example org 127 0 1 . .. : 80 443 @ / \\ # ? [ ] ::1 %2e %00 0x7f ü 。 ① xn-- - _ a ;"
    pieces = [" ", "\t", "\n", "\u200d", *words.split()]
    taken = 0
    for _ in range(20_000):
        text = chance.choice(["http://example.org/a", "https://93.184.215.14:443/?q=1", "http://[2606:4700::1111]:80/"])
        for _ in range(chance.randint(1, 3)):
            at = chance.randint(0, len(text))
            text = text[:at] + chance.choice(pieces) + text[at + chance.choice([0, 0, 0, 1, 4]) :]
        try:
            address = web_address(text)
        except StaffworkError:
            continue
        taken += 1
        again = urlsplit(str(address))
        assert (again.scheme, again.hostname) == (address.scheme, address.host)
        assert (again.port or address.port) == address.port in (80, 443)
        assert str(address).isascii()
        assert again.username is None
        assert host_name(f"[{address.host}]" if ":" in address.host else address.host) == address.host
        assert literal(address.host) is not None or "." in address.host
    assert taken > 100


def test_no_random_address_hides_an_ipv4_one() -> None:
    chance = random.Random(7)
    inside = [ip_address(a) for a in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "192.168.0.1", "168.63.129.16")]
    for _ in range(2_000):
        hidden = int(chance.choice(inside))
        for shape in ("::ffff:0:0", "64:ff9b::", "::", "::ffff:0:0:0", "64:ff9b:1::"):
            assert why_not(IPv6Address(int(IPv6Address(shape)) | hidden), NOBODY), shape
        assert why_not(IPv6Address((0x2002 << 112) | (hidden << 80) | chance.getrandbits(80)), NOBODY)
        isatap = (0x2A00 << 112) | (chance.getrandbits(48) << 64) | (0x5EFE << 32) | hidden
        assert why_not(IPv6Address(isatap), NOBODY)
