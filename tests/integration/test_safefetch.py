"""Fetching: where connections really go, redirects, rebinding, bombs, drips, and what is said of it."""

from __future__ import annotations

import asyncio
import gzip
import os
import zlib
from ipaddress import ip_address

import pytest
from web_fixtures import Changing, drip, endless, known, little_web, moved, packed, page

from core.errors import Misconfigured, Refused, ToolFailure
from tools.addresses import Opened
from tools.connecting import Blocked, TooMuch, Ways, own_addresses, system_resolver
from tools.safefetch import Asking, Limits, SafeFetch, Unanswered


async def test_a_page_comes_with_its_type_charset_and_final_address() -> None:
    async with little_web(start=moved("/end?a=1#part"), end=page("grüße", "Text/HTML; Charset='UTF-8'")) as web:
        got = await web.fetch().fetch(web.address())
    assert (got.url, got.type, got.charset) == (web.address("/end?a=1"), "text/html", "utf-8")
    assert got.content.decode() == "grüße"
    asked = web.visits[0].headers
    assert asked["host"] == f"site.example:{web.port}"
    assert sorted(asked) == ["accept", "accept-encoding", "connection", "host", "user-agent"]  # nothing else of ours


@pytest.mark.parametrize(
    "found",
    [["127.0.0.1"], ["10.0.0.5"], ["169.254.169.254"], ["168.63.129.16"], ["::1"], ["fe80::1"], ["::ffff:127.0.0.1"],
     ["93.184.215.14", "127.0.0.1"], ["127.0.0.1", "93.184.215.14"], ["2606:4700::1111", "fd00::1"], ["64:ff9b::7f00:1"]],
)  # fmt: skip
async def test_a_name_that_leads_inside_is_refused_and_nothing_is_connected(found: list[str]) -> None:
    fetch = SafeFetch(Ways(known(*found)), Limits(seconds=10))
    with pytest.raises(Refused, match="is not reached"):
        await fetch.fetch("http://rebinding.example/")


async def test_between_check_and_connection_nobody_asks_again() -> None:
    """A name server that answers differently the second time is not asked a second time."""
    async with little_web(start=page("inside")) as web:
        resolver = Changing(["127.0.0.1"], ["169.254.169.254"])
        opened = Opened.of(f"flip.example:{web.port}")
        got = await SafeFetch(Ways(resolver, opened), Limits(seconds=10)).fetch(web.address(host="flip.example"))
        assert got.content == b"inside"
        assert resolver.asked == 1
        with pytest.raises(Refused, match="metadata"):  # the next request is checked anew
            await SafeFetch(Ways(resolver, opened), Limits(seconds=10)).fetch(web.address(host="flip.example"))
    assert web.connections == 1


async def test_a_public_name_that_turns_to_loopback_reaches_nothing_there() -> None:
    async with little_web(start=page("inside")) as web:
        ways = Ways(Changing(["127.0.0.1"]), Opened.of(f"other.example:{web.port}"))
        for url in ("http://evil.example/", f"http://evil.example:{web.port}/"):
            with pytest.raises(Refused):
                await SafeFetch(ways, Limits(seconds=10)).fetch(url)
    assert web.connections == 0


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]/", "file:///etc/passwd", "ftp://a.example/",
     "http://user:pw@site.example/", "http://2130706433/", "//127.0.0.1:22/", "http://inner.example:6379/", "gopher://x.example/",
     "http://site.example\\@127.0.0.1/", "http://[fe80::1%25eth0]/", "\r\nx", "http://metadata.google.internal/"],
)  # fmt: skip
async def test_a_redirect_is_checked_like_any_address(target: str) -> None:
    async with little_web(start=moved(target.replace("\r\n", "%0d%0a") if "\r" in target else target)) as web:
        fetch = web.fetch()
        with pytest.raises((Refused, ToolFailure)):
            await fetch.fetch(web.address())
        assert web.connections == (2 if "\r" in target else 1)  # "%0d%0ax" is a page of the same site, and not there


