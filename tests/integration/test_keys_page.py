"""The page of API keys, and service accounts: programs with keys and no login."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from doors_fixtures import House, open_house, scripts
from keys_fixtures import program, role


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    async with open_house(tmp_path_factory.mktemp("house")) as opened:
        yield opened


pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_the_page_makes_shows_once_and_revokes_without_javascript(house: House) -> None:
    async with house.visitor("ada") as ada:
        form = {"kind": "make", "name": "<b>Laptop</b>", "scopes": ["read", "missions"], "days": "30"}
        page = await ada.post("/keys", data=form)
        secret = re.search(r'value="(sw_[\w-]{43})"', page.text)
        assert secret
        assert "<b>" not in page.text
        again = await ada.get("/keys")
        assert secret[1] not in again.text
        assert scripts(again.text) == []
        async with program(house, secret[1]) as client:
            key_id = (await client.get("/api/keys/this")).json()["id"]
            done = await ada.post("/keys", data={"kind": "revoke", "key": key_id})
            assert (done.status_code, done.headers["location"]) == (303, "/keys?did=revoke")
            assert (await client.get("/api/missions")).status_code == 401
        for data, words in (
            ({"kind": "make", "name": "x"}, "choose at least one"),
            ({"kind": "make", "name": "x", "scopes": "read", "days": "soon"}, "days"),
            ({"kind": "account", "name": "x", "role": "member"}, "needs owner or admin"),
        ):
            wrong = await ada.post("/keys", data=data)
            assert (wrong.status_code in (400, 403), words in wrong.text) == (True, True), wrong.text
        foreign = await ada.post("/keys", data=form, headers={"origin": "https://elsewhere.example"})
        assert foreign.status_code == 403


async def test_a_form_sent_again_makes_no_other_key_and_says_so(house: House) -> None:
    async with house.visitor("ada") as ada:
        once = re.search(r'name="once" value="([0-9a-f-]{36})"', (await ada.get("/keys")).text)
        assert once
        form = {"kind": "make", "name": "Twice", "scopes": "read", "days": "7", "once": once[1]}
        answers = await asyncio.gather(*(ada.post("/keys", data=form) for _ in range(2)))
        answers.append(await ada.post("/keys", data=form))
        assert sorted(a.status_code for a in answers) == [200, 409, 409]
        assert [a.text.count('id="key"') for a in sorted(answers, key=lambda a: a.status_code)] == [1, 0, 0]
        assert "shown only once" in answers[2].text
        assert f'name="once" value="{once[1]}"' not in answers[2].text  # the next form makes another one
        named = [key for key in (await ada.get("/api/keys")).json()["keys"] if key["name"] == "Twice"]
        assert [key["id"] for key in named] == [once[1]]
        await ada.post("/keys", data={"kind": "revoke", "key": once[1]})
        assert (await ada.post("/keys", data=form)).status_code == 409
        for wrong in ("x", "' or 1", once[1].upper(), f"{{{once[1]}}}"):
            answer = await ada.post("/keys", data=form | {"once": wrong})
            assert (answer.status_code, "load the page again" in answer.text) == (400, True)
    async with house.visitor("bob") as bob:
        assert (await bob.post("/keys", data=form)).status_code == 409
        assert (await bob.get("/api/keys")).json()["keys"] == []


async def test_service_accounts_have_keys_and_no_login(house: House) -> None:
    async with house.visitor("bob") as bob:
        assert (await bob.get("/api/service-accounts")).status_code == 403
        assert (await bob.post("/api/service-accounts", json={"name": "r"})).status_code == 403
    await role(house, "ada", "admin")
    try:
        async with house.visitor("ada") as ada:
            robot = (await ada.post("/api/service-accounts", json={"name": "Robot", "role": "viewer"})).json()
            wish = {"name": "server", "scopes": ["read"], "days": None}
            key = (await ada.post(f"/api/service-accounts/{robot['id']}/keys", json=wish)).json()
            more = await ada.post(f"/api/service-accounts/{robot['id']}/keys", json=wish | {"scopes": ["missions"]})
            assert (more.status_code, "more than your role" in more.text) == (400, True)
            async with program(house, key["key"]) as client:
                assert (await client.get("/api/missions")).json() == {"missions": []}
                assert (await client.post("/api/missions", json={"goal": "x"})).status_code == 403
                change = await ada.patch(f"/api/service-accounts/{robot['id']}", json={"active": False})
                assert change.json()["active"] is False
                assert (await client.get("/api/missions")).status_code == 401
                await ada.patch(f"/api/service-accounts/{robot['id']}", json={"active": True, "take_over": True})
                assert (await client.get("/api/missions")).status_code == 200
                page = await ada.get("/keys")
                assert all(words in page.text for words in ("robot", "You answer for it", "New service account"))
                gone = await ada.delete(f"/api/service-accounts/{robot['id']}/keys/{key['id']}")
                assert (gone.status_code, (await client.get("/api/missions")).status_code) == (204, 401)
            assert (await ada.post("/login", data={"username": "robot", "password": ""})).status_code in (401, 422, 429)
            assert (await ada.patch("/api/service-accounts/user-bob", json={"active": False})).status_code == 404
    finally:
        await role(house, "ada", "member")
