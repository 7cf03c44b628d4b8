"""The description of our REST API: for people and programs that are let in, nothing of the chat's own, and readable."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import schemathesis
from doors_fixtures import House, open_house
from keys_fixtures import made, program

from api.scopes import SCOPE_ROUTES


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        yield opened


def bare(route: str) -> str:
    """Leave out what is called how in braces."""
    return re.sub(r"\{[^}]+\}", "{}", route)


async def test_it_describes_what_programs_call_and_nothing_of_the_chats_own(house: House) -> None:
    async with house.visitor("ada") as ada:
        schema = (await ada.get("/openapi.json")).json()
        for path in ("/docs", "/redoc"):
            assert (await ada.get(path)).status_code == 404
    there = {bare(f"{method.upper()} {path}") for path, ways in schema["paths"].items() for method in ways}
    listed = {bare(route) for routes in SCOPE_ROUTES.values() for route in routes} - {"GET /openapi.json"}
    assert listed <= there
    assert [door for door in there if " /api/" not in door and door not in listed] == []
    assert "/project/thread" not in str(schema)
    memories = schema["paths"]["/api/memories"]
    assert (memories["get"]["x-scope"], memories["delete"]["x-scope"]) == ("read", "")
    assert memories["get"]["description"].endswith("An API key needs the scope read.")
    assert len(list(schemathesis.openapi.from_dict(schema).get_all_operations())) == len(there)


async def test_strangers_get_nothing_and_keys_need_a_scope(house: House) -> None:
    async with house.visitor() as nobody:
        for path in ("/openapi.json", "/reference"):
            assert (await nobody.get(path, headers={"accept": "application/json"})).status_code == 401
    async with program(house, (await made(house, "ada", "read"))["key"]) as reading:
        assert (await reading.get("/openapi.json")).json()["info"]["title"] == "Staffwork"
    async with program(house, (await made(house, "ada", "shares"))["key"]) as other:
        assert (await other.get("/openapi.json")).status_code == 403


async def test_the_page_says_the_same_to_people(house: House) -> None:
    async with house.visitor("ada") as ada:
        answer = await ada.get("/reference")
    assert "<code>DELETE /api/memories/{memory_id}</code>" in answer.text
    assert "<code>POST /api/missions</code>" in answer.text
    assert "connect-src 'self'" in answer.headers["content-security-policy"]
