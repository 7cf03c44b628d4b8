"""The first start: one link, one owner, and words for everything that can go wrong."""

from __future__ import annotations

import os
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from fake_office import FakeOffice

from chat.login import session_key
from chat.server import create_app
from core.settings import Settings

GIVEN = {"name": "Ada Lovelace", "password": "a long password", "repeated": "a long password"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[tuple[httpx.AsyncClient, str]]:
    app = create_app(Settings(data_dir=tmp_path / "data"), FakeOffice.open)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            yield client, app.state.setup_path.split("=")[1]


async def test_without_an_owner_everything_leads_to_the_set_up(house: tuple[httpx.AsyncClient, str]) -> None:
    client, _ = house
    answer = await client.get("/", headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (302, "/setup")
    page = await client.get("/setup")
    assert "Open the set-up address that was printed" in page.text
    assert "<form" not in page.text


async def test_the_owner_is_made_once_and_logs_in(house: tuple[httpx.AsyncClient, str]) -> None:
    client, token = house
    page = await client.get(f"/setup?token={token}")
    assert f'value="{token}"' in page.text
    assert "<script" not in page.text
    made = await client.post("/setup", data={"token": token, **GIVEN})
    assert (made.status_code, made.headers["location"]) == (303, "/welcome")
    assert "Two ways to begin" in (await client.get("/welcome")).text  # whoever made the account is in
    client.cookies.clear()
    login = {"username": "ada lovelace", "password": GIVEN["password"]}
    assert (await client.post("/login", data=login)).status_code == 200
    assert (await client.get("/user")).json()["identifier"] == "ada lovelace"
    again = await client.post("/setup", data={"token": token, **GIVEN, "name": "Eve"})
    assert (again.status_code, "Already set up" in again.text) == (409, True)
    assert "Already set up" in (await client.get(f"/setup?token={token}")).text


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"repeated": "another password"}, 400, "not the same"),
        ({"password": "short", "repeated": "short"}, 400, "at least 10 characters"),
        ({"name": " "}, 400, "choose a name"),
        ({"token": "wrong"}, 403, "does not work any more"),
        ({"name": "<b>x</b>", "repeated": ""}, 400, "&lt;b&gt;x&lt;/b&gt;"),
    ],
)
async def test_what_goes_wrong_is_said(
    house: tuple[httpx.AsyncClient, str], change: dict[str, str], code: int, words: str
) -> None:
    client, token = house
    answer = await client.post("/setup", data={"token": token, **GIVEN, **change})
    assert (answer.status_code, words in answer.text) == (code, True)
    assert (await client.get(f"/setup?token={token}")).status_code == 200  # one can try again


async def test_the_data_folder_is_its_owners_alone(house: tuple[httpx.AsyncClient, str], tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_the_session_key_is_secret_and_stays(tmp_path: Path) -> None:
    key = session_key(tmp_path)
    assert session_key(tmp_path) == key
    assert len(key) >= 43
    assert stat.S_IMODE(os.stat(tmp_path / "secrets" / "session.key").st_mode) == 0o600
