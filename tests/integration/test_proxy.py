"""The proxy we ship, with the house behind it: TLS, sockets, slow visitors, and a restart nobody notices."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import yaml
from doors_fixtures import PASSWORD, add_person
from fake_office import FakeOffice
from proxy_fixtures import CADDYFILE, Proxy, free_port, proxied
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus, WebSocketException
from websockets.typing import Origin

from chat.server import configured, create_app
from core.settings import Settings

SOCKET = "/ws/socket.io/?EIO=4&transport=websocket"


@asynccontextmanager
async def house(settings: Settings, port: int) -> AsyncIterator[Any]:
    """Serve on this port, without a model: only the door is looked at."""
    app = create_app(settings, FakeOffice.open)
    server = uvicorn.Server(configured(app, settings, port=port))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
        assert not serving.done()
    try:
        yield app.state.office
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def street(folder: Path) -> AsyncIterator[tuple[Proxy, httpx.AsyncClient, Settings, AsyncExitStack, int]]:
    """The proxy and the house behind it; closing the stack stops the house alone."""
    port = free_port()
    async with proxied(folder, port) as proxy, AsyncExitStack() as inside:
        settings = Settings(data_dir=folder / "data", port=port, public_url=proxy.url)
        office = await inside.enter_async_context(house(settings, port))
        await add_person(office, "ada")
        visitor = httpx.AsyncClient(
            base_url=proxy.url, verify=proxy.trust, headers={"origin": proxy.url}, timeout=60, trust_env=False
        )
        async with visitor:
            yield proxy, visitor, settings, inside, port


async def log_in(visitor: httpx.AsyncClient) -> httpx.Response:
    answer = await visitor.post("/login", data={"username": "ada", "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    return answer


async def test_pages_come_encrypted_and_cookies_stay_so(tmp_path: Path) -> None:
    async with street(tmp_path) as (proxy, visitor, *_):
        page = await visitor.get("/login")
        assert page.status_code == 200
        assert page.headers["strict-transport-security"] == "max-age=31536000"
        assert "server" not in page.headers
        assert "Secure" in (await log_in(visitor)).headers["set-cookie"]
        assert (await visitor.get("/api/missions")).status_code == 200
        async with httpx.AsyncClient(trust_env=False, timeout=60) as plain:
            moved = await plain.get(f"http://localhost:{proxy.plain_port}/inbox")
        assert (moved.status_code, moved.headers["location"][:8]) == (308, "https://")


async def test_sockets_pass_and_foreign_ones_do_not(tmp_path: Path) -> None:
    async with street(tmp_path) as (proxy, visitor, *_):
        cookie = (await log_in(visitor)).headers["set-cookie"].split(";")[0]
        address = proxy.url.replace("https", "wss") + SOCKET
        async with connect(
            address, ssl=proxy.trust, origin=Origin(proxy.url), additional_headers={"cookie": cookie}
        ) as socket:
            assert str(await socket.recv()).startswith("0{")
            await socket.send(
                "1" * 1_000_000
            )  # far more than anybody types: it is refused or dropped, the house goes on
            assert (await visitor.get("/healthz")).status_code == 200
        for origin, more in (("https://elsewhere.example", {"cookie": cookie}), (proxy.url, {})):
            with pytest.raises((InvalidStatus, WebSocketException)):
                async with connect(address, ssl=proxy.trust, origin=Origin(origin), additional_headers=more) as socket:
                    await socket.recv()


async def test_people_get_in_while_hundreds_do_not_finish_asking(tmp_path: Path) -> None:
    async with street(tmp_path) as (proxy, visitor, *_), AsyncExitStack() as held:
        for number in range(600):
            _, writer = await asyncio.open_connection("127.0.0.1", proxy.port if number % 2 else proxy.plain_port)
            held.callback(writer.close)
            writer.write(b"\x16\x03\x01" if number % 2 else b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert (await visitor.get("/healthz")).status_code == 200
        await log_in(visitor)


async def test_who_does_not_finish_asking_is_cut_off(tmp_path: Path) -> None:
    async with street(tmp_path) as (proxy, *_):
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.plain_port)
        writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        async with asyncio.timeout(60):
            assert b"200" not in await reader.read()  # ends because the other side closed it
        writer.close()


async def test_a_request_waits_for_a_house_that_starts_again(tmp_path: Path) -> None:
    async with street(tmp_path) as (_, visitor, settings, inside, port):
        await inside.aclose()
        asking = asyncio.create_task(visitor.get("/healthz"))
        await asyncio.sleep(1)
        assert not asking.done()
        async with house(settings, port):
            assert (await asking).status_code == 200


def test_compose_runs_it_on_request_with_the_right_to_two_ports_only() -> None:
    compose = yaml.safe_load((CADDYFILE.parents[1] / "compose.yaml").read_text(encoding="utf-8"))
    proxy, house = compose["services"]["proxy"], compose["services"]["staffwork"]
    assert proxy["profiles"] == ["tls"], "it runs only where somebody asks for it"
    assert proxy["volumes"] == ["./docker/Caddyfile:/etc/caddy/Caddyfile:ro", "certificates:/data"]
    assert (proxy["cap_drop"], proxy["cap_add"], proxy["read_only"]) == (["ALL"], ["NET_BIND_SERVICE"], True)
    assert proxy["ports"] == ["80:80", "443:443"]
    assert "env_file" not in proxy, "keys are none of its business"
    assert re.fullmatch(r"caddy:\d+\.\d+(\.\d+)?-alpine", proxy["image"])
    [network] = compose["networks"]["default"]["ipam"]["config"]
    address = proxy["networks"]["default"]["ipv4_address"]
    assert ip_address(address) in ip_network(network["subnet"])
    assert house["environment"]["FORWARDED_ALLOW_IPS"] == address
    assert set(re.findall(r"\{\$(\w+)", CADDYFILE.read_text(encoding="utf-8"))) == {
        "HTTP_PORT", "HTTPS_PORT", "STAFFWORK_PUBLIC_URL", "UPSTREAM",
    }  # fmt: skip


async def test_heads_that_are_far_too_large_are_refused(tmp_path: Path) -> None:
    async with street(tmp_path) as (_, visitor, *_):
        assert (await visitor.get("/healthz", headers={"x-large": "a" * 60_000})).status_code == 431
