"""Schedules over HTTP: the routes, who may use them, and what they say when something is wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import pytest
from doors_fixtures import House, open_house

from graphs.schedule_keeping import ScheduleKeeper
from memory.schedules import Schedules

GIVEN: dict[str, Any] = {
    "name": "News",
    "goal": "Summarise the news",
    "cron": "0 8 * * 1-5",
    "timezone": "Europe/Berlin",
}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened:
        office: Any = opened.office
        store = Schedules(office.database)
        office.schedules = ScheduleKeeper(store, office.submit)
        yield opened


@pytest.fixture
async def ada(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.visitor("ada") as client:
        yield client


async def made(client: httpx.AsyncClient, **more: Any) -> dict[str, Any]:
    answer = await client.post("/api/schedules", json=GIVEN | more)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_add_list_show_change_and_remove(ada: httpx.AsyncClient):
    added = await made(ada, cost="0.5")
    assert (added["words"], added["version"], added["cost"]) == ("every weekday at 08:00", 1, "0.5")
    assert added["next_shown"].endswith(", 08:00")
    assert "user_id" not in added
    path = f"/api/schedules/{added['id']}"
    assert (await ada.get(path)).json() == added
    changed = await ada.patch(path, json={"version": 1, "cron": "30 9 * * *", "cost": None})
    assert changed.status_code == 200
    assert (changed.json()["words"], changed.json()["version"], changed.json()["cost"]) == (
        "every day at 09:30", 2, None,
    )  # fmt: skip
    assert (await ada.get("/api/schedules")).json() == {"schedules": [changed.json()]}
    assert (await ada.delete(path + "?version=2")).status_code == 204
    assert (await ada.get("/api/schedules")).json() == {"schedules": []}
    assert (await ada.get(path)).status_code == 404


async def test_a_stale_change_is_a_conflict_that_names_who_was_first(ada: httpx.AsyncClient):
    added = await made(ada)
    path = f"/api/schedules/{added['id']}"
    assert (await ada.patch(path, json={"version": 1, "name": "Mine"})).status_code == 200
    for stale in (await ada.patch(path, json={"version": 1, "name": "Yours"}), await ada.delete(path + "?version=1")):
        assert stale.status_code == 409
        assert stale.json()["detail"].startswith("ada changed this schedule on ")
    assert (await ada.get(path)).json()["name"] == "Mine"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"goal": "x"', "This is no JSON"),
        (b'["goal"]', "Send one JSON object"),
        (b"", "This is no JSON"),
        (b'{"goal": "x", "cron": "0 8 * *", "timezone": "UTC"}', "5 fields: minute hour day month weekday; you gave 4"),
        (b'{"goal": "x", "cron": "0 8 * * *", "timezone": "Berlim"}', "did you mean Europe/Berlin?"),
        (b'{"goal": "", "cron": "0 8 * * *", "timezone": "UTC"}', "goal: it is empty"),
        (b'{"goal": "x", "cron": "0 8 * * *", "timezone": "UTC", "user_id": "bob"}', "user_id: there is no such field"),
    ],
)
async def test_what_cannot_be_kept_is_refused_in_words(ada: httpx.AsyncClient, body: bytes, words: str):
    answer = await ada.post("/api/schedules", content=body)
    assert answer.status_code == 400
    assert words in answer.json()["detail"]
    assert (await ada.get("/api/schedules")).json() == {"schedules": []}


async def test_a_change_needs_the_version_that_was_seen(ada: httpx.AsyncClient):
    added = await made(ada)
    for body in ({"name": "x"}, {"name": "x", "version": True}, {"name": "x", "version": "1"}):
        answer = await ada.patch(f"/api/schedules/{added['id']}", json=body)
        assert (answer.status_code, "version: it is missing" in answer.text) == (400, True)


async def test_running_now_starts_a_mission_in_the_schedules_own_conversation(house: House, ada: httpx.AsyncClient):
    added = await made(ada, unattended="deny")
    runs = [await ada.post(f"/api/schedules/{added['id']}/run?request_id=click") for _ in range(2)]
    assert [r.status_code for r in runs] == [202, 202]
    assert runs[0].json() == runs[1].json()
    async with asyncio.timeout(30):
        async for event in house.office.follow(runs[0].json()["mission_id"]):
            last = event
    assert last.kind == "mission_ended"
    row = await house.office.missions.get(runs[0].json()["mission_id"])
    assert (row.mission.origin, row.mission.unattended) == (f"schedule:{added['id']}", "deny")
    found = (await ada.get(f"/api/schedules/{added['id']}")).json()
    assert (found["last_status"], found["conversation_id"]) == ("completed", runs[0].json()["conversation_id"])
    assert found["last_words"].startswith("Started by hand on ")


async def test_others_find_nothing_and_change_nothing(house: House, ada: httpx.AsyncClient):
    added = await made(ada)
    path = f"/api/schedules/{added['id']}"
    async with house.visitor("bob") as bob:
        assert (await bob.get("/api/schedules")).json() == {"schedules": []}
        assert (await bob.get(path)).status_code == 404
        assert (await bob.patch(path, json={"version": 1, "goal": "Send it to me"})).status_code == 404
        assert (await bob.delete(path)).status_code == 404
        assert (await bob.post(path + "/run")).status_code == 404
        assert "News" not in (await bob.get("/schedules")).text
    assert (await ada.get(path)).json() == added


async def test_strangers_and_other_sites_are_refused(house: House, ada: httpx.AsyncClient):
    added = await made(ada)
    async with house.visitor() as stranger:
        assert (await stranger.get("/api/schedules")).status_code == 401
        page = await stranger.get("/schedules", headers={"accept": "text/html"})
        assert page.status_code == 302
        assert page.headers["location"].startswith("/login?to=%2Fschedules&")
    foreign = {"origin": "https://evil.example"}
    for answer in (
        await ada.post("/api/schedules", json=GIVEN, headers=foreign),
        await ada.post(f"/api/schedules/{added['id']}/run", headers=foreign),
        await ada.delete(f"/api/schedules/{added['id']}", headers=foreign),
    ):
        assert answer.status_code == 403
    assert len((await ada.get("/api/schedules")).json()["schedules"]) == 1


async def test_a_preview_says_when(ada: httpx.AsyncClient):
    told = (await ada.get("/api/schedules/preview", params={"cron": "0 8 * * 1-5", "timezone": "berlin"})).json()
    assert (told["words"], told["timezone"], len(told["next"])) == ("every weekday at 08:00", "Europe/Berlin", 3)
    bad = await ada.get("/api/schedules/preview", params={"cron": "0 8", "timezone": "berlin"})
    assert (bad.status_code, bad.json()["detail"][:5]) == (400, "cron:")


async def test_the_page_shows_what_there_is_and_runs_nothing_that_people_wrote(ada: httpx.AsyncClient):
    empty = await ada.get("/schedules")
    assert 'class="empty" >' in empty.text
    evil = "<script>alert(1)</script>\"'$items"
    added = await made(ada, name=evil, goal=evil, active=False)
    page = await ada.get("/schedules")
    assert 'class="empty" hidden>' in page.text
    assert "<script>alert" not in page.text
    assert evil in unescape(page.text)
    assert added["id"] in page.text
    assert "Paused: it does not run by itself." in page.text
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy
    for name in ("schedules.js", "schedules.css"):
        address = page.text.split(f"/public/{name}")[1].split('"')[0]
        assert (await ada.get(f"/public/{name}{address}")).status_code == 200
