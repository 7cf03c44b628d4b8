"""The guard: who gets in, what is closed, and what every answer carries."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import socketio
from doors_fixtures import PASSWORD, House, open_house
from sqlalchemy import update

from memory import tables

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("house")
    async with open_house(folder, public_url="https://staff.example.org", upload_max_mb=2) as opened:
        yield opened


async def test_health_needs_no_login_and_names_what_is_broken(house: House) -> None:
    async with house.visitor() as nobody:
        assert (await nobody.get("/healthz")).json() == {"status": "alive"}
        ready = await nobody.get("/readyz")
        assert (ready.status_code, set(ready.json())) == (
            200,
            {"database", "index", "disk", "model", "workers", "sandbox"},
        )
        house.office.broken = {"disk": "Only 3 MB are free."}
        broken = await nobody.get("/readyz")
        house.office.broken = {}
        assert (broken.status_code, broken.json()["disk"]) == (503, "Only 3 MB are free.")


@pytest.mark.parametrize("path", ["/user", "/project/settings", "/files/artifact/x", "/files/tasks/x", "/project/thread/x",
                                  "/avatars/x", "/anything"])  # fmt: skip
async def test_nothing_is_served_without_login(house: House, path: str) -> None:
    async with house.visitor() as nobody:
        answer = await nobody.get(path)
        assert (answer.status_code, answer.json()["detail"]) == (401, "Please log in.")
        page = await nobody.get(path, headers={"accept": "text/html"})
        assert (page.status_code, page.headers["location"]) == (302, "/login")


CLOSED = [
    ("GET", "/docs"), ("GET", "/redoc"), ("GET", "/health"), ("GET", "/project/share/x"),
    ("PUT", "/project/thread/share"), ("PUT", "/project/element"), ("DELETE", "/project/element"), ("POST", "/mcp"),
    ("POST", "/auth/jwt"), ("POST", "/auth/header"), ("GET", "/auth/oauth/github"), ("POST", "/project/action"),
    ("GET", "/copilot/index.js"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), CLOSED)
async def test_what_we_do_not_offer_is_not_there(house: House, method: str, path: str) -> None:
    async with house.visitor("ada") as ada:
        assert (await ada.request(method, path, json={})).status_code == 404


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://127.0.0.1:1",
        "http://staff.example.org.evil.example",
        "http://[",
        "https://",
    ],
)
async def test_another_site_can_change_nothing(house: House, origin: str) -> None:
    async with house.visitor("ada") as ada:
        for method, path in (
            ("POST", "/project/threads"),
            ("PUT", "/feedback"),
            ("POST", "/logout"),
            ("POST", "/login"),
        ):
            answer = await ada.request(method, path, json={}, headers={"origin": origin})
            assert answer.status_code == 403
            assert "access-control-allow-origin" not in answer.headers
        answer = await ada.post("/project/threads", json={}, headers={"origin": "", "sec-fetch-site": "cross-site"})
        assert answer.status_code == 403


async def test_our_own_addresses_may(house: House) -> None:
    body = {"pagination": {"first": 1}, "filter": {}}
    async with house.visitor("ada") as ada:
        for origin in (house.url, "https://staff.example.org"):
            assert (await ada.post("/project/threads", json=body, headers={"origin": origin})).status_code == 200


@pytest.mark.parametrize(("origin", "known"), [("https://evil.example", True), ("", False), (None, False)])
async def test_sockets_are_for_our_own_pages_and_people(house: House, origin: str | None, known: bool) -> None:
    async with house.visitor("ada") as ada:
        cookie = ada.headers["cookie"] if known else "__Host-staffwork=x.y.z"
        headers = {"cookie": cookie} | ({"origin": origin or house.url} if origin is not None else {})
        client = socketio.AsyncClient(reconnection=False)
        with pytest.raises(socketio.exceptions.ConnectionError):
            await client.connect(house.url, socketio_path="/ws/socket.io", transports=["websocket"], headers=headers,
                                 auth={"sessionId": "s", "clientType": "webapp"})  # fmt: skip


@pytest.mark.parametrize(
    "path", ["/", "/login", "/user", "/healthz", "/docs", "/assets/none.js", "/setup", "/thread/x", "/favicon"]
)
async def test_every_answer_carries_the_headers(house: House, path: str) -> None:
    async with house.visitor("ada") as ada:
        headers = (await ada.get(path, headers={"accept": "text/html"})).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "object-src 'none'" in headers["content-security-policy"]
    assert "unsafe-eval" not in headers["content-security-policy"]
    assert "max-age" in headers["strict-transport-security"]
    assert "server" not in headers


async def test_the_page_loads_nothing_from_elsewhere(house: House) -> None:
    async with house.visitor() as nobody:
        page = await nobody.get("/login", headers={"accept": "text/html"})
    assert re.findall(r"""(?:src|href|content)=["'](?:https?:)?//""", page.text) == []
    assert "Staffwork" in page.text
    scripts = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    assert scripts
    for code in scripts:
        digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in page.headers["content-security-policy"]