async def test_a_redirect_to_a_name_that_leads_inside_is_refused() -> None:
    async with little_web(start=moved("http://inner.example/")) as web:
        with pytest.raises(Refused, match=r"inner\.example is not reached: 127\.0\.0\.1 is this machine itself"):
            await web.fetch().fetch(web.address())


async def test_redirects_end() -> None:
    async with little_web(start=moved("/")) as web:
        with pytest.raises(ToolFailure, match="more than 5 redirects"):
            await web.fetch().fetch(web.address())
    assert web.connections == 6


async def test_where_redirects_are_not_wanted_none_is_followed() -> None:
    async with little_web(start=moved("/next"), next=page("x")) as web:
        with pytest.raises(Refused, match="not followed"):
            await web.fetch().fetch(web.address(), Asking("POST", {"Authorization": "Bearer key"}, b"{}", follow=False))
    assert [v.path for v in web.visits] == ["/"]


BOMB = zlib.compress(b"\0" * 50_000_000, 9)
BOMBS = {
    "gzip": packed(b"\0" * 50_000_000),
    "deflate": page(BOMB, "text/plain", "content-encoding: deflate"),
    "length": b"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n",
    "headers": endless(b"HTTP/1.1 200 OK\r\n", b"x: " + b"y" * 60_000 + b"\r\n"),
    "one_header": endless(b"HTTP/1.1 200 OK\r\nx: ", b"y" * 60_000),
    "continues": endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500),
    "body": endless(b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\n", b"z" * 60_000),
    "chunks": endless(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", b"1\r\nz\r\n" * 5_000),
    "extensions": endless(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;", b"e" * 60_000),
    "brotli": page(b"x", "text/html", "content-encoding: br"),
    "twice": page(gzip.compress(BOMB), "text/html", "content-encoding: gzip, deflate"),
}


@pytest.mark.parametrize("name", BOMBS)
async def test_what_is_too_much_is_stopped(name: str) -> None:
    async with little_web(start=BOMBS[name]) as web:
        with pytest.raises(ToolFailure):
            await web.fetch(Limits(seconds=20, wire=2_000_000, unpacked=3_000_000)).fetch(web.address())


async def test_a_bomb_says_what_it_is() -> None:
    async with little_web(start=BOMBS["gzip"], drip=drip) as web:
        with pytest.raises(TooMuch, match="unpacks to more than 3,000,000 bytes"):
            await web.fetch(Limits(seconds=20, unpacked=3_000_000)).fetch(web.address())
        with pytest.raises(ToolFailure, match=r"took longer than 0.3 seconds"):
            await web.fetch(Limits(seconds=0.3)).fetch(web.address("/drip"))


async def test_a_flood_lets_others_have_their_turn() -> None:
    async with little_web(start=BOMBS["chunks"]) as web:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(other())
        with pytest.raises(ToolFailure):
            await web.fetch(Limits(seconds=20, wire=300_000)).fetch(web.address())
        beside.cancel()
    assert turns > 100


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc", "broke off"),
        (b"", "broke off"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "does not speak HTTP"),
        (page(gzip.compress(b"x" * 1000)[:-9], "text/html", "content-encoding: gzip"), "cut off or damaged"),
        (page(b"not packed at all", "text/html", "content-encoding: gzip"), "damaged"),
        (page("no", status="403 Forbidden"), r"403 \(it does not let programs in\)"),
        (page("no", status="999 What"), "answered 999"),
        (page(b"\x89PNG", "image/png"), "is image/png, which cannot be read here"),
    ],
)
async def test_what_goes_wrong_is_said_in_words(content: bytes, words: str) -> None:
    async with little_web(start=content) as web:
        with pytest.raises(ToolFailure, match=words):
            await web.fetch().fetch(web.address(), Asking(types=("text/",)))


async def test_a_status_can_be_told_apart() -> None:
    async with little_web() as web:
        with pytest.raises(Unanswered) as caught:
            await web.fetch().fetch(web.address("/none"))
    assert caught.value.status == 404


