"""The way out for code: listed hosts by name and nothing else, whatever the request looks like."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from egress_fixtures import CONTEXT, HOSTS, PUBLIC, Internet, sent

from core.errors import Misconfigured, Refused, StoreUnavailable
from core.settings import Settings
from tools.egress import WayOut, open_egress
from tools.egress_hosts import HostList, OpenHosts


@pytest.fixture
async def internet() -> AsyncIterator[Internet]:
    async with Internet().up() as up:
        yield up


@pytest.fixture
async def way(internet: Internet, tmp_path: Path) -> AsyncIterator[WayOut]:
    async with internet.egress(tmp_path).way_out(CONTEXT, "run_python", None) as way:
        yield way


def tunnel(host: str, port: object = 443) -> bytes:
    return f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode("latin-1")


def get(url: str, *fields: str) -> bytes:
    return "\r\n".join([f"GET {url} HTTP/1.1", "Host: x", *fields, "", ""]).encode("latin-1")


async def test_a_tunnel_carries_bytes_both_ways_and_is_told(internet: Internet, way: WayOut) -> None:
    answer = await sent(way, tunnel("open.example.org"), then=b"tls bytes")
    assert answer.startswith(b"HTTP/1.1 200 Connection established\r\n\r\n")
    assert answer.endswith(b"hello")
    assert internet.heard == [b"tls bytes"]
    assert internet.connected == [(PUBLIC, 443)]
    assert way.told() == [f"Network: open.example.org:443 (9 bytes out, {len(internet.answer)} in)"]


async def test_a_plain_request_is_written_anew(internet: Internet, way: WayOut) -> None:
    url = "http://files.open.example.net/a?b=c"
    request = get(url, "Accept: */*", "Proxy-Authorization: x", "Connection: keep-alive", "Host: other.example.org")
    assert (await sent(way, request)).endswith(b"hello")
    assert internet.connected == [(PUBLIC, 80)]
    [heard] = internet.heard
    assert heard == (b"GET /a?b=c HTTP/1.1\r\nHost: files.open.example.net\r\nConnection: close\r\nAccept: */*\r\n\r\n")


REFUSED = {
    "another host": tunnel("other.example.org"),
    "a listed name as a beginning": tunnel("open.example.org.evil.example.com"),
    "a listed name as an ending": tunnel("evilopen.example.org"),
    "a listed domain as an ending of a name": tunnel("evilopen.example.net"),
    "a listed domain itself": tunnel("open.example.net"),
    "a host below a listed name": tunnel("a.open.example.org"),
    "a zero byte behind a listed name": tunnel("open.example.org\0.evil.example.com"),
    "a zero byte before a listed name": tunnel("evil.example.com\0.open.example.org"),
    "a percent-encoded zero byte": tunnel("evil.example.com%00.open.example.org"),
    "an address": tunnel("93.184.215.14"),
    "this machine": tunnel("127.0.0.1"),
    "this machine by name": tunnel("localhost"),
    "an address as one number": tunnel("2130706433"),
    "an address in hex": tunnel("0x7f.1"),
    "an IPv6 address": tunnel("[::1]"),
    "an IPv6 address without brackets": tunnel("::1"),
    "letters of another script": tunnel("οpen.example.org".encode().decode("latin-1")),
    "a full-width dot": tunnel("open.example．org".encode().decode("latin-1")),
    "an encoded name": tunnel("xn--open-example.org"),
    "a user name": tunnel("open.example.org@evil.example.com"),
    "a user name before": tunnel("evil.example.com@open.example.org"),
    "another port": tunnel("open.example.org", 22),
    "port 80 by tunnel": tunnel("open.example.org", 80),
    "port 8443": tunnel("open.example.org", 8443),
    "a port with a sign": tunnel("open.example.org", "+443"),
    "a port with a zero": tunnel("open.example.org", "0443"),
    "no port": b"CONNECT open.example.org HTTP/1.1\r\n\r\n",
    "a path behind the port": tunnel("open.example.org", "443/x"),
    "metadata by name": tunnel("meta.example.org"),
    "the wire server by name": tunnel("wire.example.org"),
    "this machine by a name of the internet": tunnel("home.example.org"),
    "a private network by name": tunnel("inner.example.org"),
    "this machine in an IPv6 dress": tunnel("six.example.org"),
    "one good and one bad address": tunnel("mixed.example.org"),
    "this machine's own public address": tunnel("me.example.org"),
    "a host the administrator closed": tunnel("closed.example.org"),
    "https without a tunnel": get("https://open.example.org/"),
    "another scheme": get("ftp://open.example.org/"),
    "a file": get("file:///etc/passwd"),
    "no host": get("/etc/passwd"),
    "another port in plain": get("http://open.example.org:8080/"),
    "a user in plain": get("http://open.example.org@evil.example.com/"),
    "a backslash": get("http://evil.example.com\\@open.example.org/"),
    "another host in plain": get("http://evil.example.com/"),
    "metadata in plain": get("http://169.254.169.254/latest/meta-data/"),
    "a method that changes something": get("http://open.example.org/").replace(b"GET", b"POST", 1),
    "a method in lower case": get("http://open.example.org/").replace(b"GET", b"get", 1),
    "a body": get("http://open.example.org/", "Content-Length: 5") + b"hello",
    "a body in chunks": get("http://open.example.org/", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
    "two lengths": get("http://open.example.org/", "Content-Length: 0", "Content-Length: 5"),
    "a folded field": get("http://open.example.org/", "X: a", " b"),
    "a field without a name": get("http://open.example.org/", ": x"),
    "a space before the colon": get("http://open.example.org/", "Content-Length : 5"),
    "a bare newline": get("http://open.example.org/", "X: a\nContent-Length: 5"),
    "a bare return": get("http://open.example.org/", "X: a\rY: b"),
    "a zero byte in a field": get("http://open.example.org/", "X: a\0b"),
    "no version": b"GET http://open.example.org/\r\n\r\n",
    "another version": b"GET http://open.example.org/ HTTP/2.0\r\n\r\n",
    "two spaces": b"GET  http://open.example.org/ HTTP/1.1\r\n\r\n",
    "a request that is too long": get("http://open.example.org/", "X: " + "a" * 40_000),
    "SOCKS": b"\x05\x01\x00\r\n\r\n",
    "TLS at once": b"\x16\x03\x01\x00\xa5\r\n\r\n",
}


@pytest.mark.parametrize("attempt", REFUSED)
async def test_everything_else_is_refused_and_nobody_is_connected_to(
    internet: Internet, way: WayOut, attempt: str
) -> None:
    answer = await sent(way, REFUSED[attempt])
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n"), answer
    assert internet.connected == []
    assert internet.heard == []
    assert len(way.log) == 1
    assert way.log[0].refused


async def test_a_second_request_in_the_same_breath_is_not_sent_on(internet: Internet, way: WayOut) -> None:
    smuggled = get("http://open.example.org/") + get("http://open.example.org/admin")
    await sent(way, smuggled)
    assert [heard.count(b"GET") for heard in internet.heard] == [1]
    assert b"admin" not in internet.heard[0]


async def test_between_check_and_connection_nobody_is_asked_again(tmp_path: Path) -> None:
    internet = Internet({"open.example.org": [PUBLIC]})
    async with internet.up(), internet.egress(tmp_path).way_out(CONTEXT, "run_python", None) as way:
        await sent(way, tunnel("open.example.org"), then=b"x")
        assert internet.asked == ["open.example.org"]
        internet.names = {"open.example.org": ["10.0.0.1"]}  # it has changed its mind
        assert (await sent(way, tunnel("open.example.org"))).startswith(b"HTTP/1.1 403")
        assert internet.connected == [(PUBLIC, 443)]


async def test_one_run_moves_only_so_many_bytes(internet: Internet, tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, sandbox_hosts="open.example.org", sandbox_network_mb=1)
    chosen = open_egress(settings, tmp_path / "policy.toml")
    assert chosen is not None
    internet.answer = b"x" * 3_000_000
    async with internet.egress(tmp_path, most=chosen._most).way_out(CONTEXT, "run_shell", None) as way:
        got = await sent(way, tunnel("open.example.org"), then=b"x")
        assert len(got) < 1_100_000
        assert "more was moved" in way.told()[0]
        assert (await sent(way, tunnel("open.example.org"), then=b"x")).count(b"x") == 0


async def test_only_so_many_connections_at_once(internet: Internet, way: WayOut) -> None:
    idle = [await asyncio.open_unix_connection(way.socket) for _ in range(16)]
    for _, writer in idle:
        writer.write(tunnel("open.example.org"))
    for reader, _ in idle:
        assert b"200" in await reader.read(100)
    assert b"too many" in await sent(way, tunnel("open.example.org"))
    for _, writer in idle:
        writer.close()


async def test_no_connection_goes_where_the_record_of_it_failed_or_is_not_written_yet(
    internet: Internet, way: WayOut
) -> None:
    """The second connection to a host is no better off than the first: it stands on record before it is made, or is not made."""
    asked, written = list[str](), asyncio.Event()

    async def note(place: str, refused: str) -> None:
        if refused:
            return
        asked.append(place)
        if len(asked) <= 2:
            raise StoreUnavailable("Nothing can be written just now.")
        assert internet.connected == []
        await written.wait()

    way.note = note
    request = get("http://open.example.org/")
    for _ in range(2):
        assert b"Nothing can be written" in await sent(way, request)
    both = [asyncio.create_task(sent(way, request)) for _ in range(2)]
    while len(asked) < 3 or len(way.log) < 4:
        await asyncio.sleep(0.001)
    for _ in range(100):  # time enough for one that would not wait
        await asyncio.sleep(0)
    assert internet.connected == []
    written.set()
    assert all([(await one).endswith(b"hello") for one in both])
    assert asked == ["open.example.org:80"] * 3


async def test_when_the_run_is_over_nothing_leads_outside_any_more(internet: Internet, tmp_path: Path) -> None:
    async with internet.egress(tmp_path).way_out(CONTEXT, "run_python", tmp_path) as way:
        reader, writer = await asyncio.open_unix_connection(way.socket)
        writer.write(tunnel("open.example.org"))
        assert b"200" in await reader.read(100)
        assert way.socket.stat().st_mode & 0o777 == 0o600
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    assert not way.socket.exists()
    writer.close()


async def test_an_operator_or_a_tool_can_have_hosts_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(
        '[[network]]\nhosts = ["data.example.com"]\noperator = "analyst"\n\n'
        '[[network]]\nhosts = "a.example.org"\ntool = "run_shell"\n'
    )
    found = OpenHosts.of("*.example.net", tmp_path / "policy.toml")
    assert str(found.of_call("run_python", "analyst")) == "*.example.net, data.example.com"
    assert str(found.of_call("run_shell", "writer")) == "*.example.net, a.example.org"
    async with Internet().up() as internet:
        nothing = OpenHosts.of("", tmp_path / "policy.toml")
        assert not nothing.of_call("run_python", "writer")
        egress = internet.egress(tmp_path, hosts="")
        with pytest.raises(Refused, match="No host is open"):
            async with egress.way_out(CONTEXT.model_copy(update={"operator": "writer"}), "run_python", None):
                pass


def test_a_host_is_meant_whole_and_a_domain_with_all_below_it() -> None:
    hosts = HostList.of(["DATA.example.com", "*.example.org", "bücher.example.net"], "here")
    assert [hosts.has(h) for h in ("data.example.com", "a.data.example.com", "x.y.example.org", "example.org")] == [
        True,
        False,
        True,
        False,
    ]
    assert hosts.has("xn--bcher-kva.example.net")


@pytest.mark.parametrize(
    "entry", ["*", "*.org", "localhost", "10.0.0.1", "2130706433", "a b", "http://a.org", "a.org:443", ""]
)
def test_what_is_no_host_is_a_wrong_setting(entry: str) -> None:
    with pytest.raises(Misconfigured, match="STAFFWORK_SANDBOX_HOSTS"):
        HostList.of([entry], "STAFFWORK_SANDBOX_HOSTS")


def test_without_a_host_there_is_no_way_out(tmp_path: Path) -> None:
    assert open_egress(Settings(data_dir=tmp_path), tmp_path / "policy.toml") is None
    assert open_egress(Settings(data_dir=tmp_path, sandbox_hosts=HOSTS), tmp_path / "policy.toml") is not None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[network]\nhosts = []", "double brackets"),
        ("[[network]]\ntool = 'run_shell'", "hosts is missing"),
        ("[[network]]\nhosts = ['a.org']\nrole = 'x'", "no field 'role'"),
        ("[[network]]\nhosts = [5]", "in quotes"),
        ("[[network]]\nhosts = ['10.0.0.1']", "addresses in numbers"),
        ("[[network", "cannot be read"),
    ],
)
def test_a_mistake_in_the_policy_file_is_named(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(Misconfigured, match=words):
        OpenHosts.of("", tmp_path / "policy.toml")