async def test_assets_are_kept_and_answers_are_not(house: House) -> None:
    async with house.visitor("ada") as ada:
        page = (await ada.get("/login", headers={"accept": "text/html"})).text
        [script] = re.findall(r'src="(/assets/index-[^"]+)"', page)
        assert "immutable" in (await ada.get(script)).headers["cache-control"]
        assert (await ada.get("/user")).headers["cache-control"] == "no-store"


async def test_what_is_not_there_or_not_theirs_is_not_kept(house: House) -> None:
    """An asset of the next version, or a picture asked for without a login, would be missing for as long as it was kept."""
    async with house.visitor() as nobody:
        for path, accept in (
            ("/assets/none.js", "*/*"),
            ("/public/none.css", "*/*"),
            ("/avatars/chief", "*/*"),
            ("/avatars/chief", "text/html"),
        ):
            answer = await nobody.get(path, headers={"accept": accept})
            assert (answer.status_code >= 300, answer.headers["cache-control"]) == (True, "no-store"), path
        out = await nobody.post("/logout", headers={"accept": "*/*"})
        assert out.headers["cache-control"] == "no-store"


async def test_a_form_of_too_many_fields_is_refused_in_words(house: House) -> None:
    many = "&".join(f"f{n}=x" for n in range(5000))
    async with house.visitor("ada") as ada:
        for path in (
            "/me",
            "/keys",
            "/me/second-factor",
            "/inbox",
            "/preferences",
            "/memories",
            "/contexts/new",
            "/conversations",
        ):
            form = {"content-type": "application/x-www-form-urlencoded"}
            answer = await ada.post(path, content=many, headers=form)
            assert answer.status_code in (400, 403, 404, 409), (path, answer.status_code, answer.text[:200])


async def test_our_own_address_over_plain_http_is_another_site(house: House) -> None:
    """Behind TLS, whoever sits in the line can write a page at http://; it may not send forms."""
    body = {"pagination": {"first": 1}, "filter": {}}
    async with house.visitor("ada") as ada:
        for host in ("staff.example.org", house.url.removeprefix("http://")):
            headers = {"origin": "http://staff.example.org", "host": host}
            assert (await ada.post("/project/threads", json=body, headers=headers)).status_code == 403


@pytest.mark.parametrize("announced", [True, False])
async def test_a_body_over_the_limit_is_cut_off(house: House, announced: bool) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'--b\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
        for _ in range(200):
            yield b"x" * 100_000

    async with house.visitor("ada") as ada:
        headers = {"content-type": "multipart/form-data; boundary=b"} | (
            {"content-length": "20000066"} if announced else {}
        )
        async with house.tab(ada) as tab:
            address = f"/project/file?session_id={tab.session_id}"
            answer = await ada.post(address, content=body(), headers=headers)
    assert answer.status_code == 413
    assert "at most 3 MB" in answer.json()["detail"]


async def test_other_bodies_are_small(house: House) -> None:
    async with house.visitor("ada") as ada:
        assert (await ada.post("/project/threads", content=b"x" * 2_000_000)).status_code == 413


async def test_the_cookie_is_for_us_alone(house: House) -> None:
    async with house.visitor() as nobody:
        answer = await nobody.post("/login", data={"username": "ada", "password": PASSWORD})
        cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=lax", "; secure", "path=/;"))
    assert cookie.startswith("__host-staffwork=")  # a browser takes it from this very host only
    assert "domain" not in cookie
    assert f"max-age={7 * 86_400}" in cookie


@pytest.mark.parametrize("change", [{"active": False}, {"token_version": 7}])
async def test_a_session_ends_with_its_person(house: House, change: dict[str, object]) -> None:
    async with house.visitor("bob") as bob:
        assert (await bob.get("/user")).json()["identifier"] == "bob"
        where = tables.users.c.name == "bob"
        await house.office.database.write((update(tables.users).where(where).values(**change), None))
        try:
            assert (await bob.get("/user")).status_code == 401
            assert (await bob.post("/project/threads", json={})).status_code == 401
        finally:
            back = {"active": True, "token_version": 1}
            await house.office.database.write((update(tables.users).where(where).values(**back), None))
        assert (await bob.get("/user")).status_code == 200


async def test_a_forged_session_is_none(house: House) -> None:
    import jwt

    claims = {
        "identifier": "ada",
        "display_name": "ada",
        "metadata": {"sid": "guessed"},
        "exp": 9e9,
    }
    async with house.visitor() as nobody:
        for token in (jwt.encode(claims, "another key of enough length.....", "HS256"), jwt.encode(claims, "", "none")):
            assert (await nobody.get("/user", headers={"cookie": f"__Host-staffwork={token}"})).status_code == 401
            assert (await nobody.get("/user", headers={"authorization": f"Bearer {token}"})).status_code == 401


async def test_wrong_passwords_are_refused_in_words_then_slowed(house: House) -> None:
    async with house.visitor() as nobody:
        answers = [await nobody.post("/login", data={"username": "carol", "password": f"guess {n}"}) for n in range(8)]
    assert (answers[0].status_code, answers[0].json()["detail"]) == (401, "The name or the password is not right.")
    assert answers[-1].status_code == 429
    assert "wait" in answers[-1].json()["detail"].lower() or "try again" in answers[-1].json()["detail"].lower()