@pytest.mark.parametrize("raw", [True, False])
async def test_both_kinds_of_deflate_are_read(raw: bool) -> None:
    packer = zlib.compressobj(wbits=-15 if raw else 15)
    body = packer.compress(b"hello " * 100) + packer.flush()
    async with little_web(start=page(body, "text/plain", "content-encoding: deflate")) as web:
        assert (await web.fetch().fetch(web.address())).content == b"hello " * 100


async def test_no_network_is_an_error_in_words_and_no_hang() -> None:
    async def nobody(host: str) -> list[object]:
        raise OSError("Temporary failure in name resolution")

    with pytest.raises(ToolFailure, match=r"site\.example was not found.*no network here"):
        await SafeFetch(Ways(nobody), Limits(seconds=10)).fetch("http://site.example/")  # type: ignore[arg-type]
    async with little_web() as web:
        gone = web.fetch(), web.address()
    with pytest.raises(ToolFailure, match="cannot be reached"):
        await gone[0].fetch(gone[1])


async def test_a_name_server_that_never_answers_is_given_up() -> None:
    async def never(host: str) -> list[object]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(ToolFailure, match="took longer"):
        await SafeFetch(Ways(never), Limits(seconds=0.2)).fetch("http://site.example/")  # type: ignore[arg-type]


async def test_a_second_address_is_tried_when_the_first_does_not_answer() -> None:
    async with little_web(start=page("found")) as web:
        ways = Ways(known("127.0.0.9", "127.0.0.1"), Opened.of(f"two.example:{web.port}"))
        assert (await SafeFetch(ways, Limits(seconds=10)).fetch(web.address(host="two.example"))).content == b"found"


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with little_web(start=page("straight")) as web, little_web(start=page("proxy")) as proxy:
        for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert (await web.fetch().fetch(web.address())).content == b"straight"
    assert proxy.connections == 0


async def test_this_machines_own_addresses_are_known_and_refused() -> None:
    own = own_addresses()
    assert ip_address("127.0.0.1") in own
    mine = ip_address("93.184.215.14")  # as if it were the address people reach this machine at
    with pytest.raises(Refused, match="this machine itself"):
        await SafeFetch(Ways(known(str(mine)), own=lambda: frozenset([mine])), Limits(seconds=10)).fetch(
            "http://a.example/"
        )


async def test_what_an_administrator_closed_stays_closed() -> None:
    ways = Ways(known("93.184.215.14"), blocked=Blocked.of("93.184.215.0/24, Mail.Example", "we.example"))
    for url in ("http://a.example/", "http://93.184.215.14/"):
        with pytest.raises(Refused, match="closed by the administrator"):
            await SafeFetch(ways, Limits(seconds=10)).fetch(url)
    for url in ("http://mail.example/", "http://x.mail.example/", "http://we.example/"):
        with pytest.raises(Refused, match="is not open for web tools"):
            await SafeFetch(ways, Limits(seconds=10)).fetch(url)
    with pytest.raises(Misconfigured, match="STAFFWORK_WEB_BLOCKED"):
        Blocked.of("1.2.3.4/99")


async def test_only_opened_hosts_where_nothing_else_is() -> None:
    async with little_web(start=page("inside")) as web:
        ways = Ways(known("127.0.0.1"), Opened.of(f"site.example:{web.port}"), only_opened=True)
        assert (await SafeFetch(ways, Limits(seconds=10)).fetch(web.address())).content == b"inside"
        with pytest.raises(Refused, match="is not open"):
            await SafeFetch(Ways(known("93.184.215.14"), only_opened=True), Limits(seconds=10)).fetch(
                "http://a.example/"
            )


async def test_the_systems_resolver_finds_loopback_and_says_what_is_not_there() -> None:
    resolve = system_resolver()
    assert {str(a) for a in await resolve("localhost")} <= {"127.0.0.1", "::1"}
    with pytest.raises(OSError, match=r"."):
        await resolve("no-such-host.invalid")


async def test_no_connection_is_left_open_when_fetches_fail() -> None:
    async with little_web(start=b"") as web:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(100):
            with pytest.raises(ToolFailure):
                await web.fetch().fetch(web.address())
        assert len(os.listdir("/proc/self/fd")) <= before + 2
